"""The agent and the DNS server as processes: they wait for what can come back, say so, and end politely."""

import asyncio
import os
import signal
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.zone.snapshot import service_line, write_snapshot
from tests.cli.program import run, running, start
from tests.dns.zonetext import packed, vip
from tests.support.kubeconfigs import kubeconfig, write

pytestmark = pytest.mark.slow


def argv_of(command: str, folder: Path) -> list[str | Path]:
    config = write(folder, "away.kubeconfig", kubeconfig())
    if command == "dns":
        return ["dns", "--kubeconfig", config, "--listen", "127.0.0.1:0", "--drain-seconds", "0"]
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


@pytest.mark.parametrize("command", ["agent", "dns"])
async def test_what_a_login_program_complains_of_is_told_without_its_password(
    command: str, tmp_path: Path
) -> None:
    program_of_login = tmp_path / "login"
    program_of_login.write_text("#!/bin/sh\necho 'cannot log in: db_password=hunter2' >&2\nexit 1\n")
    program_of_login.chmod(0o755)
    plugin = {"command": str(program_of_login), "apiVersion": "client.authentication.k8s.io/v1"}
    argv = argv_of(command, tmp_path)
    users = [{"name": "u", "user": {"exec": {**plugin, "interactiveMode": "Never"}}}]
    write(tmp_path, "away.kubeconfig", kubeconfig(users=users))

    async with running(*argv) as program:
        _, text = await program.get_until("/readyz", "cannot log in: db_password=***")
        ended = await program.end(signal.SIGTERM)

    assert "hunter2" not in text
    assert "hunter2" not in f"{program.lines} {ended.stderr}"


async def test_the_agent_waiting_for_its_lease_says_so(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        code = 503 if "/leases" in request.path else 404
        return web.json_response({"kind": "Status", "code": code, "reason": "Sorry"}, status=code)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        config = write(tmp_path, "a.kubeconfig", kubeconfig(str(server.make_url(""))))
        argv: list[str | Path] = ["agent", "--cluster-id", "east", "--kubeconfig", config]
        with socket.create_server(("127.0.0.1", 0)) as free:
            page_port = free.getsockname()[1]
        argv += ["--broker-kubeconfig", config, "--status-page", f"127.0.0.1:{page_port}"]
        async with running(*argv) as program:
            status, text = await program.get_until("/readyz", "leader election: ")
            assert status == 503
            assert "lease" in text.lower()
            url = f"http://127.0.0.1:{page_port}/"
            async with aiohttp.ClientSession() as session, session.get(url) as page:
                assert page.status == 503
                assert "<h1>No replica leads</h1>" in await page.text()
            assert (await program.end(signal.SIGTERM)).exit_code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_process_with_exit_code_0(number: signal.Signals, tmp_path: Path) -> None:
    async with running(*argv_of("dns", tmp_path)) as program:
        ended = await program.end(number)
    assert ended.exit_code == 0
    assert "Traceback" not in ended.stderr


async def test_dns_workers_answer_from_a_snapshot_and_end_with_the_command(tmp_path: Path) -> None:
    snapshot = tmp_path / "zone.snapshot"
    service = packed(vip("shop/web", "10.96.0.1"))
    line = service_line(ServiceKey("shop", "web"), service)
    write_snapshot(snapshot, "clusterset.local.", [line], datetime.now(UTC))
    options: list[str | Path] = ["--workers", "2", "--snapshot", snapshot, "--log-level", "info"]

    async with running(*argv_of("dns", tmp_path), *options) as program:
        _, metrics = await program.get_until("/metrics", "mcs_dns_workers 2.0")
        assert "mcs_dns_zone_services 1.0" in metrics
        assert (await program.get("/readyz"))[0] == 200
        ended = await program.end(signal.SIGTERM)
    assert ended.exit_code == 0
    assert "Traceback" not in ended.stderr


async def test_the_usage_of_a_process_with_dns_workers_is_that_of_all(tmp_path: Path) -> None:
    async with running(*argv_of("dns", tmp_path), "--workers", "2") as program:
        await program.get_until("/metrics", "mcs_dns_workers 2.0")
        pids = [program.process.pid, *children_of(program.process.pid)]
        _, metrics = await program.get("/metrics")
        resident_bytes = sum(map(resident_bytes_of, pids))
        told_bytes = float(value_of("process_resident_memory_bytes", metrics))
        assert len(pids) == 3
        assert 0.8 * resident_bytes < told_bytes < 1.2 * resident_bytes
        # The parent looks at its own loop twice a second, its workers at theirs five times each.
        first = float(value_of("mcs_event_loop_lag_seconds_count", metrics))
        await asyncio.sleep(3)
        _, metrics = await program.get("/metrics")
        assert float(value_of("mcs_event_loop_lag_seconds_count", metrics)) - first > 10
        assert (await program.end(signal.SIGTERM)).exit_code == 0


def value_of(name: str, metrics: str) -> str:
    (line,) = [line for line in metrics.splitlines() if line.startswith(f"{name} ")]
    return line.split()[1]


def resident_bytes_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("number", "receivers"),
    [
        (signal.SIGTERM, "the command"),
        (signal.SIGINT, "the command"),
        (signal.SIGINT, "its process group"),
        (signal.SIGTERM, "every process"),
    ],
    ids=["as of a kubelet", "as of kill", "as of a terminal", "as of an init system"],
)
async def test_a_signal_while_dns_workers_start_ends_the_command_as_at_any_other_time(
    number: signal.Signals, receivers: str, tmp_path: Path
) -> None:
    """The workers, which are at their imports, may get it as well."""
    argv = [*argv_of("dns", tmp_path), "--workers", "3", "--http", "127.0.0.1:0"]
    for delay_seconds in (0.0, 0.1, 0.3, 0.6):
        process = await start(*argv, own_session=True)
        assert process.stderr is not None
        told = await asyncio.wait_for(process.stderr.readuntil(b"http_port"), 60)
        await asyncio.sleep(delay_seconds)
        workers = children_of(process.pid)
        if receivers == "its process group":
            os.killpg(process.pid, number)
        else:
            for pid in [*workers * (receivers == "every process"), process.pid]:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        _, rest = await asyncio.wait_for(process.communicate(), 60)
        told += rest
        assert process.returncode == 0, told.decode()
        assert b"Traceback" not in told, told.decode()
        assert not any(map(is_there, workers))


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_a_snapshot_that_is_garbage_is_one_line_in_the_log(tmp_path: Path) -> None:
    snapshot = tmp_path / "zone.snapshot"
    snapshot.write_bytes(b"garbage")
    async with running(*argv_of("dns", tmp_path), "--snapshot", snapshot) as program:
        assert (await program.get("/readyz"))[0] == 503
        ended = await program.end(signal.SIGTERM)
    lines = [*map(str, program.lines), *ended.stderr.splitlines()]
    assert len([line for line in lines if "is not used: its checksum is wrong" in line]) == 1


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


