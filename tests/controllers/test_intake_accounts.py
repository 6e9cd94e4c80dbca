"""The accounts behind what is taken of a member: what counts, what waits, and when it is looked at again."""

import asyncio
from typing import Any, cast

import pytest

from mcs_controller.clusterset.membership.limits import OBJECT_MAX_BYTES, Allowance
from mcs_controller.controllers.services.stores.intake import (
    LEFT_OUT_NAMES_MAX,
    READ_AGAIN_SECONDS,
    READ_AGAIN_SHARE,
    READ_AGAIN_SPACING_SECONDS,
    Intake,
    Revisit,
)
from mcs_controller.kube.errors import KubeError, Unreachable
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Entry, Store

EAST, WEST = "mcs-member-east", "mcs-member-west"


class Accounts:
    """An intake over a store, and what a reflector would do with it."""

    def __init__(self, *, objects: int = 3, size_bytes: int = 1000, endpoints: int = 10) -> None:
        self.allowed = Allowance(objects, size_bytes, endpoints)
        self.store: Store[int] = Store()
        self.intake = Intake("Thing", lambda cluster: self.allowed)
        self.intake.follow(self.store)
        self._version = 0

    def take(self, name: str, size_bytes: int = 10, endpoints: int = 0, namespace: str = EAST) -> bool:
        """Whether an object comes to be held."""
        taken = self.intake.admit(namespace, name, size_bytes) and self.intake.takes(
            namespace.removeprefix("mcs-member-"), name, endpoints
        )
        self._version += 1
        if taken:
            self.store.apply(Entry(namespace, name, "", str(self._version), endpoints))
        else:
            self.store.remove(namespace, name)
        return taken

    def left_out(self) -> list[tuple[str, str, int]]:
        return list(self.intake.left_out())


def test_each_member_has_an_account_of_its_own() -> None:
    accounts = Accounts(objects=1)
    assert accounts.take("a")
    assert not accounts.take("b")
    assert accounts.take("b", namespace=WEST)
    assert accounts.left_out() == [("east", "objects", 1)]
    assert not accounts.take("a", namespace="default")
    assert accounts.left_out() == [("east", "objects", 1)]


def test_what_is_held_is_counted_once_however_often_it_changes() -> None:
    accounts = Accounts(objects=2, size_bytes=100, endpoints=10)
    for size_bytes, endpoints in ((50, 5), (60, 6), (40, 4), (50, 5)):
        assert accounts.take("a", size_bytes, endpoints)
    assert accounts.take("b", 50, 5)
    assert not accounts.take("a", 51, 5)
    assert accounts.left_out() == [("east", "bytes", 1)]


def test_an_object_that_outgrows_its_bounds_makes_room_for_others() -> None:
    accounts = Accounts(objects=1)
    assert accounts.take("a")
    assert not accounts.take("a", OBJECT_MAX_BYTES + 1)
    assert accounts.take("b")
    assert accounts.left_out() == [("east", "object_size", 1)]


def test_too_many_endpoints_leave_the_account_as_it_was() -> None:
    accounts = Accounts(objects=2, endpoints=10)
    assert accounts.take("a", endpoints=6)
    assert not accounts.take("b", endpoints=5)
    assert accounts.left_out() == [("east", "endpoints", 1)]
    assert accounts.take("c", endpoints=4)
    assert accounts.take("a", endpoints=5)
    assert not accounts.take("c", endpoints=6)


def test_what_is_left_out_is_read_anew_when_something_goes_or_shrinks_and_now_and_then() -> None:
    accounts = Accounts(objects=2)
    intake = accounts.intake
    assert accounts.take("a", 20)
    assert accounts.take("b")
    assert intake.due(0.0) is None
    assert not accounts.take("c")
    assert intake.due(1.0) is None
    assert intake.due(READ_AGAIN_SECONDS) is None
    assert intake.due(1.0 + READ_AGAIN_SECONDS) == "east"

    accounts.store.remove(EAST, "b")
    assert intake.due(2.0) == "east"
    intake.reads("east")
    assert accounts.left_out() == []
    assert accounts.take("c")
    assert not accounts.take("d")
    intake.has_read("east", 3.0, 1.0, complete=True)
    assert intake.due(100.0) is None

    assert accounts.take("a", 10)
    assert intake.due(3.0 + 1.0 / READ_AGAIN_SHARE) == "east"


def test_room_that_was_there_before_anything_was_left_out_is_no_reason_to_read_anew() -> None:
    accounts = Accounts(objects=1, endpoints=10)
    assert accounts.take("a", endpoints=10)
    accounts.intake.allow_more("east")
    accounts.store.remove(EAST, "a")
    assert accounts.take("b", endpoints=6)
    assert not accounts.take("c")
    assert accounts.intake.due(1.0) is None


def test_what_has_too_many_endpoints_frees_nothing_for_others() -> None:
    accounts = Accounts(objects=5, endpoints=10)
    assert accounts.take("a", endpoints=6)
    for name in ("b", "c", "d"):
        assert not accounts.take(name, endpoints=5)
    assert accounts.intake.due(1.0) is None
    assert not accounts.take("a", endpoints=11)
    assert accounts.intake.due(2.0) == "east"


