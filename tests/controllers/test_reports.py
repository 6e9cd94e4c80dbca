"""An agent with --report-to-inventory tells the broker how its cluster is, and changes nothing else there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from mcs_controller.api.resources import LEASES, MEMBER_REPORTS, NAMESPACES, cluster_properties
from mcs_controller.kube.clock import rfc3339
from mcs_controller.kube.connection.transport import LineStream, Request, Response, Transport
from mcs_controller.kube.errors import NotFound, Unreachable
from mcs_controller.kube.lookup import find
from tests.support import crds
from tests.support.agents import EPOCH
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import Object

pytestmark = pytest.mark.looptime

PROPERTIES = cluster_properties("v1beta1")
CRD = "clusterproperties.about.k8s.io"
REPORTS = "memberreports.broker.mcs-controller.io"
PLACE = "mcs-member-east"
SET = "clusterset.k8s.io"
WITHIN_SECONDS = 150


@dataclass
class Server:
    """How the cluster's API server answers when it is asked how it is; `away`: it does not, to anybody."""

    away: bool = False
    readyz: Response | None = None
    reports_asked: int = 0

    def through(self, transport: Transport) -> Transport:
        return _Through(self, transport)

    def not_ready(self, body: bytes) -> None:
        self.readyz = Response(500, {}, body)


class _Through:
    def __init__(self, server: Server, transport: Transport) -> None:
        self._server = server
        self._transport = transport

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        if self._server.away and not request.path.startswith("/apis/broker."):
            raise Unreachable("connection refused")
        self._server.reports_asked += "/memberreports" in request.path
        if request.path == "/readyz" and self._server.readyz is not None:
            return self._server.readyz
        return await self._transport.request(request, timeout_seconds=timeout_seconds)

    async def stream(
        self, request: Request, *, timeout_seconds: float, inactivity_seconds: float
    ) -> LineStream:
        return await self._transport.stream(
            request, timeout_seconds=timeout_seconds, inactivity_seconds=inactivity_seconds
        )

    async def renew_credential(self) -> bool:
        return False

    async def close(self) -> None:
        await self._transport.close()


async def began(
    world: Clusterset, *, server: Server | None = None, kind: bool = True, installed: bool = False
) -> Cluster:
    """East, whose agent reports, on a broker that takes reports."""
    east = world["east"]
    if kind:
        await crds.install(world.broker_api, REPORTS)
    if not installed:
        await east.install(CRD)
    east.start(report_to_inventory=True, through=(server or Server()).through)
    await east.ready()
    return east


def a_world() -> Clusterset:
    return Clusterset("east", start=False)


async def spec(world: Clusterset) -> Object:
    found = await find(world.broker_api, MEMBER_REPORTS, "report", PLACE)
    said: Object = found["spec"] if found is not None else {}
    return said


async def until_said(world: Clusterset, field: str, wanted: Any) -> None:
    async def is_so() -> bool:
        said = await spec(world)
        found: Object = {
            "properties": {one["name"]: one["value"] for one in said.get("properties", ())},
            "skipped": {one["name"]: one["reason"] for one in said.get("skippedProperties", ())},
            "reason": said.get("controlPlane", {}).get("reason"),
        }
        return bool(found[field] == wanted)

    await world.until(is_so, within_seconds=WITHIN_SECONDS)


async def set_property(east: Cluster, name: str, value: str) -> None:
    body = {
        "apiVersion": PROPERTIES.api_version,
        "kind": PROPERTIES.kind,
        "metadata": {"name": name},
        "spec": {"value": value},
    }
    await east.put(PROPERTIES, body)


def writes(east: Cluster) -> list[str]:
    return [one for one in east.agent.wire.writes if "/memberreports" in one]


def sample(east: Cluster, name: str, **labels: str) -> float | None:
    return east.agent.registry.get_sample_value(name, labels)


