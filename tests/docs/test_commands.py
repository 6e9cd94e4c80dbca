"""Every command of README and docs is run by a test or says why not, and has options that exist."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from mcs_controller import __version__
from mcs_controller.cli.main import PRINTING_COMMANDS, RUNNING_COMMANDS
from mcs_controller.cli.options import options_of, read_options
from tests.cli.reference import SETTINGS
from tests.docs.blocks import PAGES, ROOT, all_blocks, run_blocks
from tests.docs.invocations import Invocation, in_script, in_sentences, only_reads

RUN_BY = {
    "README.md": "tests/docs/test_readme.py",
    "docs/checks.md": "tests/docs/test_installed.py",
    "docs/dns.md": "tests/dns/test_dns_page.py",
    "docs/explain.md": "tests/docs/test_installed.py",
    "docs/getting-started.md": "tests/docs/test_installed.py",
    "docs/helm.md": "tests/docs/test_readme.py",
    "docs/how-to/debug-a-name.md": "tests/docs/test_tour.py",
    "docs/how-to/drain-a-cluster.md": "tests/docs/test_tour.py",
    "docs/how-to/export-a-service.md": "tests/docs/test_tour.py",
    "docs/how-to/go-headless.md": "tests/docs/test_tour.py",
    "docs/how-to/roll-out.md": "tests/docs/test_tour.py",
    "docs/operations.md": "tests/docs/test_installed.py",
    "docs/security.md": "tests/docs/test_installed.py",
    "docs/tour.md": "tests/docs/test_tour.py",
}
"""The test that runs a page's blocks, all but those that say why not."""

NOT_RUN = {
    "CONTRIBUTING.md": 1,
    "README.md": 2,
    "docs/checks.md": 1,
    "docs/getting-started.md": 4,
    "docs/how-to/debug-a-name.md": 1,
    "docs/helm.md": 2,
    "docs/image.md": 2,
    "docs/inventory.md": 6,
    "docs/operations.md": 7,
    "docs/policies.md": 4,
    "docs/reliability.md": 1,
    "docs/status-page.md": 1,
    "docs/tour.md": 1,
}
"""How many blocks no test runs, so that one more is a decision."""

IN_SENTENCES_NOT_RUN = {
    "kubectl get clusterproperties --show-managed-fields -o yaml": "it reads, where the kind is installed",
    "kubectl --namespace mcs-system logs mcs-check": "what a `helm test` that failed has left",
    "kubectl --namespace mcs-system scale deployment mcs-agent --replicas 2": "tests/charts runs it",
    "kubectl -n mcs-system port-forward deployment/mcs-agent 8080": "a pod with a node; it goes on",
    "kubectl -n mcs-system port-forward pod/NAME 8080": "a pod with a node; it goes on",
    "kubectl delete serviceexports -n shop -l mcs-controller.io/export-policy=public": (
        "what a policy that is gone has left"
    ),
    "kubectl -n mcs-inventory delete clusterprofiles -l x-k8s.io/cluster-manager=OLD": (
        "what a hub of another name has left; controllers/test_hub_versions.py finds it by the label"
    ),
    'kubectl -n mcs-member-east patch membercluster east --type=merge -p {"spec": {"displayName": "East"}}': (
        "a member's place; controllers/test_hub.py has one with a name"
    ),
    "kubectl create namespace mcs-inventory": "controllers/test_hub.py makes it while a hub waits for it",
    "kubectl config set-context --current --namespace=consumer --kubeconfig hub.kubeconfig": (
        "the consumer's file; access/test_reaching.py has a context with a namespace"
    ),
    "curl 127.0.0.1:8080/readyz?verbose": "what port-forward has opened",
    "curl http://127.0.0.1:8080/readyz?verbose": "what port-forward has opened",
}
"""What a sentence mentions of other programs, and why no test runs it."""

OURS = frozenset({"mcs-controller", ".venv/bin/mcs-controller", "venv/bin/mcs-controller"})
OTHERS_OPTIONS = frozenset(
    {
        "--bump-revision",
        "--service-account-max-token-expiration",
        "--help",
        "--logs",
        "--namespace",
        "--no-hooks",
        "--parts",
        "--classes",
        "--rounds",
        "--seconds",
        "--set",
        "--timeout",
        "--wait",
    }
)
"""Of etcdutl, kube-apiserver, kubectl, Helm and the benchmarks."""
COMMANDS = {**RUNNING_COMMANDS, **PRINTING_COMMANDS}
PROGRAMS = "ctr|mcs-controller|kubectl|helm|make|dig|curl|docker|python3|pip|sudo|export|for|cd"
BLOCKS = list(all_blocks())


