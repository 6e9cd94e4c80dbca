"""Metrics are read in the pods, through the API server, where the user says nothing else."""

import asyncio
import json
from typing import Any

import pytest

from mcs_controller.cli.status.scraping import PODS_MAX, REMEMBERED_SECONDS, Scraper
from mcs_controller.clusterset.overview.model import Unknown
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.transport import Request, Response
from mcs_controller.kube.errors import Unreachable
from tests.kube.fakes import ScriptedTransport

pytestmark = pytest.mark.looptime

PODS = "/api/v1/namespaces/mcs-system/pods"
LABELS = "app.kubernetes.io/name=mcs-controller,app.kubernetes.io/component=agent"
ASKED = 'mcs_dns_requests_total{rcode="NOERROR"} 7\n'


def pod(name: str, *, port: int | None = None, phase: str = "Running", going: bool = False) -> dict[str, Any]:
    ports = [{"name": "dns", "containerPort": 53}]
    ports += [{"name": "http", "containerPort": port}] if port else []
    metadata = {"name": name, **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if going else {})}
    return {"metadata": metadata, "spec": {"containers": [{"ports": ports}]}, "status": {"phase": phase}}


def refused(status: int, reason: str) -> Response:
    body = {"kind": "Status", "status": "Failure", "reason": reason, "message": "said why", "code": status}
    return Response(status, {}, json.dumps(body).encode())


class ApiServer:
    """Has pods, and passes on to them."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        self.pods = list(pods)
        self.refuses: dict[str, Response | Unreachable] = {}
        self.transport = ScriptedTransport(self._answer)
        self.scraper = Scraper(Client(self.transport), "agent", "mcs-system", timeout_seconds=1.0)

    def _answer(self, request: Request) -> Response | Unreachable:
        if request.path in self.refuses:
            return self.refuses[request.path]
        if request.path == PODS:
            return Response(
                200, {}, json.dumps({"metadata": {"resourceVersion": "7"}, "items": self.pods}).encode()
            )
        return Response(200, {}, ASKED.encode())

    async def read(self) -> str:
        """One round: why nothing was read, or ""."""
        await self.scraper.read([])
        return "" if self.scraper.unknown is None else self.scraper.unknown.reason

    def asked(self) -> list[str]:
        return [one.path for one in self.transport.requests if one.path != PODS]


async def test_running_pods_are_asked_at_their_port_through_the_api_server() -> None:
    server = ApiServer(pod("a"), pod("b", port=9000), pod("c", phase="Pending"), pod("d", going=True))
    assert await server.read() == ""
    assert server.asked() == [f"{PODS}/a:8080/proxy/metrics", f"{PODS}/b:9000/proxy/metrics"]
    (listing,) = (one for one in server.transport.requests if one.path == PODS)
    assert ("labelSelector", LABELS) in listing.query
    assert len(server.scraper.readings()) == 2


async def test_a_pod_that_does_not_answer_is_left_out_and_one_that_is_gone_forgotten() -> None:
    server = ApiServer(pod("a"), pod("b"))
    assert await server.read() == ""
    server.refuses[f"{PODS}/a:8080/proxy/metrics"] = refused(503, "ServiceUnavailable")
    assert await server.read() == ""
    assert [len(one) for one in server.scraper.readings()] == [2]
    server.refuses[f"{PODS}/b:8080/proxy/metrics"] = Unreachable("connection refused")
    assert "said why" in await server.read()
    assert server.scraper.readings() == []
    server.refuses.clear()
    assert await server.read() == ""
    assert [len(one) for one in server.scraper.readings()] == [1, 1]


async def test_why_nothing_could_be_read_says_what_to_do() -> None:
    server = ApiServer()
    assert "has no running pod" in await server.read()
    assert "give --namespace or --agent-metrics URL" in await server.read()
    server.refuses[PODS] = refused(403, "Forbidden")
    assert await server.read() == "you may not ask its pods: said why; give --agent-metrics URL"
    server.refuses[PODS] = refused(404, "NotFound")
    assert await server.read() == "its API server has no pods to ask: give --agent-metrics URL"
    assert isinstance(server.scraper.unknown, Unknown)


async def test_only_so_many_pods_are_asked_and_only_the_last_minutes_remembered() -> None:
    server = ApiServer(*(pod(f"p{number}") for number in range(2 * PODS_MAX)))
    await server.read()
    assert len(server.asked()) == PODS_MAX
    loop = asyncio.get_running_loop()
    first = loop.time()
    while loop.time() - first <= 2 * REMEMBERED_SECONDS:
        await asyncio.sleep(60.0)
        await server.read()
    (readings, *_) = server.scraper.readings()
    assert loop.time() - readings[0].at_seconds <= REMEMBERED_SECONDS


async def test_a_pod_that_is_silent_costs_no_more_than_the_time_out() -> None:
    server = ApiServer(pod("a"))

    async def never(request: Request) -> Response:
        if request.path == PODS:
            return Response(
                200, {}, json.dumps({"metadata": {"resourceVersion": "7"}, "items": server.pods}).encode()
            )
        await asyncio.Event().wait()
        raise AssertionError

    scraper = Scraper(Client(ScriptedTransport(never)), "dns", "mcs-system", timeout_seconds=1.0)
    began = asyncio.get_running_loop().time()
    await scraper.read([])
    assert asyncio.get_running_loop().time() - began <= 1.01
    assert scraper.unknown == Unknown("no answer within 1 s")
