import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mcs_controller import __version__
from mcs_controller.api.crd import all_crds, crds_of
from mcs_controller.cli.errors import CliError, UsageError, expected, one_line
from mcs_controller.cli.main import PRINTING_COMMANDS, RUNNING_COMMANDS, main
from mcs_controller.controllers.membership.errors import ClusterIdTaken
from mcs_controller.kube.errors import ConfigError
from tests.cli.program import PROGRAM, run
from tests.support.kubeconfigs import kubeconfig, write


def test_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"mcs-controller {__version__}\n"


@pytest.mark.parametrize(("argv", "exit_code"), [(["version"], 0), (["no-such-command"], 2)])
def test_python_runs_the_package_as_the_program(argv: list[str], exit_code: int) -> None:
    by_python, by_name = (
        subprocess.run([*command, *argv], capture_output=True, text=True, check=False, timeout=60)
        for command in ([sys.executable, "-m", "mcs_controller"], [PROGRAM])
    )
    assert by_python.returncode == by_name.returncode == exit_code
    assert (by_python.stdout, by_python.stderr) == (by_name.stdout, by_name.stderr)


def test_crds_are_yaml_that_kubectl_can_apply(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["crds"]) == 0
    assert list(yaml.safe_load_all(capsys.readouterr().out)) == all_crds()


async def test_crds_into_a_reader_that_stops_early_is_no_traceback() -> None:
    process = await asyncio.create_subprocess_shell(
        f"{PROGRAM} crds | head -c 100", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    stdout, stderr = await process.communicate()
    assert stdout.startswith(b"---\napiVersion: apiextensions.k8s.io/v1\n")
    assert stderr == b""


async def test_help_names_every_command_and_each_command_its_options() -> None:
    ended = await run("--help")
    assert ended.exit_code == 0
    for command in (*RUNNING_COMMANDS, *PRINTING_COMMANDS, "version"):
        assert re.search(rf"\n    {command}\s", ended.stdout), command
    agent = await run("agent", "--help")
    assert agent.exit_code == 0
    for piece in ("--cluster-id", "--no-leader-elect", "(default 10)", "[MCS_BROKER_KUBECONFIG]"):
        assert piece in " ".join(agent.stdout.split())


def test_the_help_of_a_command_keeps_its_capitals(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["dns", "check", "--help"])
    assert "Compare what a DNS server answers" in capsys.readouterr().out


def test_what_a_user_can_put_right_is_found_within_groups() -> None:
    taken = ClusterIdTaken("cluster id east is taken")
    group = BaseExceptionGroup("tasks", [RuntimeError("x"), ExceptionGroup("term", [taken])])
    assert expected(group) is taken
    assert expected(ConfigError("no such file")) is not None
    assert expected(RuntimeError("a bug")) is None
    assert expected(ExceptionGroup("tasks", [RuntimeError("a bug")])) is None


def test_a_message_of_several_lines_becomes_one() -> None:
    assert one_line(ConfigError("while parsing\n  a block mapping\n\nexpected ':'")) == (
        "while parsing a block mapping expected ':'"
    )
    assert one_line(ConfigError("")) == "ConfigError"


def test_usage_errors_have_their_own_exit_code() -> None:
    assert (CliError.exit_code, UsageError.exit_code) == (1, 2)


@pytest.mark.parametrize("command", [*RUNNING_COMMANDS, "crds", "dns check"])
def test_every_option_of_every_command_has_an_environment_variable(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    _, _, options = capsys.readouterr().out.partition("\noptions:\n")
    declared = [" ".join(one.split()) for one in re.split(r"\n  (?=-)", "\n" + options)[1:]]
    assert declared[0].startswith("-h, --help")
    assert [one for one in declared[1:] if not re.search(r"\[MCS_[A-Z_]+\]$", one)] == []


@pytest.mark.parametrize(
    ("argv", "environment", "told"),
    [
        (["crds", "--check", "--apply"], {}, "--check and --apply: choose one of them"),
        (["crds", "--apply"], {"MCS_CHECK": "true"}, "--check and --apply: choose one of them"),
        (["crds"], {"MCS_FOR": "everybody"}, "--for (from MCS_FOR): 'everybody' is not one of"),
        (["demo", "--once"], {"MCS_CLUSTERS": "1"}, "--clusters (from MCS_CLUSTERS): a demo has 2 to 20"),
        (
            ["demo", "--once"],
            {"MCS_DNS_PORT": "70000"},
            "--dns-port (from MCS_DNS_PORT): '70000' is not a port",
        ),
    ],
)
def test_what_the_environment_says_counts_for_crds_and_demo(
    argv: list[str],
    environment: dict[str, str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(argv) == 2
    assert told in capsys.readouterr().err


def test_the_environment_chooses_whose_definitions_are_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCS_FOR", "broker")
    assert main(["crds"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("kind: CustomResourceDefinition") == len(crds_of("broker"))
    assert "kind: MemberCluster" in printed


@pytest.mark.parametrize(
    ("environment", "told"),
    [({}, "no-such-server.invalid"), ({"KUBECONFIG": "elsewhere.kubeconfig"}, "elsewhere.kubeconfig")],
)
def test_kubectl_runs_it_as_a_plugin_that_knows_the_kubeconfig_of_the_home_directory(
    environment: dict[str, str], told: str, tmp_path: Path
) -> None:
    (tmp_path / ".kube").mkdir()
    write(tmp_path / ".kube", "config", kubeconfig("https://no-such-server.invalid"))

    def plugin(*words: str) -> subprocess.CompletedProcess[str]:
        code = "import sys; from mcs_controller.cli.main import kubectl_plugin; sys.exit(kubectl_plugin())"
        return subprocess.run(
            [sys.executable, "-c", code, *words],
            env={"HOME": str(tmp_path), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert plugin("version").stdout == f"kubectl mcs {__version__}\n"
    assert plugin("broker", "--help").stdout.startswith("usage: kubectl mcs broker")
    wrong = plugin("join")
    assert wrong.stderr.startswith("kubectl mcs: --broker-kubeconfig is missing")
    asked = plugin("fuse", "status")
    assert asked.stderr.startswith("kubectl mcs: ")
    assert told in asked.stderr
