"""Retains objects that vanished from the broker, until their member confirms that they are gone.

The rule and its reasons are in docs/decisions/0008-proof.md. All readers of the other members' records and
slices read them here, and not in the stores. An entry that vanishes is kept in its last state, unless the
deletion is proven: the member had withdrawn the entry, the member states no more than what is there, the
member was removed, or an operator released the entry. If the broker went back to an older version of an
entry, the later version is kept until its member writes again, or states its exports and the older one is
still there. New versions are used at once, so that changes go on while something is missing.

After a start nothing is kept, since nothing was seen before. Then `accounted` says whether the absence of a
member's export is proven.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Hashable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, Final, TypeVar

from mcs_controller.clusterset.membership.statement import Heard, agrees
from mcs_controller.clusterset.model import ExportRecord, ServiceKey, SourceSlice
from mcs_controller.clusterset.services.naming import exported_service_name, imported_slice_name
from mcs_controller.clusterset.syntax import seconds_of_time
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.services.stores.broker import BrokerStores
from mcs_controller.controllers.services.stores.kept import REASONS, Exported, Kept, KeptOfKind, Reason
from mcs_controller.controllers.services.stores.withdrawn import Withdrawn
from mcs_controller.kube.store import Entry, Key, is_older

_log = logging.getLogger(__name__)

TELL_AFTER_SECONDS: Final = 10.0
"""An entry kept for a shorter time is not reported: one watch may just be ahead of another."""
PROVEN_NAMES_MAX: Final = 10_000
"""Of one member. Further withdrawals wait until the member states what it exports."""
DOUBT_AGAIN_SECONDS: Final = 600.0
"""A member that states more than we have (it may exceed our limits) causes at most one list in this time."""


T = TypeVar("T", bound=Exported)
H = TypeVar("H", bound=Hashable)
KeyListener = Callable[[ServiceKey], None]
OlderThanImported = Callable[[str], list[Entry[SourceSlice]] | None]


class Retained:
    """The other members' records and slices, in the store or kept."""

    def __init__(self, broker: BrokerStores, membership: Membership) -> None:
        self._records = KeptOfKind(broker.records, broker.let_go)
        self._slices = KeptOfKind(broker.slices, broker.let_go)
        self._charge = broker.retain
        self._both: tuple[KeptOfKind[Any], ...] = (self._records, self._slices)
        self._membership = membership
        self._current = broker.imports_current
        self._left_out_here = broker.leaves_out
        self._read_again = broker.relist_imports
        self._read_member_again = broker.read_again
        self._member_read_since = broker.read_since
        self._believes_time = broker.stamps.is_believed
        # When each member was first heard to state the names that are here, of which some contents are older.
        self._agreed_at_seconds: dict[str, float] = {}
        self._doubted_at_seconds: dict[str, float] = {}
        self._accounted: set[str] = set()
        self._reads = 0
        # The number of the read of the members that first found the stores current.
        self._current_since: int | None = None
        # The number of the read that first found a member's latest statement.
        self._stated: dict[str, int] = {}
        self._reported: set[str] = set()
        self._brought_back = Withdrawn(self._counts_after_all)
        # Withdrawals seen by this process, until the member is accounted for. Of a mark that was here when it
        # began it does not know whether a restore of the broker brought it back.
        self._withdrawn: dict[str, set[ServiceKey]] = {}
        self._emptied: dict[str, set[str]] = {}
        self._older_than_imported: OlderThanImported = lambda cluster: []
        self._listeners: list[KeyListener] = []
        self._accounted_listeners: list[Callable[[str], None]] = []
        broker.records.subscribe(self._record_changed)
        broker.slices.subscribe(self._slice_changed)
        membership.on_read(self._members_read)

    def on_release(self, listener: KeyListener) -> None:
        """Call `listener` with the service of each entry that is no longer kept."""
        self._listeners.append(listener)

    def on_accounted(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with each member once the absence of its exports is proof."""
        self._accounted_listeners.append(listener)

    def compare_with_imported(self, older: OlderThanImported) -> None:
        """`older` gives the slices of a member that it wrote before what is imported of them here.

        None as long as that is not known. Asked once the member states what is here, after a start.
        """
        self._older_than_imported = older

    def records(self, key: ServiceKey) -> tuple[ExportRecord, ...]:
        """The other members' exports of a service."""
        return tuple(
            record
            for record in self._records.values(key)
            if not record.withdrawn and not self._brought_back.doubts(record.cluster, key)
        )

    def slices(self, key: ServiceKey) -> tuple[SourceSlice, ...]:
        """The other members' slices of a service."""
        return tuple(self._slices.values(key))

    def services(self) -> AbstractSet[ServiceKey]:
        """The services with kept entries."""
        return {**self._records.by_service, **self._slices.by_service}.keys()

    def accounted(self, cluster: str, key: ServiceKey) -> bool:
        """Whether a missing record proves that the other member does not export the service."""
        return self._knows(cluster) or key in self._withdrawn.get(cluster, ())

    def slice_accounted(self, cluster: str, imported_name: str) -> bool:
        """Whether a missing slice is proven gone, by its name on import."""
        return self._knows(cluster) or imported_name in self._emptied.get(cluster, ())

    def everybody_accounted(self) -> bool:
        """Whether the exports of every other member are known."""
        return all(self._knows(cluster) for cluster in self._membership.others())

    def held_clusters(self, key: ServiceKey) -> tuple[tuple[str, ...], float | None]:
        """Clusters whose exports of a service are kept long enough to report, and when to check again."""
        now_seconds = asyncio.get_running_loop().time()
        clusters, again_seconds = set(), None
        for kind in self._both:
            for one in kind.by_service.get(key, ()):
                kept = kind.kept[one]
                left_seconds = kept.since_seconds + TELL_AFTER_SECONDS - now_seconds
                if left_seconds <= 0:
                    clusters.add(kept.entry.value.cluster)
                else:
                    again_seconds = min(left_seconds, again_seconds or left_seconds)
        return tuple(sorted(clusters)), again_seconds

    def counts(self) -> dict[tuple[str, Reason], int]:
        """How many records and slices are kept, by reason."""
        tally = Counter(("record", one.reason) for one in self._records.kept.values())
        tally.update(("slice", one.reason) for one in self._slices.kept.values())
        return {(kind, reason): tally[kind, reason] for kind in ("record", "slice") for reason in REASONS}

    def let_go(self, key: ServiceKey) -> None:
        """An operator released the service: keep nothing of it."""
        for kind in self._both:
            for one in tuple(kind.by_service.get(key, ())):
                self._brought_back.forget_stated(kind.kept[one].entry.value.cluster)
                kind.let_go(one)

    def _knows(self, cluster: str) -> bool:
        return cluster in self._accounted or self._is_excused(cluster)

    def _is_excused(self, cluster: str) -> bool:
        """Whether the administrator removed or released the member."""
        return self._membership.removed(cluster) or cluster in self._membership.released

    def _record_changed(self, old: Entry[ExportRecord] | None, new: Entry[ExportRecord] | None) -> None:
        self._records.count(old, new, withdrawn=new is not None and new.value.withdrawn)
        counted = old is not None and self._counts(old.value)
        was_known = counted or any(one is not None and one.key in self._records.kept for one in (old, new))
        if new is not None and new.value.withdrawn:
            self._brought_back.remember(new)
            if was_known:
                self._arrived(self._records, old, new)
            if new.key not in self._records.kept:
                self._let_slices_go(new.value)
                if was_known:
                    self._remember(self._withdrawn, new.value.cluster, new.value.service)
        elif new is not None:
            if counted or old is None or old.value.withdrawn:
                self._arrived(self._records, old, new)
            if was_known or new.key in self._records.kept:
                self._brought_back.believe(new)
            elif self._brought_back.is_back(new):
                return
            self._withdrawn.get(new.value.cluster, set()).discard(new.value.service)
        elif old is not None:
            self._brought_back.gone(old.value)
            # The mark of an export that was made again proves nothing, nor does that it goes.
            if was_known and not self._is_excused(old.value.cluster):
                self._vanished(self._records, old)

    def _counts_after_all(self, record: ExportRecord) -> None:
        self._withdrawn.get(record.cluster, set()).discard(record.service)
        self._tell_released(record.service)

    def _counts(self, record: ExportRecord) -> bool:
        """Whether a record in the store is an export."""
        return not record.withdrawn and not self._brought_back.doubts(record.cluster, record.service)

    def _let_slices_go(self, withdrawn: ExportRecord) -> None:
        for key in tuple(self._slices.by_service.get(withdrawn.service, ())):
            if self._slices.kept[key].entry.value.cluster == withdrawn.cluster:
                self._slices.let_go(key)

    def _slice_changed(self, old: Entry[SourceSlice] | None, new: Entry[SourceSlice] | None) -> None:
        self._slices.count(old, new)
        if new is not None:
            self._emptied.get(new.value.cluster, set()).discard(_imported_name(new.value))
            self._arrived(self._slices, old, new)
            return
        if old is None or self._is_excused(old.value.cluster):
            return
        if not old.value.content.endpoints:
            self._remember(self._emptied, old.value.cluster, _imported_name(old.value))
        elif self._is_exported(old):
            self._vanished(self._slices, old)

    def _remember(self, proven: dict[str, set[H]], cluster: str, thing: H) -> None:
        """Remember a proof until the member is accounted for; bounded, since some members never are."""
        things = proven.setdefault(cluster, set())
        if cluster not in self._accounted and len(things) < PROVEN_NAMES_MAX:
            things.add(thing)

    def _is_exported(self, slice_: Entry[SourceSlice]) -> bool:
        """Whether the slice's service is still exported; then its deletion must be announced by emptying."""
        key = (slice_.namespace, exported_service_name(slice_.value.service))
        kept = self._records.kept.get(key)
        record = kept.entry if kept is not None else self._records.store.get(*key)
        return record is not None and self._counts(record.value)

    def _arrived(self, kind: KeptOfKind[T], old: Entry[T] | None, new: Entry[T]) -> None:
        kept = kind.kept.get(new.key)
        if kept is not None:
            if _is_older_story(new, kept.entry):
                self._agreed_at_seconds.pop(new.value.cluster, None)
                kind.keep(replace(kept, reason="older"))
            else:
                kind.let_go(new.key)
        elif (
            old is not None
            and is_older(new.resource_version, old.resource_version)
            and _is_older_story(new, old)
            and not self._is_excused(new.value.cluster)
        ):
            self._agreed_at_seconds.pop(new.value.cluster, None)
            kind.keep(self._kept(old, "older"))

    def _vanished(self, kind: KeptOfKind[T], old: Entry[T]) -> None:
        if self._left_out_here(old):
            self._brought_back.forget_stated(old.value.cluster)
            return
        kept = kind.kept.get(old.key)
        kind.keep(self._kept(kept.entry if kept is not None else old, "missing"))
        self._charge(old)

    def _kept(self, entry: Entry[T], reason: Reason) -> Kept[T]:
        self._membership.hurry()
        return Kept(entry, reason, asyncio.get_running_loop().time(), self._reads)

    def _members_read(self) -> None:
        """The members have been read: release the entries that a new statement proves gone."""
        self._reads += 1
        if not self._current():
            self._current_since = None
        elif self._current_since is None:
            self._current_since = self._reads
        for cluster in sorted({*self._membership.others(), *self.clusters()}):
            heard = self._membership.heard.get(cluster)
            if heard is not None:
                self._brought_back.hear(cluster, heard)
                if heard.fresh:
                    self._stated[cluster] = self._reads
            if self._is_excused(cluster):
                self._brought_back.forget_stated(cluster)
                self._account_for(cluster)
            elif heard is not None and self._current_since is not None:
                self._hear_statement(cluster, heard, self._current_since)
        self._brought_back.forget_others(self._membership.others())
        self._report(asyncio.get_running_loop().time())

    def clusters(self) -> set[str]:
        """The members of which anything is kept."""
        return self._records.clusters() | self._slices.clusters()

    def _hear_statement(self, cluster: str, heard: Heard, current_at: int) -> None:
        """A statement proves only what was missing before it was made.

        The member made it after the read before the one that found it. So it must be found at least two reads
        after the first read that ended after the entry vanished: that first one may have begun earlier.
        """
        stated = self._stated.get(cluster, 0)
        said = self._membership.member(cluster)
        kept = [one for kind in self._both for one in kind.of_cluster(cluster)]
        noticed = max((one.reads + 1 for one in kept), default=0)
        is_news = cluster not in self._accounted or bool(kept)
        if is_news and heard.setbacks:
            # Its clock was set back: it is believed after some statements (`statement.SETBACKS`).
            self._membership.hurry()
        if not is_news or stated < max(noticed, current_at) + 2:
            return
        names = self._records.names.get(cluster, set()), self._slices.names.get(cluster, set())
        if said is None or said.exported is None or said.exported.at != heard.newest:
            # None, or an old one that a restore of the broker brought back.
            return
        if agrees(said.exported, *names):
            after_start = [] if cluster in self._accounted else self._older_than_imported(cluster)
            if after_start is None:
                return
            older = [one.entry for one in kept if one.reason == "older"]
            if self._contents_are_read(cluster, [*older, *after_start]):
                self._all_else_is_withdrawn(cluster, heard)
                self._account_for(cluster)
        elif self._reads >= stated + 2:
            # No watch is so late. A list may have missed objects that the server has.
            self._doubt(cluster)

    def _all_else_is_withdrawn(self, cluster: str, heard: Heard) -> None:
        """What is here is what the member stated: all else that it exported before then is withdrawn."""
        at_seconds = seconds_of_time(heard.newest)
        if at_seconds is not None and self._believes_time(at_seconds):
            self._brought_back.stated(cluster, at_seconds, heard.object_uid)

    def _contents_are_read(self, cluster: str, older: list[Entry[Any]]) -> bool:
        """Whether these are older than before because their member wants them so.

        It states its exports only when all of them are on the broker as it wants them. But it states their
        names, and our watch may be late with their contents. So they are read once more after the statement.
        """
        if not older:
            return True
        now_seconds = asyncio.get_running_loop().time()
        agreed_at_seconds = self._agreed_at_seconds.setdefault(cluster, now_seconds)
        if all(self._member_read_since(entry, agreed_at_seconds) for entry in older):
            return True
        for entry in older:
            self._read_member_again(entry)
        return False

    def _doubt(self, cluster: str) -> None:
        now_seconds = asyncio.get_running_loop().time()
        if now_seconds - self._doubted_at_seconds.get(cluster, -DOUBT_AGAIN_SECONDS) >= DOUBT_AGAIN_SECONDS:
            self._doubted_at_seconds[cluster] = now_seconds
            _log.warning("member %s states other exports than were read: reading everything again", cluster)
            self._read_again()

    def _account_for(self, cluster: str) -> None:
        self._first_accounted(cluster)
        for kind in self._both:
            for one in kind.of_cluster(cluster):
                self._release(kind, one.entry.key)

    def _first_accounted(self, cluster: str) -> None:
        if cluster in self._accounted:
            return
        self._accounted.add(cluster)
        self._withdrawn.pop(cluster, None)
        self._emptied.pop(cluster, None)
        for listener in self._accounted_listeners:
            listener(cluster)

    def _release(self, kind: KeptOfKind[T], key: Key) -> None:
        service = kind.let_go(key)
        if service is not None:
            self._tell_released(service)

    def _tell_released(self, service: ServiceKey) -> None:
        for listener in self._listeners:
            listener(service)

    def _report(self, now_seconds: float) -> None:
        """Log one line for each member with entries kept for some time, and one when none is left."""
        held: Counter[str] = Counter()
        for kind in self._both:
            for one in kind.kept.values():
                if now_seconds - one.since_seconds >= TELL_AFTER_SECONDS:
                    held[one.entry.value.cluster] += 1
        for cluster in sorted(held.keys() - self._reported):
            _log.error(
                "%d records and slices of member %s are missing on the broker, or older than before, and the "
                "member did not withdraw them: keeping their last known state",
                held[cluster],
                cluster,
            )
        for cluster in sorted(self._reported - held.keys()):
            _log.warning("recovered: nothing of member %s is missing on the broker any more", cluster)
        self._reported = set(held)


def _is_older_story(new: Entry[T], known: Entry[T]) -> bool:
    """Whether the member wrote `new` before `known`; both times are of the member's own clock."""
    return 0.0 < new.value.changed_at_seconds < known.value.changed_at_seconds


def _imported_name(slice_: SourceSlice) -> str:
    return imported_slice_name(slice_.service.name, slice_.cluster, slice_.name)
