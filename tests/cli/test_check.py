"""`mcs-controller check` as people run it: with one kubeconfig, with both, with few rights, and with none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcs_controller.api.names import LABEL_MANAGED_BY, MANAGED_BY
from mcs_controller.api.resources import LEASES, MEMBER_CLUSTERS, NAMESPACES, SECRETS
from mcs_controller.cli.errors import CannotAsk
from mcs_controller.install.checks.judging import CHECKS
from mcs_controller.kube.clock import rfc3339_micro
from tests.cli.checking import check, found, results
from tests.cli.installing import TOKEN, Scene
from tests.cli.program import Ended, run
from tests.support import crds
from tests.support.dns import dns_server
from tests.support.kubeconfigs import kubeconfig, write
from tests.support.objects import IMPORTS, body

pytestmark = pytest.mark.slow

ONE_LOOK = ("--again-after-seconds", "0")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def not_skipped(ended: Ended) -> set[str]:
    return {id for id, result in results(ended).items() if result != "skipped"}


async def look(scene: Scene, *words: str | Path, cluster: str = "east") -> Ended:
    """At one of the clusters, once."""
    return await check("--kubeconfig", scene.kubeconfig(cluster), *ONE_LOOK, *words)


async def joined(scene: Scene) -> Path:
    """East is a member, and has the MCS API; no agent runs. The file with its credential."""
    file = await scene.member()
    assert (await scene.join(file)).exit_code == 0
    await crds.install(scene.api["east"], *crds.MCS_CRDS)
    return file


async def beat(scene: Scene, moment: datetime) -> None:
    """The heartbeat of east, as its agent writes it."""
    uid = await scene.uid("east")
    status = {"heartbeat": rfc3339_micro(moment), "clusterUID": uid, "version": "0.1.0"}
    await scene.api["broker"].patch(
        MEMBER_CLUSTERS, "east", {"status": status}, namespace="mcs-member-east", subresource="status"
    )


async def import_web(scene: Scene, cluster: str = "east", ip: str = "10.96.1.1") -> None:
    """An import that an agent left behind."""
    await scene.api[cluster].create(NAMESPACES, {"metadata": {"name": "shop"}})
    spec = {"type": "ClusterSetIP", "ips": [ip], "ipFamilies": ["IPv4"], "ports": [{"port": 80}]}
    made = body(IMPORTS, "web", "shop", spec=spec)
    made["metadata"]["labels"] = {LABEL_MANAGED_BY: MANAGED_BY}
    await scene.api[cluster].create(IMPORTS, made)


async def test_a_cluster_that_has_joined_and_has_no_agent_is_told_what_is_missing(scene: Scene) -> None:
    async with scene.serving():
        await joined(scene)
        before = scene.contents("east"), scene.contents("broker")
        ended = await run("check", "--kubeconfig", scene.kubeconfig("east"), *ONE_LOOK)
        assert (ended.exit_code, ended.stderr) == (1, "")
        lines = ended.stdout.splitlines()
        assert lines[0] == "RESULT   ID          CHECK"
        assert "ok       MCS-CHK-05  broker reached with the member's own credential" in lines
        assert "failed   MCS-CHK-13  leader of the agent" in lines
        assert "                     - there is no Lease mcs-system/mcs-agent: no agent has led here" in lines
        assert lines[-1].endswith("What each means: docs/checks.md")
        assert max(map(len, lines)) <= 100
        assert TOKEN not in ended.stdout
        assert (scene.contents("east"), scene.contents("broker")) == before


async def test_programs_get_the_same_as_json_and_yaml(scene: Scene) -> None:
    async with scene.serving():
        await joined(scene)
        ended = await look(scene)
        told = json.loads(ended.stdout)
        assert (ended.exit_code, told["result"]) == (1, "failed")
        assert sum(told["summary"].values()) == len(told["checks"]) == len(CHECKS)
        leader = found(ended)["13"]
        assert leader["evidence"] == ["there is no Lease mcs-system/mcs-agent: no agent has led here"]
        assert "logs deploy/mcs-agent" in leader["todo"]
        assert leader["more"] == "docs/checks.md#mcs-chk-13"
        assert found(ended)["05"]["todo"] is None
        ended = await look(scene, "-o", "yaml")
        assert [one["id"] for one in yaml.safe_load(ended.stdout)["checks"]] == [one.id for one in CHECKS]


async def test_the_leader_is_looked_for_where_the_agent_has_its_lease(scene: Scene) -> None:
    async with scene.serving():
        await joined(scene)
        spec = {
            "holderIdentity": "a",
            "renewTime": rfc3339_micro(datetime.now(UTC)),
            "leaseDurationSeconds": 600,
        }
        await scene.api["east"].create(NAMESPACES, {"metadata": {"name": "leases"}})
        await scene.api["east"].create(LEASES, body(LEASES, "east.agent", "leases", spec=spec))
        assert results(await look(scene))["13"] == "failed"
        where = ("--lease-namespace", "leases", "--lease-name", "east.agent")
        assert found(await look(scene, *where))["13"]["evidence"] == [
            "a leads, and renews Lease leases/east.agent"
        ]


async def test_with_the_broker_alone_its_side_is_looked_at(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    async with scene.serving():
        file = await joined(scene)
        await beat(scene, datetime.now(UTC))
        of_broker = {"07", "09", "10", "11", "12", "16", "22", "26"}
        broker = ("--broker-kubeconfig", scene.kubeconfig("broker"))
        ended = await check(*ONE_LOOK, *broker)
        assert (ended.exit_code, not_skipped(ended)) == (0, of_broker)
        assert found(ended)["01"]["evidence"][0].startswith("no member cluster was named")
        ended = await check(*ONE_LOOK, "--broker", "--kubeconfig", scene.kubeconfig("broker"))
        assert not_skipped(ended) == of_broker
        # A member's credential says whose it is, and is looked at as well.
        ended = await check(*ONE_LOOK, "--broker-kubeconfig", file)
        assert not_skipped(ended) == {"05", "06"} | of_broker

        monkeypatch.setenv("KUBECONFIG", str(scene.kubeconfig("east")))
        assert "01" in not_skipped(await check(*ONE_LOOK, *broker))
        assert not_skipped(await check(*ONE_LOOK, *broker, "--broker")) == of_broker


async def test_where_nobody_answers_nothing_is_judged(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    async with scene.serving():
        nobody = write(scene.folder, "nobody", kubeconfig())
        for words in (
            ("--broker-kubeconfig", nobody),
            ("--kubeconfig", nobody, "--broker-kubeconfig", nobody),
            ("--kubeconfig", scene.folder / "missing"),
            (),
        ):
            with pytest.raises(CannotAsk):
                await check(*ONE_LOOK, *words)
        ended = await run("check", *ONE_LOOK, "--kubeconfig", nobody)
        assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
        # The cluster is away, and the broker is not.
        await joined(scene)
        broker = ("--broker-kubeconfig", scene.kubeconfig("broker"))
        ended = await check(*ONE_LOOK, "--kubeconfig", nobody, *broker)
        assert ended.exit_code == 1
        assert results(ended)["01"] == "failed"


async def test_a_broker_that_is_away_or_refuses_fails_its_check(scene: Scene) -> None:
    async with scene.serving():
        await joined(scene)
        faults = scene.clusters["broker"].faults
        for code, says in ((401, "does not accept it"), (403, "it is not that of member east")):
            faults.fail(code, verbs=("get",), resources=("memberclusters",))
            reached = found(await look(scene))["05"]
            faults.clear()
            assert reached["result"] == "failed"
            assert says in reached["evidence"][0]
        nobody = write(scene.folder, "nobody", kubeconfig())
        secret = await scene.api["east"].get(SECRETS, "mcs-broker", "mcs-system")
        await scene.api["east"].delete(SECRETS, "mcs-broker", namespace="mcs-system")
        missing = await look(scene)
        assert "no Secret mcs-system/mcs-broker" in found(missing)["05"]["evidence"][0]
        away = found(await look(scene, "--broker-kubeconfig", nobody))["05"]
        assert away["result"] == "failed"
        del secret["metadata"]["resourceVersion"], secret["metadata"]["uid"]
        await scene.api["east"].create(SECRETS, {**secret, "data": {"kubeconfig": "bm90aGluZw=="}})
        assert "it is no kubeconfig" in found(await look(scene))["05"]["evidence"][0]


async def test_what_may_not_be_read_is_skipped_and_the_file_takes_the_place_of_the_secret(
    scene: Scene,
) -> None:
    async with scene.serving():
        file = await joined(scene)
        scene.clusters["east"].faults.fail(403, resources=("secrets", "configmaps", "leases"))
        ended = await look(scene)
        assert "the credential has not the right" in found(ended)["05"]["evidence"][0]
        assert {"05", "13", "17"}.isdisjoint(not_skipped(ended))
        ended = await look(scene, "--broker-kubeconfig", file)
        assert results(ended)["05"] == "ok"
        assert f"the credential in file {file}" in found(ended)["05"]["evidence"][0]


async def test_a_heartbeat_that_changes_between_two_looks_is_alive_whatever_it_says(scene: Scene) -> None:
    async with scene.serving():
        await joined(scene)
        long_ago = datetime.now(UTC) - timedelta(hours=1)

        async def live() -> None:
            for second in range(600):
                await beat(scene, long_ago + timedelta(seconds=second))
                await asyncio.sleep(0.2)

        await beat(scene, long_ago)
        words = ("--kubeconfig", scene.kubeconfig("east"), "--again-after-seconds", "1")
        living = asyncio.create_task(live())
        alive = await check(*words)
        living.cancel()
        assert "looking again in 1 s: " in alive.stderr
        assert "MCS-CHK-11" in alive.stderr
        assert results(alive)["11"] == "ok"
        assert any("the agent of east is 3" in text for text in found(alive)["09"]["evidence"])
        dead = await check(*words)
        assert results(dead)["11"] == "failed"


class _Relay(asyncio.DatagramProtocol):
    """Carries datagrams to another server; over TCP nobody listens."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self.sent: list[asyncio.Task[None]] = []

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.sent.append(asyncio.create_task(self._carry(data, address)))

    async def _carry(self, data: bytes, address: Any) -> None:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bytes] = loop.create_future()

        class Answer(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, address: Any) -> None:
                answered.set_result(data)

        transport, _ = await loop.create_datagram_endpoint(Answer, remote_addr=self._target)
        transport.sendto(data)
        self._transport.sendto(await answered, address)
        transport.close()