def words_after_program(invocation: Invocation) -> tuple[str, ...] | None:
    """What our program is given, also as a plugin of kubectl; None for other programs."""
    program, *words = invocation.argv
    if program in OURS:
        return tuple(words)
    return tuple(words[1:]) if program == "kubectl" and words[:1] == ["mcs"] else None


def parser_of(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=command, allow_abbrev=False)
    import_module(f"mcs_controller.cli.{command}").add_arguments(parser)
    return parser


def settings_of(command: str, action: str | None) -> type | None:
    """None for what is only a word before others, such as `broker`."""
    return SETTINGS.get("options:" + "-".join(filter(None, (command, action))))


def flags_of(settings: type) -> set[str]:
    return {flag for option in options_of(settings) for flag in (option.flag, f"--no-{option.name}")}


IN_BLOCKS = [
    pytest.param(words, id=f"{block.place} {' '.join(words)}")
    for block in BLOCKS
    for invocation in in_script(block.place, block.commands)
    if (words := words_after_program(invocation))
]
IN_SENTENCES = [
    pytest.param(words, id=f"{page.name} {' '.join(words)}")
    for page in PAGES
    for invocation in in_sentences(page, OURS | {"kubectl"})
    if (words := words_after_program(invocation))
]


@pytest.mark.parametrize("words", IN_BLOCKS)
def test_a_command_in_a_block_is_complete_and_its_options_and_values_are_taken(
    words: tuple[str, ...],
) -> None:
    command, *rest = words
    if command == "version":
        assert rest == []
        return
    arguments = parser_of(command).parse_args(rest)
    settings = settings_of(command, getattr(arguments, "action", None))
    assert settings is not None
    if "$" not in "".join(rest):
        read_options(settings, arguments, {})


@pytest.mark.parametrize("words", IN_SENTENCES)
def test_a_command_in_a_sentence_exists_and_so_do_its_options(words: tuple[str, ...]) -> None:
    command, *rest = words
    assert command in {*COMMANDS, "version", "COMMAND", "--help", "--version"}
    action = rest[0] if rest and settings_of(command, rest[0]) else None
    settings = settings_of(command, action)
    flags = {word.partition("=")[0] for word in rest if word.startswith("--")} - {"--help", "--version"}
    known = flags_of(settings) if settings else set()
    assert flags <= known


def test_an_option_that_does_not_exist_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser_of("join").parse_args(["--broker-kubekonfig", "east"])
    assert "--broker-kubekonfig" in capsys.readouterr().err


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_an_option_that_a_page_names_is_one_of_a_command(page: Path) -> None:
    ours = {flag for settings in SETTINGS.values() for flag in flags_of(settings)}
    # `--member-max-…` stands for all that begin so.
    named = set(re.findall(r"`(--[a-z][a-z-]*)", page.read_text())) - OTHERS_OPTIONS
    assert {
        one
        for one in named
        if one not in ours and not (one.endswith("-") and any(known.startswith(one) for known in ours))
    } == set()


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for invocation in (
        *(one for block in BLOCKS for one in in_script(block.place, block.commands)),
        *(one for page in PAGES for one in in_sentences(page, frozenset({"make"}))),
    ):
        if invocation.argv[0] == "make":
            target = next(word for word in invocation.argv[1:] if "=" not in word)
            assert target in targets, invocation


def test_what_sentences_mention_of_other_programs_only_reads_or_is_not_run_for_a_reason() -> None:
    mentioned = {
        " ".join(one.argv)
        for page in PAGES
        for one in in_sentences(page, frozenset({"kubectl", "curl"}))
        if words_after_program(one) is None and is_whole(one) and not only_reads(one)
    }
    assert mentioned == set(IN_SENTENCES_NOT_RUN)


def is_whole(invocation: Invocation) -> bool:
    """Not only the name of a command, such as `kubectl delete`."""
    return len(invocation.argv) > 3 or invocation.argv[0] == "curl"


def test_every_block_is_run_or_says_why_not() -> None:
    left_out = Counter(block.page for block in BLOCKS if block.not_run)
    assert left_out == NOT_RUN
    assert {block.page for block in BLOCKS if not block.not_run} == set(RUN_BY)
    for page, test in RUN_BY.items():
        assert run_blocks(page)
        assert f'run_blocks("{page}")' in (ROOT / test).read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_command_stands_outside_of_a_block(page: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert re.findall(rf"^ {{4,}}(?:\.?venv/bin/|\$ )?(?:{PROGRAMS}) .*$", text, re.MULTILINE) == []


def test_the_version_that_pages_name_is_this_one() -> None:
    named = {
        found
        for page in PAGES
        for found in re.findall(r"mcs-controller:(\d[\w.]*)|\$IMAGE:(\S+)", page.read_text())
    }
    assert {one for found in named for one in found if one} == {__version__}
