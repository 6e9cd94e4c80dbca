"""Bugs of proof: what counts as gone, for how long it is retained, and what a member's word is worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mcs_controller.clusterset.membership import departure
from mcs_controller.controllers.membership import members
from mcs_controller.controllers.runtime import proof
from mcs_controller.controllers.services.exports.exporter import Exporter
from mcs_controller.controllers.services.stores import retained
from mcs_controller.kube import store
from mcs_controller.kube.errors import KubeError, ServerError, TooManyRequests, Unreachable
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.settling import Settling
from tests.simulation.planted.patching import Patch, always, bug, instead


def _what_is_there(original: Any) -> Any:
    def written(self: Any) -> Any:
        records = frozenset(one.name for one in self._broker.own_records if not one.value.withdrawn)
        return records, frozenset(one.name for one in self._broker.own_slices)

    return written


def _every_statement_counts(original: Any) -> Any:
    def hear(before: Any, object_uid: str, said: Any) -> Any:
        heard = original(before, object_uid, said)
        return heard if said is None else replace(heard, newest=said.at, fresh=True)

    return hear


def _only_with_ours(original: Any) -> Any:
    def see_departures(self: Any, listed: Any, now_seconds: float) -> Any:
        return self._config.cluster_id in listed and original(self, listed, now_seconds)

    return see_departures


def _goes_on(original: Any) -> Any:
    def watch_failed(self: Any, error: KubeError) -> Any:
        listed = self.current()
        seconds = original(self, error)
        # As a client that knows of no other history: it trusts its version until it hears that this is lost.
        if listed and isinstance(error, Unreachable | ServerError | TooManyRequests):
            self._list_needed = False
        return seconds

    return watch_failed


def _no_older(original: Any) -> Any:
    def replace_all(self: Any, entries: Any, resource_version: str) -> None:
        def newest(entry: Any) -> Any:
            held = self.get(entry.namespace, entry.name)
            older = held is not None and store.is_older(entry.resource_version, held.resource_version)
            return held if older else entry

        original(self, [newest(entry) for entry in entries], resource_version)

    return replace_all


def _all_with_one(original: Any) -> Any:
    def believed_dead(self: Any) -> Any:
        return self.others() if original(self) else frozenset()

    return believed_dead


BUGS = {
    "trust-an-empty-list": bug(
        "what a list of the broker lacks is gone, withdrawn or not",
        Patch(retained.Retained, "_vanished", always(None)),
    ),
    "take-the-older-version": bug(
        "after a restore the older state of an export is used at once",
        Patch(retained, "_is_older_story", always(False)),
    ),
    "keep-what-a-restore-undid": bug(
        "a list never replaces what is held by an older version",
        Patch(store.Store, "replace", _no_older),
    ),
    "forget-what-was-before-a-start": bug(
        "after a start, what the broker lacks at the first look is gone",
        Patch(retained.Retained, "_knows", always(True)),
    ),
    "first-list-is-proof": bug(
        "after a start, what the own cluster lacks in the first list is gone",
        Patch(proof.Evidence, "proves_gone", always(True)),
    ),
    "believe-old-statements": bug(
        "a statement counts, though a newer one was heard before",
        Patch(members, "hear", _every_statement_counts),
    ),
    "state-what-is-there": bug(
        "a member states what it finds on the broker, not what it exports",
        Patch(Exporter, "written", _what_is_there),
    ),
    "removed-at-once": bug(
        "a member whose MemberCluster is missing counts as removed at once",
        Patch(departure, "SEEN_SECONDS", instead(0.0)),
        Patch(departure, "UNSEEN_SECONDS", instead(0.0)),
    ),
    "one-dead-all-dead": bug(
        "one member that is dead makes all others count as dead",
        Patch(members.Membership, "_believed_dead", _all_with_one),
    ),
    "count-lists-without-ourselves": bug(
        "all MemberClusters deleted at once are all members removed, for an agent that has listened for ten "
        "minutes",
        Patch(members.Membership, "_see_departures", _only_with_ours),
    ),
    "resume-in-another-history": bug(
        "a watch of the broker that broke goes on from its version, without a list",
        Patch(Reflector, "_watch_failed", _goes_on),
        Patch(Reflector, "_ended_in_time", always(True)),
        Patch(Settling, "_look", always(None)),
    ),
}
