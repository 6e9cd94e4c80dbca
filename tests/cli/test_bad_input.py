"""What a user does wrong ends in one line that says what, and what to do: never in a traceback."""

import socket
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from mcs_controller.cli.main import main
from mcs_controller.cli.status_page import serving_status_page
from mcs_controller.kube.clock import SystemClock
from mcs_controller.observe.listening import ListenAddress, ListenError
from tests.cli.program import Ended, run
from tests.support.kubeconfigs import NOBODY_LISTENS, kubeconfig, write

pytestmark = pytest.mark.slow


def assert_one_line(ended: Ended, exit_code: int, *pieces: str) -> None:
    assert ended.exit_code == exit_code, ended.stderr
    own = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert len(own) == 1, ended.stderr
    assert own[0].startswith("mcs-controller: ")
    assert "Traceback" not in ended.stderr
    for piece in pieces:
        assert piece in own[0]
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("argv", "pieces"),
    [
        ([], ["COMMAND", "--help"]),
        (["serve"], ["'serve'", "agent", "dns", "demo", "crds", "version"]),
        (["agent", "--cluster-idd", "east"], ["--cluster-idd", "mcs-controller agent --help"]),
        (["agent", "--cluster-id", ""], ["--cluster-id: the value is empty"]),
        (["agent", "--fuse-share", "2"], ["--fuse-share", "'2'", "not a share above 0 and up to 1"]),
        (
            ["agent", "--cluster-id", "east.eu"],
            ["--cluster-id", "'east.eu'", "DNS label", "for example east-1"],
        ),
        (["agent", "--cluster-id", "a" * 53], ["--cluster-id", "53 characters", "52"]),
        (["agent", "--cluster-id", "east"], ["--broker-kubeconfig is missing", "MCS_BROKER_KUBECONFIG"]),
        (
            ["agent", "--cluster-id", "east", "--heartbeat-interval-seconds", "60"],
            ["--member-timeout-seconds (60)", "--heartbeat-interval-seconds (60)"],
        ),
        (["agent", "--cluster-id", "east", "--http", "8080"], ["--http", "'8080'", "ADDRESS:PORT"]),
        (["agent", "--cluster-id", "east", "--dead-member-policy", "drop"], ["'drop'", "withdraw, keep"]),
        (["dns", "--listen", "localhost:53"], ["--listen", "'localhost'", "IP address"]),
        (["dns", "--workers", "65"], ["--workers", "'65'", "from 1 to 64"]),
        (["agent", "--service-metrics", "2001"], ["--service-metrics", "'2001'", "from 0 to 2000"]),
        (["agent", "--workers", "257"], ["--workers", "'257'", "from 1 to 256"]),
        (["agent", "--lease-namespace", "a/b"], ["--lease-namespace: 'a/b'", "name of a namespace"]),
        (["agent", "--broker-renew-in", "mcs-broker"], ["--broker-renew-in: 'mcs-broker'", "NAMESPACE/NAME"]),
        (
            ["agent", "--broker-renew-in", "mcs-system/mcs-broker", "--broker-context", "b"],
            ["--broker-renew-in needs --broker-kubeconfig"],
        ),
        (["agent", "--lease-name", "Mine"], ["--lease-name: 'Mine'", "name of a Lease"]),
        (["status", "--lease-name", "Mine"], ["--lease-name: 'Mine'", "name of a Lease"]),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    argv: list[str], pieces: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code = main(argv)
    printed = capsys.readouterr()
    assert_one_line(Ended(exit_code, printed.out, printed.err), 2, *pieces)


async def test_the_program_ends_with_the_exit_code_of_the_mistake() -> None:
    assert_one_line(await run("agent", "--cluster-id", "east.eu"), 2, "--cluster-id", "'east.eu'")


async def test_a_wrong_environment_variable_is_named() -> None:
    ended = await run(
        "agent", environment={"MCS_CLUSTER_ID": "east", "MCS_HEARTBEAT_INTERVAL_SECONDS": "often"}
    )
    assert_one_line(
        ended, 2, "--heartbeat-interval-seconds (from MCS_HEARTBEAT_INTERVAL_SECONDS)", "'often'", "seconds"
    )


@pytest.mark.parametrize("command", ["agent", "dns"])
async def test_a_missing_kubeconfig_is_named(command: str, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.kubeconfig"
    assert_one_line(await run_command(command, missing, tmp_path), 1, str(missing))


@pytest.mark.parametrize(
    ("content", "pieces"),
    [
        ("clusters: [", []),
        ("just a text", []),
        ("", []),
        (kubeconfig(current="gone"), ["gone"]),
        (kubeconfig(clusters=[]), []),
    ],
    ids=["broken YAML", "no mapping", "empty", "unknown context", "no cluster"],
)
async def test_a_broken_kubeconfig_is_named(
    content: dict[str, Any] | str, pieces: list[str], tmp_path: Path
) -> None:
    broken = write(tmp_path, "broken.kubeconfig", content)
    assert_one_line(await run_command("dns", broken, tmp_path), 1, str(broken), *pieces)


async def test_a_password_in_the_url_of_a_server_is_not_printed(tmp_path: Path) -> None:
    for server in ("https://admin:hunt@er2@broker:port", "admin:hunter2@broker:6443"):
        broken = write(tmp_path, "broken.kubeconfig", kubeconfig(server))
        ended = await run_command("dns", broken, tmp_path)
        assert_one_line(ended, 1, "'***@broker:", "is no URL of an API server")
        assert "hunt" not in ended.stderr
        assert "admin" not in ended.stderr


async def test_outside_a_pod_the_missing_kubeconfig_option_is_named() -> None:
    ended = await run("dns", "--http", "127.0.0.1:0", "--listen", "127.0.0.1:0")
    assert_one_line(ended, 1, "--kubeconfig")


async def test_a_broken_kubeconfig_of_the_broker_is_named(tmp_path: Path) -> None:
    good = write(tmp_path, "good.kubeconfig", kubeconfig())
    broken = write(tmp_path, "broker.kubeconfig", "clusters: [")
    ended = await run(
        "agent", "--cluster-id", "east", "--kubeconfig", good, "--broker-kubeconfig", broken,
        "--http", "127.0.0.1:0",
    )  # fmt: skip
    assert_one_line(ended, 1, str(broken))


async def test_leave_ends_when_its_cluster_cannot_be_asked_instead_of_waiting(tmp_path: Path) -> None:
    away = write(tmp_path, "away.kubeconfig", kubeconfig())
    ended = await run("leave", "--cluster-id", "east", "--kubeconfig", away, "--broker-kubeconfig", away)
    assert_one_line(ended, 1, NOBODY_LISTENS, "cannot connect")


async def test_a_port_in_use_for_http_is_named_with_the_cure(tmp_path: Path) -> None:
    good = write(tmp_path, "good.kubeconfig", kubeconfig())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = await run("dns", "--kubeconfig", good, "--http", address, "--listen", "127.0.0.1:0")
    assert_one_line(ended, 1, f"--http: cannot listen on {address}", "already in use", "choose another port")


async def test_a_port_in_use_for_the_status_page_is_named_by_its_own_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        page = serving_status_page(ListenAddress.parse(address), Mock(), SystemClock())
        with pytest.raises(
            ListenError, match=f"^--status-page: cannot listen on {address}: the port is already"
        ):
            await page.__aenter__()


async def test_a_port_in_use_for_dns_is_named_with_the_cure(tmp_path: Path) -> None:
    good = write(tmp_path, "good.kubeconfig", kubeconfig())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = await run("dns", "--kubeconfig", good, "--http", "127.0.0.1:0", "--listen", address)
    assert_one_line(ended, 1, address, "in use")


async def test_a_zone_that_is_no_name_is_named(tmp_path: Path) -> None:
    good = write(tmp_path, "good.kubeconfig", kubeconfig())
    ended = await run(
        "dns", "--zone", "a..b", "--kubeconfig", good, "--http", "127.0.0.1:0", "--listen", "127.0.0.1:0"
    )
    assert_one_line(ended, 2, "--zone", "'a..b' is not a DNS name")


async def run_command(command: str, config: Path, folder: Path) -> Ended:
    if command == "dns":
        return await run("dns", "--kubeconfig", config, "--http", "127.0.0.1:0", "--listen", "127.0.0.1:0")
    broker = write(folder, "broker.kubeconfig", kubeconfig())
    return await run(
        "agent", "--cluster-id", "east", "--kubeconfig", config, "--broker-kubeconfig", broker,
        "--http", "127.0.0.1:0",
    )  # fmt: skip
