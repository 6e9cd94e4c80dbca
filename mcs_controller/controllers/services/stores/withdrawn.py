"""Remembers which records are gone for good, to recognise those that a restore of the broker brings back.

Until its member withdraws it again, such a record would count as an export: for a moment it could decide the
type of an import, or bring endpoints back that are gone. Two things tell it from an export that was made
again. It has the UID of the object that was withdrawn. And it was written before the withdrawal; a member
that changes its mind before the object is deleted writes it with a later time (`stamps.py`).

What was withdrawn before this process began is told by what the member first stated of all its exports: what
was not among them, and was written long before, was withdrawn by then.

A member that meanwhile wants the export finds the old record right, and writes nothing. A member may also not
run at all. So the record counts after `DOUBTED_SECONDS` in any case. After a start it counts at once, until
the member has stated something.
"""

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

from mcs_controller.clusterset.membership.statement import Heard
from mcs_controller.clusterset.model import ExportRecord, ServiceKey
from mcs_controller.clusterset.syntax import seconds_of_time
from mcs_controller.kube.store import Entry

DOUBTED_SECONDS: Final = 20.0
"""How long a member has to withdraw a record again. After a restore all has to be right within 30 s."""
REMEMBERED_MAX: Final = 5_000
"""Withdrawals of one member; of more the latest are remembered."""
ON_ITS_WAY_SECONDS: Final = 60.0
"""A record written so long before its member's statement is not on its way to the broker any more."""


class Withdrawn:
    """The other members' withdrawn records; `counts` is called with one that counts after all."""

    def __init__(self, counts: Callable[[ExportRecord], None]) -> None:
        self._counts = counts
        # By cluster and UID, when the member withdrew the record, by its clock; the latest ones last.
        self._at_seconds: dict[str, dict[str, float]] = {}
        # By cluster, when it stated, by its clock, that it exports what was here; and in which MemberCluster.
        self._stated: dict[str, tuple[float, str]] = {}
        self._doubted: dict[tuple[str, ServiceKey], asyncio.TimerHandle] = {}

    def doubts(self, cluster: str, service: ServiceKey) -> bool:
        """Whether the record that is there was brought back, and does not count."""
        return (cluster, service) in self._doubted

    def remember(self, record: Entry[ExportRecord]) -> None:
        """The member withdrew this record."""
        self.gone(record.value)
        known = self._at_seconds.setdefault(record.value.cluster, {})
        known.pop(record.uid, None)
        known[record.uid] = record.value.changed_at_seconds
        while len(known) > REMEMBERED_MAX:
            del known[next(iter(known))]

    def stated(self, cluster: str, at_seconds: float, member_uid: str) -> None:
        """What the member has exported before, and is not here, was withdrawn by then."""
        self._stated[cluster] = at_seconds, member_uid

    def forget_stated(self, cluster: str) -> None:
        """What comes may have been here when the member stated it."""
        self._stated.pop(cluster, None)

    def hear(self, cluster: str, heard: Heard) -> None:
        """This is what the member says now.

        In a MemberCluster that was made anew its clock may say any time. And it may have been set back.
        """
        if (stated := self._stated.get(cluster)) is None:
            return
        at_seconds, member_uid = stated
        if heard.object_uid != member_uid or (seconds_of_time(heard.newest) or 0.0) < at_seconds:
            del self._stated[cluster]

    def is_back(self, record: Entry[ExportRecord]) -> bool:
        """Whether this record was written before its withdrawal; if so, it is doubted for some time.

        It is one that did not count before.
        """
        stated_at_seconds, _ = self._stated.get(record.value.cluster, (0.0, ""))
        withdrawn_at_seconds = max(
            self._at_seconds.get(record.value.cluster, {}).get(record.uid, 0.0),
            stated_at_seconds - ON_ITS_WAY_SECONDS,
        )
        if not 0.0 < record.value.changed_at_seconds <= withdrawn_at_seconds:
            self.believe(record)
            return False
        doubted = record.value.cluster, record.value.service
        if doubted not in self._doubted:
            loop = asyncio.get_running_loop()
            self._doubted[doubted] = loop.call_later(DOUBTED_SECONDS, self._end_doubt, record)
        return True

    def believe(self, record: Entry[ExportRecord]) -> None:
        """This record counts, and its withdrawal is forgotten."""
        self.gone(record.value)
        self._at_seconds.get(record.value.cluster, {}).pop(record.uid, None)

    def gone(self, record: ExportRecord) -> None:
        """The record is gone, or withdrawn again: there is nothing to doubt."""
        timer = self._doubted.pop((record.cluster, record.service), None)
        if timer is not None:
            timer.cancel()

    def forget_others(self, members: AbstractSet[str]) -> None:
        """Forget the withdrawals of clusters that are not among `members`."""
        for cluster in self._at_seconds.keys() - members:
            del self._at_seconds[cluster]
        for cluster in self._stated.keys() - members:
            del self._stated[cluster]

    def _end_doubt(self, record: Entry[ExportRecord]) -> None:
        self.believe(record)
        self._counts(record.value)
