"""What is said while a lease cannot be read, written or given back, and of work that ends badly with it."""

import asyncio
import logging

import pytest

from mcs_controller.kube.leader import RELEASE_SECONDS
from tests.kube.leases import LeaseServer, Replica
from tests.kube.queues import now

pytestmark = pytest.mark.looptime

CANNOT_TAKE = "lease agent cannot be taken: "
NOT_RENEWED = "lease agent could not be renewed: "


class Stubborn(Replica):
    """Its work does not end well."""

    async def lead(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("broken")


def problem_of(replica: Replica) -> str | None:
    return replica.elector.problem


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    told = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return told


async def test_why_a_lease_cannot_be_taken_is_told_until_it_can_be(caplog: pytest.LogCaptureFixture) -> None:
    server = LeaseServer()
    replica = Replica(server, "a")
    assert problem_of(replica) == "the lease has not been read yet"
    server.cut.add("a")
    async with replica.running():
        await asyncio.sleep(0.5)
        assert problem_of(replica) == CANNOT_TAKE + "refused"
        assert said(caplog) == [CANNOT_TAKE + "refused"]
        server.cut.clear()
        server.hang.add("a")
        await asyncio.sleep(13)
        assert problem_of(replica) == CANNOT_TAKE + "no answer in time"
        server.hang.clear()
        await asyncio.sleep(13)
        assert problem_of(replica) is None
        assert replica.leads()


async def test_a_lease_that_cannot_be_taken_for_long_is_told_once_in_the_same_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    server = LeaseServer()
    replica = Replica(server, "a")
    server.cut.add("a")
    async with replica.running():
        await asyncio.sleep(600)
        assert said(caplog) == [CANNOT_TAKE + "refused"]
        server.cut.clear()
        server.hang.add("a")
        await asyncio.sleep(60)
        assert said(caplog) == [CANNOT_TAKE + "no answer in time"]
        server.hang.clear()
        await asyncio.sleep(15)
        assert said(caplog) == ["lease agent: recovered", "leading, as a"]
        server.cut.add("a")
        await asyncio.sleep(60)
        assert said(caplog)[-1] == CANNOT_TAKE + "refused"


async def test_why_a_lease_is_not_renewed_is_told_until_it_is_or_is_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = LeaseServer()
    replica = Replica(server, "a")
    caplog.set_level(logging.INFO)
    async with replica.running():
        await asyncio.sleep(1)
        assert said(caplog) == ["leading, as a"]
        server.cut.add("a")
        await asyncio.sleep(3)
        assert problem_of(replica) == NOT_RENEWED + "refused"
        server.cut.clear()
        await asyncio.sleep(3)
        assert problem_of(replica) is None
        assert replica.leads()
        assert set(said(caplog)) == {NOT_RENEWED + "refused"}
        server.cut.add("a")
        await asyncio.sleep(15)
        assert not replica.leads()
        told = said(caplog)
        assert told.count("the lease is lost, no longer leading") == 1
        assert told[-1] == CANNOT_TAKE + "refused"


async def test_a_lease_that_cannot_be_given_back_keeps_nobody_longer_than_two_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = LeaseServer()
    replica = Replica(server, "a")
    async with replica.running():
        await asyncio.sleep(1)
        server.hang.add("a")
        ends_at = now()
    assert now() == pytest.approx(ends_at + RELEASE_SECONDS)
    assert said(caplog) == ["lease agent could not be released: no answer in time"]


async def test_work_that_ends_badly_with_the_lease_is_logged_with_its_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = LeaseServer()
    replica = Stubborn(server, "a")
    async with replica.running():
        await asyncio.sleep(1)
        server.write_over(holderIdentity="b")
        await asyncio.sleep(5)
        assert replica.elector.holder == "b"
        [record] = [one for one in caplog.records if one.levelno == logging.ERROR]
        assert record.getMessage() == "the work failed while stopping after the lease was lost"
        assert record.exc_info is not None
        assert isinstance(record.exc_info[1], ValueError)


async def test_what_somebody_else_holds_is_not_given_back() -> None:
    server = LeaseServer()
    replica = Replica(server, "a")
    async with replica.running():
        await asyncio.sleep(1)
        server.write_over(holderIdentity="b")
        await asyncio.sleep(5)
        assert not replica.leads()
    assert server.spec["holderIdentity"] == "b"
    assert server.writers[-1] == "a"
    assert len(server.writers) == 1


class Slow(Replica):
    """Its work takes half a minute to stop."""

    async def lead(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(25)


async def test_work_that_does_not_stop_when_the_lease_is_lost_is_named_every_ten_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = LeaseServer()
    replica = Slow(server, "a")
    async with replica.running():
        await asyncio.sleep(1)
        server.write_over(holderIdentity="b")
        await asyncio.sleep(40)
        told = [one for one in said(caplog) if one.startswith("still stopping after the lease was lost: ")]
        assert len(told) == 2
        assert all(one.rpartition(": ")[2] for one in told)