@pytest.mark.requirement("CP-12", "CP-16")
async def test_a_cluster_tells_its_version_and_that_its_control_plane_works() -> None:
    async with a_world() as world:
        east = await began(world)
        await until_said(world, "reason", "Healthy")
        version = (await east.api.get_raw("/version"))["gitVersion"]
        said = await spec(world)
        assert said["kubernetesVersion"] == version
        assert said["controlPlane"]["status"] == "True"
        assert sample(east, "mcs_report_control_plane", status="True") == 1
        assert sample(east, "mcs_report_told") == 1


@pytest.mark.requirement("CP-09")
async def test_properties_that_are_added_edited_and_deleted_are_followed() -> None:
    async with a_world() as world:
        east = await began(world)
        await until_said(world, "reason", "Healthy")
        await set_property(east, SET, "prod")
        # Whatever its name looks like: a name is a name.
        await set_property(east, "cluster-manager.x-k8s.io", " another manager's Ä ")
        both = {SET: "prod", "cluster-manager.x-k8s.io": " another manager's Ä "}
        await until_said(world, "properties", both)
        await set_property(east, SET, "test")
        await until_said(world, "properties", {**both, SET: "test"})
        await east.api.delete(PROPERTIES, SET)
        await until_said(world, "properties", {"cluster-manager.x-k8s.io": " another manager's Ä "})


@pytest.mark.requirement("CP-10")
async def test_a_value_that_is_too_long_is_not_told_and_that_is_with_an_event() -> None:
    async with a_world() as world:
        east = await began(world)
        await set_property(east, "short.example.com", "x" * 1024)
        await set_property(east, "long.example.com", "x" * 1025)
        await until_said(world, "properties", {"short.example.com": "x" * 1024})
        await until_said(world, "skipped", {"long.example.com": "ValueTooLong"})
        assert sample(east, "mcs_report_properties", state="skipped") == 1
        told = ("ClusterProperty", "long.example.com", "Warning", "PropertyNotReported")
        assert east.agent.told.events == [told]
        # As KEP-2149 allows, and longer than any list should be.
        await set_property(east, "long.example.com", "x" * 128_000)
        await set_property(east, "short.example.com", "y")
        await until_said(world, "properties", {"short.example.com": "y"})
        assert east.agent.told.events == [told]
        await set_property(east, "long.example.com", "short")
        await until_said(world, "skipped", {})


@pytest.mark.requirement("CP-10")
async def test_too_many_properties_leave_the_well_known_ones_in_and_the_report_bounded() -> None:
    async with a_world() as world:
        for number in range(300):
            name = f"p{number:04}.example.com"
            if not number:
                await world["east"].install(CRD)
            await set_property(world["east"], name, "v" * 1024)
        await set_property(world["east"], SET, "prod")
        await crds.install(world.broker_api, REPORTS)
        world["east"].start(report_to_inventory=True)
        await until_said(
            world,
            "properties",
            {SET: "prod", **{f"p{number:04}.example.com": "v" * 1024 for number in range(127)}},
        )
        said = await spec(world)
        assert len(said["skippedProperties"]) == 128
        assert sample(world["east"], "mcs_report_properties", state="skipped") == 301 - 128


@pytest.mark.requirement("CP-11")
async def test_the_time_of_a_property_is_when_the_member_saw_it_and_stays() -> None:
    async with a_world() as world:
        east = await began(world)
        await until_said(world, "reason", "Healthy")
        # The broker is away while the property is set.
        refused = world.broker.faults.refuse_connections(users=["member-east"])
        seen = EPOCH + timedelta(seconds=asyncio.get_running_loop().time())
        await set_property(east, SET, "prod")
        await asyncio.sleep(100)
        refused.lift()
        await until_said(world, "properties", {SET: "prod"})
        (told,) = (await spec(world))["properties"]
        assert abs(seconds_between(told["lastObservedTime"], rfc3339(seen))) <= 2
        before = await spec(world)
        await east.restart(report_to_inventory=True)
        await east.ready()
        await asyncio.sleep(600)
        assert await spec(world) == before
        assert writes(east) == []


def seconds_between(one: str, other: str) -> float:
    return (datetime.fromisoformat(one) - datetime.fromisoformat(other)).total_seconds()