def test_reading_anew_takes_a_small_part_of_the_time_however_long_it_takes() -> None:
    accounts = Accounts(objects=1)
    intake = accounts.intake
    assert accounts.take("a")
    for took_seconds, spacing_seconds in ((0.1, READ_AGAIN_SPACING_SECONDS), (30.0, 30.0 / READ_AGAIN_SHARE)):
        assert not accounts.take("b")
        intake.reads("east")
        assert not accounts.take("b")
        intake.has_read("east", 1000.0, took_seconds, complete=True)
        intake.allow_more("east")
        assert intake.due(999.9 + spacing_seconds) is None
        assert intake.due(1000.0 + spacing_seconds) == "east"
    intake.reads("east")
    assert not accounts.take("b")
    intake.has_read("east", 2000.0, 60.0, complete=True)
    assert intake.due(1999.9 + 60.0 / READ_AGAIN_SHARE) is None


def test_a_reading_that_failed_forgets_nothing_and_is_tried_again() -> None:
    accounts = Accounts(objects=1)
    intake = accounts.intake
    assert accounts.take("a")
    for name in ("b", "c"):
        assert not accounts.take(name)
    intake.reads("east")
    assert not accounts.take("b")
    intake.has_read("east", 1.0, 0.1, complete=False)
    assert accounts.left_out() == [("east", "objects", 2)]
    assert intake.due(1.0 + READ_AGAIN_SPACING_SECONDS) == "east"


def test_what_was_admitted_and_never_held_counts_until_the_next_list() -> None:
    accounts = Accounts(objects=2)
    assert accounts.take("a")
    assert accounts.intake.admit(EAST, "cannot be decoded", 10)
    assert not accounts.take("b")
    accounts.intake.settle()
    assert accounts.take("b")
    assert not accounts.take("c")


def test_names_that_are_left_out_are_remembered_up_to_a_number() -> None:
    accounts = Accounts(objects=0)
    for number in range(LEFT_OUT_NAMES_MAX + 10):
        assert not accounts.take(f"n{number}")
    assert accounts.left_out() == [("east", "objects", LEFT_OUT_NAMES_MAX)]
    assert not accounts.take("n7", OBJECT_MAX_BYTES + 1)
    assert accounts.left_out() == [
        ("east", "object_size", 1),
        ("east", "objects", LEFT_OUT_NAMES_MAX - 1),
    ]


def test_each_bound_that_a_member_goes_over_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    accounts = Accounts(objects=1)
    assert accounts.take("a")
    for name in ("b", "c"):
        assert not accounts.take(name)
        assert not accounts.take(name, OBJECT_MAX_BYTES + 1)
    told = [record.getMessage().partition(" the limit on ")[2].partition(":")[0] for record in caplog.records]
    assert told == ["objects", "object_size"]


class Reads:
    """Stands for a reflector that reads one member's objects."""

    def __init__(self) -> None:
        self.lists = 0
        self.fetched: list[str] = []
        self.error: KubeError | None = None

    async def fetch(self, *, namespace: str) -> None:
        self.fetched.append(namespace)
        if self.error is not None:
            raise self.error


@pytest.mark.looptime
async def test_after_a_list_the_accounts_are_settled_and_what_fits_by_now_is_read_at_last() -> None:
    accounts, reads = Accounts(objects=1), Reads()
    revisit = Revisit(accounts.intake, cast("Reflector[Any]", reads))
    await asyncio.sleep(1)
    assert accounts.intake.admit(EAST, "cannot be decoded", 10)
    assert not accounts.take("a")
    await revisit.step()
    assert reads.fetched == []
    reads.lists, reads.error = 1, Unreachable("away")
    await revisit.step()
    assert reads.fetched == [EAST]
    assert accounts.left_out() == [("east", "objects", 1)]
    reads.error = None
    await asyncio.sleep(READ_AGAIN_SPACING_SECONDS)
    await revisit.step()
    assert reads.fetched == [EAST, EAST]
    assert accounts.take("a")


def test_of_what_we_wrote_ourselves_accounts_are_kept_and_nothing_is_left_out() -> None:
    accounts = Accounts(objects=1, endpoints=3)
    own = Intake("Thing", lambda cluster: accounts.allowed, enforce=False)
    own.follow(accounts.store)
    for name in ("a", "b"):
        assert own.admit(EAST, name, 10)
        assert own.takes("east", name, 2)
    assert own.refuses("east", "c", 10) == "objects"
    assert own.refuses("east", "a", 10, 4) == "endpoints"
    assert own.refuses("east", "a", 10, 2) is None
    assert list(own.left_out()) == []


@pytest.mark.looptime
async def test_who_is_asked_for_is_read_in_full_soon_and_until_that_works() -> None:
    accounts, reads = Accounts(), Reads()
    intake, loop = accounts.intake, asyncio.get_running_loop()
    revisit = Revisit(intake, cast("Reflector[Any]", reads))
    await asyncio.sleep(1)
    assert accounts.take("a")
    asked_at = loop.time()
    assert not intake.read_since("east", asked_at)
    assert not intake.read_since("nobody", asked_at)

    for cluster in ("east", "west"):
        intake.ask(cluster)
    reads.error = Unreachable("away")
    await revisit.step()
    reads.error = None
    await revisit.step()
    assert reads.fetched == [EAST, WEST]
    assert not intake.read_since("east", asked_at)
    await asyncio.sleep(READ_AGAIN_SPACING_SECONDS)
    for _ in range(2):
        await revisit.step()
    assert reads.fetched == [EAST, WEST] * 2
    assert intake.read_since("east", asked_at)
    assert not intake.read_since("east", loop.time() + 1)