def about(spec: object) -> web.Application:
    """A cluster with this ClusterProperty, None for none, and nothing else."""

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/apis/about.k8s.io/v1alpha1":
            return web.json_response({"resources": [{"name": "clusterproperties"}]})
        if spec and request.path.endswith("/v1alpha1/clusterproperties/cluster.clusterset.k8s.io"):
            return web.json_response({"metadata": {"name": "cluster.clusterset.k8s.io"}, "spec": spec})
        return web.json_response({"kind": "Status", "code": 404, "reason": "NotFound"}, status=404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app


@pytest.mark.requirement("MCS-NS-08", "MCS-NS-06")
@pytest.mark.parametrize(
    ("option", "spec", "pieces"),
    [
        ([], None, ["this cluster has no id", "--cluster-id", "MCS_CLUSTER_ID", "cluster.clusterset.k8s.io"]),
        (["--cluster-id", "east"], {"value": "west"}, ["--cluster-id is east", "says west"]),
        ([], {"value": "East.example"}, ["ClusterProperty", "'East.example' is not a DNS label"]),
        ([], {"value": ""}, ["ClusterProperty", "empty"]),
        ([], {"value": 7}, ["ClusterProperty", "empty"]),
    ],
    ids=["neither", "different", "no label", "empty", "no text"],
)
async def test_a_cluster_id_that_is_not_sure_ends_the_agent_with_one_line(
    option: list[str], spec: object, pieces: list[str], tmp_path: Path
) -> None:
    async with TestServer(about(spec)) as server:
        config = write(tmp_path, "a.kubeconfig", kubeconfig(str(server.make_url(""))))
        ended = await run(
            "agent", *option, "--kubeconfig", config, "--broker-kubeconfig", config,
            "--no-leader-elect", "--http", "127.0.0.1:0",
        )  # fmt: skip
    assert ended.exit_code == 1
    (line,) = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    for piece in pieces:
        assert piece in line


@pytest.mark.requirement("MCS-NS-08")
async def test_the_id_of_the_cluster_property_is_in_every_line_of_the_log(tmp_path: Path) -> None:
    async with TestServer(about({"value": "east"})) as server:
        config = write(tmp_path, "a.kubeconfig", kubeconfig(str(server.make_url(""))))
        argv: list[str | Path] = ["agent", "--kubeconfig", config, "--broker-kubeconfig", config]
        argv.append("--no-leader-elect")
        async with running(*argv) as program:
            _, text = await program.get_until("/readyz", "no MemberCluster east")
            assert "[+] cluster id" in text
            ended = await program.end(signal.SIGTERM)
    assert '"cluster": "east"' in ended.stderr or '"cluster":"east"' in ended.stderr


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