@pytest.mark.requirement("CP-14")
async def test_an_idle_cluster_writes_its_report_once() -> None:
    async with a_world() as world:
        east = await began(world)
        await set_property(east, SET, "prod")
        await until_said(world, "properties", {SET: "prod"})
        count = len(writes(east))
        await asyncio.sleep(600)
        assert len(writes(east)) == count <= 2


@pytest.mark.requirement("CP-14")
async def test_a_property_that_changes_all_the_time_costs_one_write_in_30_seconds() -> None:
    async with a_world() as world:
        east = await began(world)
        await until_said(world, "reason", "Healthy")
        for number in range(600):
            await set_property(east, SET, f"set-{number}")
            await asyncio.sleep(1)
        assert len(writes(east)) <= 10 + 600 / 30 + 1
        await until_said(world, "properties", {SET: "set-599"})


async def test_what_is_not_told_and_changes_all_the_time_hardly_has_the_broker_asked() -> None:
    server = Server()
    async with a_world() as world:
        east = world["east"]
        await east.install(CRD)
        for number in range(128):
            await set_property(east, f"a{number:03}.example.com", "x")
        await began(world, server=server, installed=True)
        await asyncio.sleep(60)
        before = server.reports_asked
        for number in range(1200):
            await set_property(east, "z.example.com", f"value-{number}")
            await asyncio.sleep(0.1)
        assert server.reports_asked - before <= 20 + 120 / 2 + 3


@pytest.mark.requirement("CP-12")
async def test_an_api_server_that_is_not_ready_is_told_with_what_fails_and_told_when_it_is_again() -> None:
    server = Server()
    async with a_world() as world:
        await began(world, server=server)
        await until_said(world, "reason", "Healthy")
        others = b"".join(b"[+]poststarthook/number-%d ok\n" % number for number in range(40))
        failed = b"[-]etcd failed: reason withheld\nreadyz check failed\n"
        server.not_ready(b"[+]ping ok\n" + others + failed)
        await until_said(world, "reason", "ApiServerNotReady")
        said = (await spec(world))["controlPlane"]
        assert (said["status"], said["message"]) == ("False", "API server not ready: etcd")
        server.readyz = None
        await until_said(world, "reason", "Healthy")


@pytest.mark.requirement("CP-12")
async def test_an_api_server_that_is_away_is_told_soon_and_one_lost_answer_is_not() -> None:
    server = Server()
    async with a_world() as world:
        east = await began(world, server=server)
        await until_said(world, "reason", "Healthy")
        before = len(writes(east))
        world["east"].sim.faults.lose_answers(count=1, users=["agent"], verbs=["get"])
        await asyncio.sleep(60)
        assert len(writes(east)) == before
        server.away = True
        began_seconds = asyncio.get_running_loop().time()
        await until_said(world, "reason", "ApiServerUnreachable")
        # Less than a leader has before its Lease may have run out.
        assert asyncio.get_running_loop().time() - began_seconds <= 7
        server.away = False
        await until_said(world, "reason", "Healthy")


async def renew(east: Cluster, name: str, times: int) -> None:
    """As the component does that works, every 10 s."""
    for number in range(times):
        now_text = f"2020-01-01T00:00:{number % 60:02}.000000Z"
        body = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": name, "namespace": "kube-system"},
            "spec": {"holderIdentity": "node", "leaseDurationSeconds": 15, "renewTime": now_text},
        }
        await east.put(LEASES, body)
        await asyncio.sleep(10)


@pytest.mark.requirement("CP-12")
async def test_a_scheduler_that_does_not_renew_its_lease_is_named() -> None:
    async with a_world() as world:
        east = await began(world)
        assert await east.api.get(NAMESPACES, "kube-system")
        # Its clock is years behind, which does not matter.
        await renew(east, "kube-scheduler", 20)
        assert (await spec(world))["controlPlane"]["message"].endswith("Leases are renewed: kube-scheduler")
        await until_said(world, "reason", "ComponentSilent")
        said = (await spec(world))["controlPlane"]
        assert said["message"] == "not renewing its Lease any more: kube-scheduler (for 60 s)"
        # Another leader, which has seen no Lease change yet, does not take that back.
        await east.restart(report_to_inventory=True)
        await east.ready()
        for _ in range(12):
            await asyncio.sleep(10)
            assert (await spec(world))["controlPlane"] == said
        assert writes(east) == []
        await renew(east, "kube-scheduler", 2)
        await until_said(world, "reason", "Healthy")


