"""The agent and the DNS server as processes: they wait for what can come back, say so, and end politely."""

import signal
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.cli.kubeconfigs import kubeconfig, write
from tests.cli.program import run, running


def argv_of(command: str, folder: Path) -> list[str | Path]:
    config = write(folder, "away.kubeconfig", kubeconfig())
    if command == "dns":
        return ["dns", "--kubeconfig", config, "--listen", "127.0.0.1:0"]
    return [
        "agent", "--cluster-id", "east", "--kubeconfig", config, "--broker-kubeconfig", config,
        "--no-leader-elect",
    ]  # fmt: skip


@pytest.mark.parametrize("command", ["agent", "dns"])
async def test_an_api_server_that_is_away_is_waited_for_and_told(command: str, tmp_path: Path) -> None:
    async with running(*argv_of(command, tmp_path)) as program:
        status, text = await program.get_until("/readyz", "127.0.0.1:9")
        assert status == 503
        assert "[-] " in text
        assert (await program.get("/healthz"))[0] == 200
        _, metrics = await program.get("/metrics")
        assert 'mcs_build_info{version="' in metrics
        ended = await program.end(signal.SIGTERM)
    assert ended.exit_code == 0
    assert "Traceback" not in ended.stderr


async def test_the_agent_waiting_for_its_lease_says_so(tmp_path: Path) -> None:
    argv = [word for word in argv_of("agent", tmp_path) if word != "--no-leader-elect"]
    async with running(*argv) as program:
        status, text = await program.get_until("/readyz", "127.0.0.1:9")
        assert status == 503
        assert "lease" in text.lower()
        assert (await program.end(signal.SIGTERM)).exit_code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_process_with_exit_code_0(number: signal.Signals, tmp_path: Path) -> None:
    async with running(*argv_of("dns", tmp_path)) as program:
        ended = await program.end(number)
    assert ended.exit_code == 0
    assert "Traceback" not in ended.stderr


async def test_crds_that_are_not_installed_are_waited_for_and_told(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"kind": "Status", "code": 404, "reason": "NotFound"}, status=404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        config = write(tmp_path, "bare.kubeconfig", kubeconfig(str(server.make_url(""))))
        argv: list[str | Path] = [
            "agent", "--cluster-id", "east", "--kubeconfig", config, "--broker-kubeconfig", config,
            "--no-leader-elect",
        ]  # fmt: skip
        async with running(*argv) as program:
            status, _ = await program.get_until("/readyz", "mcs-controller crds | kubectl apply -f -")
            assert status == 503
            await program.get_until("/readyz", "exportedservices.broker.mcs-controller.io")
            assert (await program.get("/healthz"))[0] == 200
            ended = await program.end(signal.SIGTERM)
    assert ended.exit_code == 0
    assert "Traceback" not in ended.stderr


async def test_a_cluster_id_that_another_cluster_has_ends_the_agent_with_one_line(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/api/v1/namespaces/kube-system":
            return web.json_response({"metadata": {"name": "kube-system", "uid": "ours"}})
        if request.path.endswith("/namespaces/mcs-member-east/memberclusters/east"):
            metadata = {"name": "east", "namespace": "mcs-member-east", "resourceVersion": "7"}
            return web.json_response({"metadata": metadata, "status": {"clusterUID": "theirs"}})
        return web.json_response({"kind": "Status", "code": 404, "reason": "NotFound"}, status=404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        config = write(tmp_path, "a.kubeconfig", kubeconfig(str(server.make_url(""))))
        ended = await run(
            "agent", "--cluster-id", "east", "--kubeconfig", config, "--broker-kubeconfig", config,
            "--no-leader-elect", "--http", "127.0.0.1:0",
        )  # fmt: skip
    assert ended.exit_code == 1
    (line,) = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert line.startswith("mcs-controller: ")
    assert "theirs" in line
    assert "east" in line
    assert "Traceback" not in ended.stderr
