"""`mcs-controller status` as people run it, on simulated clusters, on a terminal and without one."""

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import termios
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from mcs_controller.api.names import LABEL_MANAGED_BY, MANAGED_BY
from mcs_controller.api.resources import LEASES, MEMBER_CLUSTERS, NAMESPACES, SECRETS
from mcs_controller.cli.status.settings import metrics_url
from mcs_controller.simcluster.cluster import SimCluster
from tests.cli.program import PROGRAM, Ended, run
from tests.support import crds
from tests.support.kubeconfigs import kubeconfig, write
from tests.support.objects import EXPORTS, IMPORTS, Object, body, export_body, member_cluster

pytestmark = pytest.mark.slow

NOW = "2026-01-01T12:00:00Z"
METRICS = """\
mcs_export_to_import_seconds_bucket{{le="0.1"}} 100
mcs_export_to_import_seconds_bucket{{le="+Inf"}} 100
mcs_kube_reachable{{client="broker"}} 1
mcs_dns_requests_total{{proto="udp",type="A",rcode="NOERROR"}} {asked}
"""


def condition(type: str, status: str, reason: str) -> Object:
    return {
        "type": type,
        "status": status,
        "reason": reason,
        "message": "said why",
        "lastTransitionTime": NOW,
    }


class Metrics:
    """Serves what an agent and a DNS server serve; each time that it is asked, 50 queries more."""

    def __init__(self) -> None:
        self.asked = 0
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Metrics"]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics"
        async with server:
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 50
        text = METRICS.format(asked=self.asked).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
        await writer.drain()
        writer.close()


