"""The times of changes that a cluster writes: they never go back, whatever happens to its clock."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest

from mcs_controller.clusterset.model import SourceSlice
from mcs_controller.clusterset.syntax import micro_time
from mcs_controller.controllers.services.stores.stamps import AHEAD_MAX_SECONDS, Stamps
from mcs_controller.kube.store import Entry, Store
from tests.clusterset.builders import source_slice
from tests.controllers.exporting import exported
from tests.support.agents import EPOCH, LoopClock

pytestmark = pytest.mark.looptime

NOW_SECONDS = EPOCH.timestamp()
HOUR_SECONDS = 3600.0


def own_slice(changed_at_seconds: float) -> Entry[SourceSlice]:
    value = replace(source_slice("east"), changed_at_seconds=changed_at_seconds)
    return Entry("mcs-member-east", "shop.web-abc", "uid", f"{changed_at_seconds}", value)


@dataclass
class Held:
    """What this cluster has on the broker."""

    heartbeat_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.clock = LoopClock()
        self.slices: Store[SourceSlice] = Store()
        self.stamps = self.restarted()

    def restarted(self) -> Stamps:
        """Those of a process that starts now."""
        stamps = Stamps(self.clock, lambda: self.heartbeat_seconds)
        stamps.follow(self.slices)
        return stamps


async def test_they_are_the_clocks_and_each_is_later_than_the_last_also_when_written() -> None:
    stamps = Held().stamps
    given = [stamps.next_seconds() for _ in range(1000)]
    assert given[0] == NOW_SECONDS
    written = [micro_time(one) for one in given]
    assert written == sorted(set(written))


async def test_they_are_later_than_what_was_replaced_and_all_that_the_cluster_had_on_the_broker() -> None:
    held = Held()
    held.clock.skew_seconds = -HOUR_SECONDS
    assert held.stamps.next_seconds(NOW_SECONDS) > NOW_SECONDS

    restarted = held.restarted()
    assert restarted.next_seconds() == NOW_SECONDS - HOUR_SECONDS
    held.slices.apply(own_slice(NOW_SECONDS + 5.0))
    held.slices.remove("mcs-member-east", "shop.web-abc")
    assert restarted.next_seconds() > NOW_SECONDS + 5.0


async def test_they_are_later_than_a_heartbeat_that_the_clock_is_behind() -> None:
    held = Held(heartbeat_seconds=NOW_SECONDS - 1.0)
    assert held.stamps.next_seconds() == NOW_SECONDS
    held.clock.skew_seconds = -HOUR_SECONDS
    assert held.restarted().next_seconds() > NOW_SECONDS - 1.0


async def test_one_time_far_in_the_future_is_that_of_one_object_only() -> None:
    held = Held()
    far_seconds = NOW_SECONDS + AHEAD_MAX_SECONDS + 1.0
    held.slices.apply(own_slice(far_seconds))
    held.heartbeat_seconds = far_seconds
    assert held.stamps.next_seconds(far_seconds) > far_seconds
    assert NOW_SECONDS <= held.stamps.next_seconds() < NOW_SECONDS + 1.0


async def test_content_keeps_the_time_when_it_was_seen_unless_something_may_be_later() -> None:
    held = Held()
    seen_seconds = held.stamps.next_seconds()
    held.stamps.next_seconds()
    assert held.stamps.of_content(seen_seconds, 0.0) == seen_seconds
    assert held.stamps.of_content(seen_seconds, seen_seconds) > seen_seconds

    # The echo of what this process wrote is no reason.
    held.slices.apply(own_slice(held.stamps.next_seconds()))
    assert held.stamps.of_content(seen_seconds, 0.0) == seen_seconds

    held.slices.apply(own_slice(NOW_SECONDS + 5.0))
    assert held.stamps.of_content(seen_seconds, 0.0) > NOW_SECONDS + 5.0


async def test_a_slice_that_was_taken_back_and_fits_again_is_later_than_its_emptied_state() -> None:
    async with exported() as one:
        seen_seconds = one.broker.stamps.next_seconds()
        one.slices[0] = replace(source_slice("east", ports=()), changed_at_seconds=seen_seconds)
        one.limits.slices["web-abc"] = "too many endpoints"
        await one.look()
        assert one.writes() == ["PUT shop.web-abc", "DELETE shop.web-abc"]
        one.limits.slices.clear()
        await one.look()
        assert one.writes() == ["POST exportedendpointslices"]
        emptied, _, again = [json.loads(body or b"{}") for body in one.wire.bodies][-3:]
        assert emptied["spec"]["endpoints"] == []
        assert again["spec"]["changedAt"] > emptied["spec"]["changedAt"] > micro_time(seen_seconds)