@asynccontextmanager
async def without_tcp(target: tuple[str, int]) -> AsyncIterator[str]:
    """The address of a server that answers as `target` does, over UDP only."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Relay(target), local_addr=("127.0.0.1", 0))
    try:
        yield f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


async def test_dns_servers_are_asked_over_udp_and_tcp_and_held_against_the_imports(scene: Scene) -> None:
    async with scene.serving():
        await joined(scene)
        await crds.install(scene.api["west"], *crds.MCS_CRDS)
        await import_web(scene)
        await import_web(scene, "west", "10.96.2.2")
        async with dns_server(scene.api["east"]) as ours, dns_server(scene.api["west"]) as others:
            right, wrong = (f"{host}:{port}" for host, port in (ours, others))
            ended = await look(scene, "--dns-server", right, "--cluster-dns", right)
            assert [results(ended)[id] for id in ("19", "20", "21")] == ["ok", "ok", "ok"], ended
            ended = await look(scene, "--dns-server", wrong, "--cluster-dns", wrong)
            for id in ("19", "20", "21"):
                one = found(ended)[id]
                assert one["result"] == "failed"
                assert "10.96.1.1" in one["evidence"][0]
                assert "10.96.2.2" in one["evidence"][0]
            async with without_tcp(ours) as udp_only:
                seen = results(await look(scene, "--dns-server", udp_only))
                assert (seen["19"], seen["20"]) == ("ok", "failed")
        silent = found(await look(scene, "--dns-server", right))["19"]
        assert silent["result"] == "failed"


async def test_texts_of_other_clusters_cannot_send_control_codes_to_a_terminal(scene: Scene) -> None:
    async with scene.serving():
        await joined(scene)
        await import_web(scene)
        status = {"status": {"clusters": [{"cluster": "\x1b[2J\nevil"}]}}
        await scene.api["east"].patch(IMPORTS, "web", status, namespace="shop", subresource="status")
        ended = await run("check", "--kubeconfig", scene.kubeconfig("east"), *ONE_LOOK)
        assert "evil exports services that are imported here" in " ".join(ended.stdout.split())
        assert "\x1b" not in ended.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--dns-server", "dns.example:53"), "--dns-server: 'dns.example' is not an IP address"),
        (("--cluster-id", "East"), "--cluster-id: cluster id 'East' is not a DNS label"),
        (("-o", "xml"), "--output: 'xml' is not one of"),
        (("--again-after-seconds", "-1"), "--again-after-seconds"),
        (("--broker-context", "x"), "--broker-kubeconfig is missing"),
    ],
)
async def test_a_mistake_is_told_in_one_line(words: tuple[str, ...], says: str) -> None:
    ended = await run("check", *words)
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert says in ended.stderr
