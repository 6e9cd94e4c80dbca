#!/usr/bin/env python3
"""What is wrong with hack/image/Dockerfile, by the few rules that matter for an image of a server.

Its bases are arguments with a tag; whatever pip installs has a pin and a hash; the last stage installs
nothing, runs as a user with a number, and starts the program without a shell, which would keep its signals;
and what is copied is let in by .dockerignore.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = "hack/image/Dockerfile"
LABELS = ("title", "description", "licenses", "version")
_REFERENCE = re.compile(r"\$\{(\w+)\}")
_SECRET = re.compile(r"TOKEN|PASSWORD|SECRET|CREDENTIAL", re.IGNORECASE)
_INSTALLS = re.compile(r"\b(pip3?|apt|apt-get|apk|dnf|yum)\b[^&|;]* (install|add)\b")
_PIP_INSTALLS = re.compile(r"\bpip3?\b[^&|;]* install\b[^&|;]*")
_SHELLS_IN = re.compile(r"\b(curl|wget)\b[^&;]*\|")


@dataclass(frozen=True)
class Instruction:
    word: str
    rest: str


def instructions(dockerfile: str) -> list[Instruction]:
    """With continued lines joined, and without comments."""
    lines = [line for line in dockerfile.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = (line.split(maxsplit=1) for line in joined.splitlines())
    return [Instruction(word.upper(), rest) for word, rest in found]


def problems(dockerfile: str, ignored: str) -> Iterator[str]:
    """A line each; `ignored` is the content of .dockerignore."""
    found = instructions(dockerfile)
    starts = [number for number, one in enumerate(found) if one.word == "FROM"]
    if not starts:
        yield "no FROM"
        return
    yield from _bases(found[: starts[0]], [found[number].rest for number in starts])
    for one in found:
        yield from _anywhere(one)
    yield from _last_stage(found[starts[-1] :])
    yield from _copies(found, [line.strip() for line in ignored.splitlines()])


def _bases(before: Iterable[Instruction], images: Iterable[str]) -> Iterator[str]:
    defaults = dict(one.rest.split("=", 1) for one in before if one.word == "ARG" and "=" in one.rest)
    for name, default in defaults.items():
        tag = _REFERENCE.fullmatch(default) or re.search(r":(?!latest$)[\w.-]+$", default)
        if not tag:
            yield f"ARG {name}: {default} has no tag, or one that says nothing"
    stages: set[str] = set()
    for image in images:
        base, _, stage = image.partition(" AS ")
        argument = _REFERENCE.fullmatch(base)
        if base not in stages and (argument is None or argument[1] not in defaults):
            yield f"FROM {base}: neither an argument with a default nor a stage"
        stages.add(stage)


def _anywhere(one: Instruction) -> Iterator[str]:
    if one.word == "ADD":
        yield "ADD: COPY does what is meant"
    if one.word == "WORKDIR" and not one.rest.startswith("/"):
        yield f"WORKDIR {one.rest}: not absolute"
    if one.word in ("ARG", "ENV") and _SECRET.search(one.rest):
        yield f"{one.word} {one.rest}: it would stay in the image"
    if one.word in ("ENTRYPOINT", "CMD") and not _is_exec_form(one.rest):
        yield f"{one.word} {one.rest}: a shell would run it, and take its signals"
    if one.word == "RUN":
        if re.search(r"\bsudo\b", one.rest):
            yield "RUN sudo: it is root"
        if _SHELLS_IN.search(one.rest):
            yield "RUN with what the network sends, unseen"
        for command in _PIP_INSTALLS.findall(one.rest):
            if "--require-hashes" not in command and not {"--no-index", "--no-deps"} <= set(command.split()):
                yield f"{command.strip()}: without hashes"


def _is_exec_form(rest: str) -> bool:
    try:
        words = json.loads(rest)
    except json.JSONDecodeError:
        return False
    return isinstance(words, list) and bool(words) and all(isinstance(word, str) for word in words)


def _last_stage(stage: list[Instruction]) -> Iterator[str]:
    users = [one.rest for one in stage if one.word == "USER"]
    if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]):
        yield "the last stage does not end as a user and group with numbers that are not root's"
    if [one.word for one in stage][-1] != "ENTRYPOINT":
        yield "the last instruction is not ENTRYPOINT"
    if any(one.word == "RUN" and _INSTALLS.search(one.rest) for one in stage):
        yield "the last stage installs something"
    labels = " ".join(one.rest for one in stage if one.word == "LABEL")
    for name in LABELS:
        if f"org.opencontainers.image.{name}=" not in labels:
            yield f"no label org.opencontainers.image.{name}"


def _copies(found: Iterable[Instruction], ignored: list[str]) -> Iterator[str]:
    if "*" not in ignored:
        yield ".dockerignore does not begin with nothing"
    for one in found:
        if one.word != "COPY" or one.rest.startswith("--from="):
            continue
        *sources, _ = one.rest.split()
        for source in sources:
            if f"!{source}" not in ignored:
                yield f"COPY {source}: .dockerignore leaves it out"


def main() -> int:
    found = list(problems((ROOT / DOCKERFILE).read_text(), (ROOT / ".dockerignore").read_text()))
    for line in found:
        print(f"{DOCKERFILE}: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