async def test_a_broker_that_does_not_know_reports_is_told_about_once_and_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with a_world() as world:
        east = await began(world, kind=False)
        await asyncio.sleep(600)
        told = [one for one in caplog.messages if "does not serve memberreports" in one]
        assert len(told) == 1
        assert "crds --apply --for broker" in told[0]
        assert sample(east, "mcs_report_told") == 0
        assert writes(east) == []
        await crds.install(world.broker_api, REPORTS)
        await until_said(world, "reason", "Healthy")
        assert sample(east, "mcs_report_told") == 1


async def test_a_broker_that_gives_no_right_to_it_is_told_about_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with a_world() as world:
        world.broker.faults.fail(403, resources=("memberreports",), users=["member-east"])
        east = await began(world)
        await asyncio.sleep(600)
        told = [one for one in caplog.messages if "no right to its MemberReport" in one]
        assert len(told) == 1
        assert "broker init" in told[0]
        assert sample(east, "mcs_report_told") == 0


async def test_a_report_that_somebody_edits_or_deletes_is_put_right() -> None:
    async with a_world() as world:
        east = await began(world)
        await set_property(east, SET, "prod")
        await until_said(world, "properties", {SET: "prod"})
        await world.broker_api.patch(
            MEMBER_REPORTS, "report", {"spec": {"properties": None}}, namespace=PLACE
        )
        await until_said(world, "properties", {SET: "prod"})
        await world.broker_api.delete(MEMBER_REPORTS, "report", namespace=PLACE)
        await until_said(world, "properties", {SET: "prod"})


async def uid_of(east: Cluster) -> str:
    return str((await east.api.get(NAMESPACES, "kube-system"))["metadata"]["uid"])


@pytest.mark.requirement("CP-11")
async def test_a_report_of_a_cluster_that_had_the_id_before_is_replaced_with_its_times() -> None:
    async with a_world() as world:
        east = world["east"]
        await crds.install(world.broker_api, REPORTS)
        await east.install(CRD)
        await set_property(east, SET, "prod")
        old = "2001-01-01T00:00:00Z"
        silent = {"status": "False", "reason": "ComponentSilent", "message": "", "observedTime": old}
        seen = [{"name": SET, "value": "prod", "lastObservedTime": old}]
        body = {
            "apiVersion": MEMBER_REPORTS.api_version,
            "kind": MEMBER_REPORTS.kind,
            "metadata": {"name": "report", "namespace": PLACE},
            "spec": {"clusterUID": "another", "controlPlane": silent, "properties": seen},
        }
        await world.broker_api.create(MEMBER_REPORTS, body)
        east.start(report_to_inventory=True)
        await until_said(world, "reason", "Healthy")
        said = await spec(world)
        assert said["clusterUID"] == await uid_of(east)
        assert old not in str(said)


@pytest.mark.requirement("CP-14")
async def test_a_broker_that_drops_who_reports_is_not_told_again_and_again() -> None:
    def older(crd: Object) -> None:
        for version in crd["spec"]["versions"]:
            del version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["clusterUID"]

    async with a_world() as world:
        await crds.install(world.broker_api, REPORTS, edit=older)
        east = await began(world, kind=False)
        await set_property(east, SET, "prod")
        await until_said(world, "properties", {SET: "prod"})
        await asyncio.sleep(600)
        assert len(writes(east)) <= 2
        assert sample(east, "mcs_report_told") == 1
        assert "clusterUID" not in await spec(world)


async def test_without_the_option_nothing_is_told() -> None:
    async with a_world() as world:
        await crds.install(world.broker_api, REPORTS)
        await world["east"].install(CRD)
        world["east"].start()
        await world["east"].ready()
        await asyncio.sleep(300)
        with pytest.raises(NotFound):
            await world.broker_api.get(MEMBER_REPORTS, "report", PLACE)
