"""Metrics of the members, counted when Prometheus asks."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mcs_controller.controllers.membership.former_ids import FormerIds
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.membership.presence import Presence


class MembershipCollector(Collector):
    """Heartbeats of the other members, and this cluster's former ids with exports left."""

    def __init__(self, members: Membership, former_ids: FormerIds) -> None:
        self._members = members
        self._former_ids = former_ids

    def describe(self) -> Iterable[Metric]:
        """Names only: the values are counted at scrape time."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        yield GaugeMetricFamily(
            "mcs_fuse_held_members",
            "Members without a heartbeat whose endpoints the fuse keeps.",
            value=len(self._members.held),
        )
        yield GaugeMetricFamily(
            "mcs_former_ids",
            "Ids that this cluster had before and under which it still has exports on the broker: the "
            "broker's administrator has to remove them.",
            value=len(self._former_ids.left_behind),
        )
        age = GaugeMetricFamily(
            "mcs_member_heartbeat_age_seconds",
            "Time since this agent last saw a member's heartbeat change, by its own clock, while the broker "
            "takes heartbeats.",
            labels=["member"],
        )
        alive = GaugeMetricFamily(
            "mcs_member_alive", "Whether a member counts as alive (1) or dead (0).", labels=["member"]
        )
        released = GaugeMetricFamily(
            "mcs_member_released",
            "Whether the broker's administrator released a member (1): what it withdraws is meant.",
            labels=["member"],
        )
        missing = GaugeMetricFamily(
            "mcs_member_missing",
            "Whether a member's MemberCluster is missing on the broker (1): its exports are withdrawn when "
            "it has been missing for a minute, or for ten where the broker's history broke.",
            labels=["member"],
        )
        for member, age_seconds in self._members.heartbeat_ages_seconds().items():
            age.add_metric([member], age_seconds)
        without = self._members.missing()
        for member in sorted(self._members.others()):
            alive.add_metric([member], 0.0 if member in self._members.dead else 1.0)
            missing.add_metric([member], 1.0 if member in without else 0.0)
            released.add_metric([member], 1.0 if member in self._members.released else 0.0)
        yield age
        yield alive
        yield missing
        yield released


class HeartbeatCollector(Collector):
    """How well one replica renews this cluster's own heartbeat, leading or not."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence

    def describe(self) -> Iterable[Metric]:
        """Names only: the age is taken at scrape time."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The age; absent before the first round."""
        age = GaugeMetricFamily(
            "mcs_heartbeat_age_seconds",
            "Time since this replica renewed the heartbeat of its own cluster on the broker, or since it "
            "began to try.",
        )
        age_seconds = self._presence.unrenewed_seconds()
        if age_seconds is not None:
            age.add_metric([], age_seconds)
        yield age
