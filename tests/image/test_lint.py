"""hack/image/lint.py: each rule finds what it is for, and our Dockerfile keeps to all of them."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.scripts import HACK, load_script

DOCKERFILE = (HACK / "image" / "Dockerfile").read_text()
IGNORED = (HACK.parent / ".dockerignore").read_text()


@pytest.fixture(scope="module")
def lint() -> ModuleType:
    return load_script("image/lint")


def test_the_dockerfile_keeps_to_the_rules(lint: ModuleType) -> None:
    assert list(lint.problems(DOCKERFILE, IGNORED)) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "=python:3.13-slim",
            "=python:latest",
            "ARG BASE: python:latest has no tag, or one that says nothing",
        ),
        ("=python:3.13-slim", "=python", "ARG BASE: python has no tag, or one that says nothing"),
        (
            "\nFROM ${BASE}\n",
            "\nFROM python:3\n",
            "FROM python:3: neither an argument with a default nor a stage",
        ),
        (
            "\nFROM ${BASE}\n",
            "\nFROM ${OTHER}\n",
            "FROM ${OTHER}: neither an argument with a default nor a stage",
        ),
        ("COPY LICENSE", "ADD LICENSE", "ADD: COPY does what is meant"),
        ("WORKDIR /source", "WORKDIR source", "WORKDIR source: not absolute"),
        ("ARG PIP_NO_INDEX=", "ARG INDEX_TOKEN=", "ARG INDEX_TOKEN=: it would stay in the image"),
        (
            'ENTRYPOINT ["mcs-controller"]',
            "ENTRYPOINT mcs-controller",
            "ENTRYPOINT mcs-controller: a shell would run it, and take its signals",
        ),
        ("RUN /tools", "RUN sudo /tools", "RUN sudo: it is root"),
        ("RUN /tools", "RUN curl example.com | sh && /tools", "RUN with what the network sends, unseen"),
        (
            "/tools/bin/pip install --require-hashes -r /tools/lock.txt",
            "/tools/bin/pip install -r /tools/lock.txt",
            "pip install -r /tools/lock.txt: without hashes",
        ),
        (
            "USER 65532:65532",
            "USER nobody",
            "the last stage does not end as a user and group with numbers that are not root's",
        ),
        (
            "USER 65532:65532",
            "USER 0:0",
            "the last stage does not end as a user and group with numbers that are not root's",
        ),
        (
            "RUN rm",
            "RUN apt-get update && apt-get install -y git && rm",
            "the last stage installs something",
        ),
        ("image.licenses=", "image.license=", "no label org.opencontainers.image.licenses"),
        ("COPY mcs_controller ", "COPY tests ", "COPY tests: .dockerignore leaves it out"),
    ],
)
def test_each_rule_finds_what_it_is_for(lint: ModuleType, before: str, after: str, told: str) -> None:
    assert DOCKERFILE.count(before) == 1
    assert list(lint.problems(DOCKERFILE.replace(before, after), IGNORED)) == [told]


def test_something_after_the_entrypoint_and_a_list_of_exceptions_alone_are_found(lint: ModuleType) -> None:
    assert list(lint.problems(DOCKERFILE + 'CMD ["agent"]\n', IGNORED)) == [
        "the last instruction is not ENTRYPOINT"
    ]
    assert list(lint.problems(DOCKERFILE, IGNORED.replace("\n*\n", "\n"))) == [
        ".dockerignore does not begin with nothing"
    ]
    assert list(lint.problems("ARG BASE=one:1\n", IGNORED)) == ["no FROM"]