class Scene:
    """East, which exports two services and imports one, and the broker with east and north."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.east = SimCluster("east", random=Random(1))
        self.broker = SimCluster("broker", random=Random(2))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Scene"]:
        async with self.east, self.east.serve(), self.broker, self.broker.serve():
            api, broker = self.east.client(), self.broker.client()
            await crds.install(api, *crds.MCS_CRDS)
            await crds.install(broker, *crds.BROKER_CRDS)
            for name in ("shop", "mcs-system"):
                await api.create(NAMESPACES, {"metadata": {"name": name}})
            for name in ("east", "north"):
                await broker.create(NAMESPACES, {"metadata": {"name": f"mcs-member-{name}"}})
                await broker.create(MEMBER_CLUSTERS, member_cluster(name))
            uid = (await api.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
            status = {"clusterUID": uid, "heartbeat": "2020-01-01T00:00:00.000000Z"}
            await broker.patch(
                MEMBER_CLUSTERS, "east", {"status": status}, namespace="mcs-member-east", subresource="status"
            )
            for name, kind in (("web", "Conflict"), ("api", "Valid")):
                await api.create(EXPORTS, export_body(name, "shop"))
                said = condition(kind, "True" if kind == "Conflict" else "False", "Because")
                await api.patch(
                    EXPORTS,
                    name,
                    {"status": {"conditions": [said]}},
                    namespace="shop",
                    subresource="status",
                )
            imported = body(IMPORTS, "web", "shop", spec={"type": "ClusterSetIP", "ports": []})
            imported["metadata"]["labels"] = {LABEL_MANAGED_BY: MANAGED_BY}
            await api.create(IMPORTS, imported)
            spec = {"holderIdentity": "mcs-agent-a_1", "leaseDurationSeconds": 15}
            await api.create(LEASES, body(LEASES, "mcs-agent", "mcs-system", spec=spec))
            yield self

    def options(self, *, broker: bool = True) -> list[str | Path]:
        # A name that is not the member's: it is known by its UID.
        options: list[str | Path] = [
            "--kubeconfig",
            write(self.folder, "mine.kubeconfig", self.east.kubeconfig()),
        ]
        if broker:
            file = write(self.folder, "broker.kubeconfig", self.broker.kubeconfig())
            options += ["--broker-kubeconfig", file]
        return options

    async def status(self, *words: str | Path, broker: bool = True) -> Ended:
        return await run("status", *self.options(broker=broker), *words)


async def test_the_leader_is_looked_for_where_the_agent_has_its_lease(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        ended = await scene.status("--lease-namespace", "leases")
        assert "there is no Lease leases/mcs-agent" in ended.stdout


async def test_one_screen_shows_broker_cluster_and_what_is_not_well(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        ended = await scene.status()
    assert (ended.exit_code, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("Clusterset at 20")
    assert lines[1] == "2 problems and 2 warnings: 2 members, 0 services in 0 exports, 1 import, nothing held"
    east = next(line.split() for line in lines if line.startswith("east"))
    assert east[2:] == ["ago", "2", "1", "0", "0", "-", "-", "mcs-agent-a"]
    assert next(line for line in lines if line.startswith("north")).split()[1] == "never"
    assert "export not valid shop/api in east: Because: said why" in lines
    assert "DNS rate of east: its API server has no pods to ask: give --dns-metrics URL" in lines


async def test_metrics_are_read_where_they_are_said_to_be(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene, Metrics().serving() as metrics:
        options = ("--agent-metrics", metrics.url, "--dns-metrics", f"mine={metrics.url}", "-o", "json")
        ended = await scene.status(*options)
        other = await scene.status("--agent-metrics", f"west={metrics.url}", "-o", "json")
    (east,) = json.loads(ended.stdout)["clusters"]
    assert east["name"] == "east"
    assert east["agent"]["lag"] == {
        "p50Seconds": 0.05,
        "p99Seconds": pytest.approx(0.099),
        "changes": 100,
        "overSeconds": None,
    }
    assert 10.0 < east["dns"]["perSecond"] < 100.0
    assert json.loads(other.stdout)["clusters"][0]["agent"] is None


async def test_a_cluster_that_is_away_does_not_hide_the_others(tmp_path: Path) -> None:
    write(tmp_path, "dead.kubeconfig", kubeconfig())
    async with Scene(tmp_path).serving() as scene:
        ended = await scene.status("--kubeconfig", tmp_path / "dead.kubeconfig", "-o", "json")
    found = json.loads(ended.stdout)
    east, dead = found["clusters"]
    assert ended.exit_code == 0
    assert (east["name"], east["exports"]["count"]) == ("east", 2)
    assert "Connection refused" in dead["away"]["reason"]


async def test_nothing_that_answers_is_an_exit_code_of_1(tmp_path: Path) -> None:
    file = write(tmp_path, "dead.kubeconfig", kubeconfig())
    ended = await run("status", "--kubeconfig", file, "--broker-kubeconfig", file)
    assert (ended.exit_code, ended.stderr) == (1, "")
    assert "away             dead: for 0s: " in ended.stdout


async def test_without_a_named_broker_the_agents_credential_is_taken(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        without = await scene.status("-o", "json", broker=False)
        client = scene.east.client()
        data = {"kubeconfig": b64encode(scene.broker.kubeconfig().encode()).decode()}
        await client.create(SECRETS, body(SECRETS, "mcs-broker", "mcs-system", data=data))
        with_secret = await scene.status("-o", "json", broker=False)
    assert json.loads(without.stdout)["notKnown"]["broker"] == (
        "there is no Secret mcs-system/mcs-broker: give --broker-kubeconfig or --broker-context"
    )
    broker = json.loads(with_secret.stdout)["broker"]
    assert [one["name"] for one in broker["members"]] == ["east", "north"]


async def test_what_is_named_as_the_broker_and_is_none_is_said(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        mine = scene.options(broker=False)
        ended = await run("status", *mine, "--broker-kubeconfig", mine[1])
    assert ended.exit_code == 0
    assert "the broker is not read" in ended.stdout.splitlines()[1]
    assert "serves no MemberClusters: give the broker's kubeconfig" in " ".join(ended.stdout.split())


async def test_a_broker_that_refuses_the_token_or_does_not_answer_is_said_in_the_first_lines(
    tmp_path: Path,
) -> None:
    dead = write(tmp_path, "dead.kubeconfig", kubeconfig())
    async with Scene(tmp_path).serving() as scene:
        scene.broker.faults.fail(401, verbs=("list",))
        refused = await scene.status()
        away = await run("status", *scene.options(broker=False), "--broker-kubeconfig", dead)
    for ended, says in (
        (refused, "does not take the token or certificate"),
        (away, "cannot connect: Connection refused"),
    ):
        # The cluster could be read.
        assert (ended.exit_code, ended.stderr) == (0, "")
        assert ended.stdout.splitlines()[1].startswith("2 problems and 1 warning: the broker is not read")
        assert says in " ".join(ended.stdout.split())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--context", "a", "--kubeconfig", "x,y"], "--context: it names clusters of one kubeconfig"),
        (["--agent-metrics", "ftp://x"], "write http://127.0.0.1:8080/metrics"),
        (["--interval-seconds", "0"], "is not a number of seconds above 0"),
    ],
)
async def test_what_cannot_be_meant_is_one_line(options: list[str], told: str) -> None:
    ended = await run("status", *options)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert told in ended.stderr


def test_a_url_of_metrics_may_name_its_cluster() -> None:
    assert metrics_url("http://h:1") == ("", "http://h:1", "/metrics")
    assert metrics_url("east=https://h/a/b") == ("east", "https://h", "/a/b")
    assert metrics_url("http://[::1]:80/m") == ("", "http://[::1]:80", "/m")


async def test_without_a_terminal_each_interval_prints_a_block(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        options = [*scene.options(), "--watch", "--interval-seconds", "0.2"]
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            "status",
            *options,
            "-o",
            "json",
            stdout=asyncio.subprocess.PIPE,
            env={"PATH": "/usr/bin"},
        )
        assert process.stdout is not None
        told: list[Any] = [json.loads(await process.stdout.readline()) for _ in range(3)]
        process.send_signal(signal.SIGINT)
        await process.communicate()
    assert [one["clusters"][0]["name"] for one in told] == ["east"] * 3
    assert process.returncode == 0


class OnTerminal:
    """The program on a pseudo-terminal of 90 columns and 26 lines."""

    def __init__(self, *words: str | Path, **environment: str) -> None:
        self._words, self._environment = words, environment
        self.shown = ""

    async def __aenter__(self) -> "OnTerminal":
        self._ours, theirs = pty.openpty()
        self.resize(90, 26)
        self.process = await asyncio.create_subprocess_exec(
            PROGRAM,
            *self._words,
            stdin=theirs,
            stdout=theirs,
            env={"PATH": "/usr/bin", "TERM": "xterm", **self._environment},
            start_new_session=True,
        )
        os.close(theirs)
        asyncio.get_running_loop().add_reader(self._ours, self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._ours)
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        os.close(self._ours)

    def _read(self) -> None:
        try:
            self.shown += os.read(self._ours, 65536).decode()
        except OSError:
            asyncio.get_running_loop().remove_reader(self._ours)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    async def until(self, text: str) -> None:
        async with asyncio.timeout(60.0):
            while text not in self.shown:  # noqa: ASYNC110 - a terminal has no event to wait for
                await asyncio.sleep(0.05)


async def test_on_a_terminal_it_draws_in_place_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    async with (
        Scene(tmp_path).serving() as scene,
        OnTerminal("status", *scene.options(), "--watch") as terminal,
    ):
        await terminal.until("NOT KNOWN")
        assert terminal.shown.startswith("\x1b[?1049h\x1b[?25l\x1b[?2026h\x1b[H\x1b[1mClusterset")
        terminal.shown = ""
        terminal.resize(60, 20)
        terminal.process.send_signal(signal.SIGWINCH)
        await terminal.until("NOT KNOWN")
        terminal.shown = ""
        terminal.process.send_signal(signal.SIGINT)
        assert await terminal.process.wait() == 0
        await terminal.until("\x1b[?25h\x1b[?1049l")
        await terminal.until("NOT KNOWN")
    frame = terminal.shown.partition("\x1b[?1049l")[2]
    assert "\x1b[?" not in frame
    plain = frame.replace("\x1b[0m", "")
    assert all(len(line.rpartition("m")[2]) <= 90 for line in plain.splitlines())


async def test_no_color_leaves_out_the_colours(tmp_path: Path) -> None:
    async with (
        Scene(tmp_path).serving() as scene,
        OnTerminal("status", *scene.options(), NO_COLOR="1") as terminal,
    ):
        await terminal.until("NOT KNOWN")
    assert "\x1b" not in terminal.shown
