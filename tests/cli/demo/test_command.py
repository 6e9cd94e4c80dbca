import asyncio
import os
import signal
import socket
from pathlib import Path

import aiohttp
import pytest

from mcs_controller.cli.main import main
from tests.cli.demo.running import running_demo
from tests.cli.program import DEADLINE_SECONDS, Ended, run
from tests.cli.test_bad_input import assert_one_line

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("argv", "pieces"),
    [
        (["--clusters", "0"], ["--clusters", "'0'", "whole number"]),
        (["--clusters", "1"], ["--clusters: a demo", "2 to 20", "from two"]),
        (["--clusters", "21"], ["--clusters: '21'", "from 1 to 20"]),
        (["--clusters", "three"], ["--clusters", "'three'", "whole number"]),
        (["--dns-port", "65535"], ["--dns-port 65535", "3 ports", "65533"]),
        (["--http-port", "x"], ["--http-port", "'x'"]),
        (["--http-port", "65536"], ["--http-port", "'65536'", "0 to 65535"]),
        (["--page-port", "70000"], ["--page-port", "'70000'", "0 to 65535"]),
        (["--dns-port", "9000", "--http-port", "9001"], ["--dns-port 9000", "--http-port 9001", "overlap"]),
        (["--log-level", "loud"], ["--log-level", "loud", "warning"]),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    argv: list[str], pieces: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["demo", "--once", *argv])
    assert_one_line(Ended(code, *capsys.readouterr()), 2, *pieces)


async def test_a_port_in_use_that_was_asked_for_is_named_with_the_cure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for option in ("--dns-port", "--http-port", "--page-port"):
            ended = await run("demo", "--once", "--clusters", "2", option, str(port))
            assert_one_line(ended, 1, f"{option} {port}", "already in use", "ss -l", f"leave {option} out")


async def test_a_kubeconfig_dir_that_is_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    ended = await run("demo", "--once", "--dns-port", "0", "--http-port", "0", "--kubeconfig-dir", file)
    assert_one_line(ended, 1, "--kubeconfig-dir", str(file), "another directory")
    assert file.read_text() == "mine"


async def test_it_prints_where_everything_is_and_ends_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    async with running_demo("--clusters", "2", "--kubeconfig-dir", tmp_path) as (process, printed):
        assert printed[0].split() == ["CLUSTER", "STATUS", "PAGE", "DNS", "METRICS", "KUBECONFIG"]
        assert [line.split()[0] for line in printed[1:4]] == ["east", "west", "broker"]
        files = {name: tmp_path / f"{name}.kubeconfig" for name in ("east", "west", "broker")}
        for name, file in files.items():
            assert file.stat().st_mode & 0o777 == 0o600, name
        process.send_signal(signal.SIGINT)
        rest, errors = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
    assert (process.returncode, rest, errors) == (0, b"", b"")
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
async def test_each_cluster_answers_on_the_first_port_and_its_number(tmp_path: Path) -> None:
    dns_port, http_port, page_port = free_range(2), free_range(2), free_range(2)
    ports = ("--dns-port", str(dns_port), "--http-port", str(http_port), "--page-port", str(page_port))
    async with running_demo("--clusters", "2", *ports, "--kubeconfig-dir", tmp_path) as (_, printed):
        for number, line in enumerate(printed[1:3]):
            assert f"127.0.0.1:{dns_port + number} " in line
            assert f"http://127.0.0.1:{http_port + number}/metrics" in line
            assert f"http://127.0.0.1:{page_port + number}/ " in line
        url = f"http://127.0.0.1:{page_port}/services"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert "3 of 3 services" in await response.text()


def free_range(count: int) -> int:
    """The first of some ports in a row that nobody listens on at the moment."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as found:
            first: int = found.getsockname()[1]
        try:
            for port in range(first, first + count):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return first
