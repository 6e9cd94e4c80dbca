"""What one look at a control plane says, whatever its API server answers or leaves unanswered."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from mcs_controller.api.resources import LEASES
from mcs_controller.clusterset.reports.control_plane import ControlPlane
from mcs_controller.controllers.reports.probe import Probe
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.transport import Request, Response, Transport
from mcs_controller.kube.errors import Unreachable
from mcs_controller.simcluster.cluster import SimCluster
from tests.support.agents import LoopClock, no_time
from tests.support.transports import PassingTransport

pytestmark = pytest.mark.looptime

SCHEDULER = "kube-scheduler"
SYSTEM = "kube-system"


class Failing(PassingTransport):
    """Answers of the API server by the end of the path, each given so many times; `away`: no answers."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.away = False
        self.hangs = ""
        self.answers: dict[str, tuple[int, Response]] = {}

    def answer(self, path: str, status: int, times: int = 1_000_000) -> None:
        self.answers[path] = times, Response(status, {}, b"sorry")

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        if self.away:
            raise Unreachable("connection refused")
        if self.hangs and request.path.endswith(self.hangs):
            await asyncio.sleep(timeout_seconds)
            raise Unreachable("no answer")
        for path, (times, response) in self.answers.items():
            if request.path.endswith(path) and times:
                self.answers[path] = times - 1, response
                return response
        return await super().request(request, timeout_seconds=timeout_seconds)


class Looking:
    """A probe, and the cluster that it looks at."""

    def __init__(self) -> None:
        cluster = SimCluster("east", clock=LoopClock(), random=Random(1), work_clock=no_time)
        self.api = cluster.client()
        self.server = Failing(cluster.transport("agent"))
        self.probe = Probe(Client(self.server, name="local", work_clock=no_time))
        self.renewals = 0

    async def renew(self) -> None:
        self.renewals += 1
        time = f"2020-01-01T00:00:{self.renewals % 60:02}.000000Z"
        spec = {"holderIdentity": "node", "leaseDurationSeconds": 15, "renewTime": time}
        body = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": SCHEDULER, "namespace": SYSTEM},
            "spec": spec,
        }
        if self.renewals == 1:
            await self.api.create(LEASES, body)
        else:
            await self.api.patch(LEASES, SCHEDULER, {"spec": spec}, namespace=SYSTEM)

    async def look_for(self, seconds: float) -> list[ControlPlane]:
        """What is found until then, each thing once."""
        found: list[ControlPlane] = []
        ends_at = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < ends_at:
            seen = await self.probe.look()
            if not found or found[-1] != seen:
                found.append(seen)
            await asyncio.sleep(3)
        return found


@pytest.mark.requirement("CP-12")
async def test_one_answer_that_is_not_the_right_one_says_nothing() -> None:
    looking = Looking()
    for status in (500, 503):
        looking.server.answer("/readyz", status, times=1)
        assert (await looking.probe.look()).reason == "Healthy"
        looking.server.answer("/readyz", status, times=2)
        assert (await looking.probe.look()).reason == "ApiServerNotReady"


@pytest.mark.requirement("CP-12")
@pytest.mark.parametrize("status", [401, 403, 404])
async def test_who_may_not_ask_whether_it_is_ready_does_not_say_that_it_is_not(status: int) -> None:
    looking = Looking()
    looking.server.answer("/readyz", status)
    found = await looking.probe.look()
    assert (found.status, found.reason) == ("Unknown", "NotAllowed")


@pytest.mark.requirement("CP-12")
async def test_a_question_that_hangs_is_no_answer_and_soon_told() -> None:
    looking = Looking()
    looking.server.hangs = "/readyz"
    before = asyncio.get_running_loop().time()
    found = await looking.probe.look()
    assert (found.status, found.reason) == ("False", "ApiServerUnreachable")
    assert "nothing within 3 s" in found.message
    assert asyncio.get_running_loop().time() - before <= 7


@pytest.mark.requirement("CP-12")
async def test_nobody_is_blamed_for_a_lease_that_could_not_be_renewed() -> None:
    looking = Looking()
    await looking.renew()
    assert (await looking.probe.look()).message.endswith("renewed: kube-scheduler")
    looking.server.away = True
    (found,) = await looking.look_for(300)
    assert found.reason == "ApiServerUnreachable"
    looking.server.away = False
    # The scheduler takes its time, but less than that after which it counts as silent.
    assert {one.reason for one in await looking.look_for(50)} == {"Healthy"}
    await looking.renew()
    assert {one.reason for one in await looking.look_for(30)} == {"Healthy"}


@pytest.mark.requirement("CP-12")
async def test_a_silence_is_not_over_because_the_lease_cannot_be_read_for_a_moment() -> None:
    looking = Looking()
    await looking.renew()
    assert (await looking.look_for(90))[-1].reason == "ComponentSilent"
    looking.server.answer(f"/{SCHEDULER}", 500)
    assert {one.reason for one in await looking.look_for(60)} == {"ComponentSilent"}
    looking.server.answers.clear()
    looking.server.hangs = f"/{SCHEDULER}"
    assert {one.reason for one in await looking.look_for(60)} == {"ComponentSilent"}
    looking.server.hangs = ""
    await looking.renew()
    assert (await looking.look_for(30))[-1].reason == "Healthy"


@pytest.mark.requirement("CP-12")
async def test_a_component_whose_lease_nobody_may_read_or_is_gone_is_not_judged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    looking = Looking()
    await looking.renew()
    await looking.probe.look()
    looking.server.answer(f"/{SCHEDULER}", 403)
    found = (await looking.look_for(300))[-1]
    assert (found.reason, "no Lease says" in found.message) == ("Healthy", True)
    told = [one for one in caplog.messages if "whether kube-scheduler works is not told" in one]
    assert len(told) == 1
    looking.server.answers.clear()
    assert (await looking.look_for(30))[-1].message.endswith("renewed: kube-scheduler")
    await looking.api.delete(LEASES, SCHEDULER, namespace=SYSTEM)
    assert "no Lease says" in (await looking.look_for(30))[-1].message


@pytest.mark.requirement("CP-16")
async def test_a_version_that_cannot_be_read_for_a_moment_is_the_one_that_was() -> None:
    looking = Looking()
    await looking.probe.look()
    version = looking.probe.version
    assert version
    looking.server.answer("/version", 500)
    await looking.look_for(30)
    assert looking.probe.version == version


async def test_what_was_never_seen_to_change_proves_nothing() -> None:
    looking = Looking()
    await looking.renew()
    await looking.look_for(30)
    assert not looking.probe.proven
    await looking.renew()
    await looking.look_for(15)
    assert looking.probe.proven
