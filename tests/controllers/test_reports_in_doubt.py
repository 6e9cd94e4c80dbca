"""What an agent tells, and leaves as it was told, while it does not know how its cluster is."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from datetime import timedelta
from typing import Any

import pytest

from mcs_controller.api.resources import MEMBER_CLUSTERS, MEMBER_REPORTS
from mcs_controller.kube.clock import rfc3339
from mcs_controller.kube.connection.transport import Request, Response, Transport
from mcs_controller.kube.lookup import find
from tests.controllers.test_reports import (
    CRD,
    PLACE,
    PROPERTIES,
    REPORTS,
    SET,
    Server,
    a_world,
    began,
    sample,
    seconds_between,
    set_property,
    spec,
    until_said,
    writes,
)
from tests.support import crds
from tests.support.agents import EPOCH
from tests.support.transports import PassingTransport

pytestmark = pytest.mark.looptime


class NoAbout(PassingTransport):
    """An API server that answers for all but the About API."""

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        if request.path.startswith("/apis/about.k8s.io"):
            return Response(500, {}, b"sorry")
        return await super().request(request, timeout_seconds=timeout_seconds)


class Garbled(PassingTransport):
    """The report on the broker is none, as no schema allows, until it is written."""

    written = False

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        answer = await super().request(request, timeout_seconds=timeout_seconds)
        if not request.path.endswith("/memberreports/report"):
            return answer
        self.written = self.written or request.method == "PUT"
        if self.written or answer.status != 200:
            return answer
        body = {**json.loads(answer.body), "spec": {"properties": ["x"]}}
        return dataclasses.replace(answer, body=json.dumps(body).encode())


async def test_a_report_that_nobody_can_read_is_written_anew() -> None:
    async with a_world() as world:
        east = await began(world)
        await until_said(world, "reason", "Healthy")
        await east.restart(report_to_inventory=True, through=Garbled)
        await east.ready()
        await asyncio.sleep(120)
        assert len(writes(east)) == 1
        assert sample(east, "mcs_report_told") == 1


@pytest.mark.requirement("CP-10")
async def test_only_of_a_value_that_somebody_could_shorten_there_is_an_event() -> None:
    async with a_world() as world:
        east = await began(world)
        body = {
            "apiVersion": PROPERTIES.api_version,
            "kind": PROPERTIES.kind,
            "metadata": {"name": "a.example.com"},
        }
        await east.api.create(PROPERTIES, body)
        await until_said(world, "skipped", {"a.example.com": "NoValue"})
        assert east.agent.told.events == []
        for times in (1, 2):
            await set_property(east, "b.example.com", "x" * 1025)
            await until_said(world, "skipped", {"a.example.com": "NoValue", "b.example.com": "ValueTooLong"})
            assert len(east.agent.told.events) == times
            await set_property(east, "b.example.com", "x")
            await until_said(world, "skipped", {"a.example.com": "NoValue"})


async def test_a_cluster_whose_id_is_anothers_tells_nothing() -> None:
    async with a_world() as world:
        await crds.install(world.broker_api, REPORTS)
        await world.broker_api.patch(
            MEMBER_CLUSTERS,
            "east",
            {"status": {"clusterUID": "another cluster"}},
            namespace=PLACE,
            subresource="status",
        )
        agent = world["east"].start(report_to_inventory=True)
        await asyncio.wait([agent.task], timeout=120)
        assert await find(world.broker_api, MEMBER_REPORTS, "report", PLACE) is None
        assert agent.task.done()
        agent.task.exception()


@pytest.mark.requirement("CP-09")
@pytest.mark.parametrize("through", [NoAbout, None], ids=["no word of the API", "no list"])
async def test_properties_that_cannot_be_read_after_a_start_stay_as_they_were_told(
    through: type[Transport] | None,
) -> None:
    async with a_world() as world:
        east = await began(world)
        await set_property(east, SET, "prod")
        await until_said(world, "properties", {SET: "prod"})
        before = await spec(world)
        fault = east.sim.faults.fail(500, resources=("clusterproperties",), users=["agent"])
        given: dict[str, Any] = {} if through is None else {"through": through}
        await east.restart(report_to_inventory=True, **given)
        await asyncio.sleep(300)
        assert await spec(world) == before
        assert writes(east) == []
        fault.lift()


@pytest.mark.requirement("CP-09")
async def test_properties_go_with_their_kind() -> None:
    async with a_world() as world:
        await crds.install(world.broker_api, REPORTS)
        east = world["east"]
        told = {"name": SET, "value": "prod", "lastObservedTime": "2026-01-01T00:00:00Z"}
        left = {"properties": [told], "skippedProperties": []}
        body = {
            "apiVersion": MEMBER_REPORTS.api_version,
            "kind": MEMBER_REPORTS.kind,
            "metadata": {"name": "report", "namespace": PLACE},
            "spec": left,
        }
        await world.broker_api.create(MEMBER_REPORTS, body)
        # The kind was deleted while no agent ran.
        east.start(report_to_inventory=True)
        await until_said(world, "properties", {})


async def test_a_right_to_write_that_is_missing_is_told_once_and_asked_for_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with a_world() as world:
        fault = world.broker.faults.fail(
            403, resources=("memberreports",), verbs=("create",), users=["member-east"]
        )
        east = await began(world)
        await asyncio.sleep(300)
        assert len([one for one in caplog.messages if "no right to its MemberReport" in one]) == 1
        assert sample(east, "mcs_report_told") == 0
        fault.lift()
        await until_said(world, "reason", "Healthy")
        await asyncio.sleep(120)
        assert sample(east, "mcs_report_told") == 1


async def test_a_cluster_that_is_no_member_tells_nothing_until_it_is_one() -> None:
    async with a_world() as world:
        member = await world.broker_api.get(MEMBER_CLUSTERS, "east", PLACE)
        anew = {**member, "metadata": {"name": "east", "namespace": PLACE}, "status": {}}
        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace=PLACE)
        await crds.install(world.broker_api, REPORTS)
        east = world["east"]
        await east.install(CRD)
        east.start(report_to_inventory=True)
        await asyncio.sleep(120)
        assert await find(world.broker_api, MEMBER_REPORTS, "report", PLACE) is None
        await world.broker_api.create(MEMBER_CLUSTERS, anew)
        await until_said(world, "reason", "Healthy")
        # Nor once it was removed.
        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace=PLACE)
        await asyncio.sleep(60)
        before = await spec(world)
        await set_property(east, SET, "prod")
        await asyncio.sleep(120)
        assert await spec(world) == before
        await world.broker_api.create(MEMBER_CLUSTERS, anew)
        await until_said(world, "properties", {SET: "prod"})


@pytest.mark.requirement("CP-11")
async def test_a_property_that_is_deleted_and_set_again_was_seen_when_it_was_set_again() -> None:
    async with a_world() as world:
        east = await began(world)
        await set_property(east, SET, "prod")
        await until_said(world, "properties", {SET: "prod"})
        (first,) = (await spec(world))["properties"]
        await east.api.delete(PROPERTIES, SET)
        await until_said(world, "properties", {})
        await asyncio.sleep(60)
        # The broker is away: the time is not that of the write.
        away = world.broker.faults.refuse_connections(users=["member-east"])
        await set_property(east, SET, "prod")
        seen = rfc3339(EPOCH + timedelta(seconds=asyncio.get_running_loop().time()))
        await asyncio.sleep(60)
        label: dict[str, Any] = {"metadata": {"labels": {"of": "others"}}}
        await east.api.patch(PROPERTIES, SET, label)
        await asyncio.sleep(60)
        away.lift()
        await until_said(world, "properties", {SET: "prod"})
        (again,) = (await spec(world))["properties"]
        assert first["lastObservedTime"] < again["lastObservedTime"]
        assert abs(seconds_between(again["lastObservedTime"], seen)) <= 2


async def test_a_report_that_is_right_already_is_told_and_not_written_again() -> None:
    async with a_world() as world:
        east = await began(world)
        await until_said(world, "reason", "Healthy")
        await asyncio.sleep(120)
        await east.restart(report_to_inventory=True)
        await east.ready()
        await asyncio.sleep(30)
        assert sample(east, "mcs_report_told") == 1
        assert writes(east) == []


@pytest.mark.requirement("CP-12")
async def test_an_api_server_that_goes_away_at_any_moment_is_told_before_a_lease_runs_out() -> None:
    server = Server()
    async with a_world() as world:
        await began(world, server=server)
        await until_said(world, "reason", "Healthy")
        for offset_seconds in (31.0, 33.0, 35.0, 37.0, 39.0):
            await asyncio.sleep(offset_seconds)
            server.away = True
            before_seconds = asyncio.get_running_loop().time()
            await until_said(world, "reason", "ApiServerUnreachable")
            assert asyncio.get_running_loop().time() - before_seconds <= 7
            server.away = False
            await until_said(world, "reason", "Healthy")
