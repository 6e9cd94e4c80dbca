"""Garbage collection: an object is deleted once all its owners are gone.

Owners are matched by uid, so that a later object of the same name owns nothing. Two deletion policies arrive
as finalizers on the owner: with `foregroundDeletion` the dependents are deleted before the owner, with
`orphan` they lose their reference to it.

Invariant: an object is deleted only when none of the owners that it names exists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mcs_controller.simcluster.kinds.kind import Kind
from mcs_controller.simcluster.lifecycles.background import Background
from mcs_controller.simcluster.storage.metadata import FOREGROUND_FINALIZER, ORPHAN_FINALIZER, set_finalizers
from mcs_controller.simcluster.storage.objects import DeleteOptions, Objects
from mcs_controller.simcluster.storage.versions import Bucket, Event, Object, Stored


class _Place(NamedTuple):
    bucket: Bucket
    namespace: str
    name: str


class GarbageCollector:
    """Observes every write, and looks a moment later at objects that may have become garbage."""

    def __init__(
        self, objects: Objects, kind_of: Callable[[Bucket], Kind | None], background: Background
    ) -> None:
        self._objects = objects
        self._kind_of = kind_of
        self._background = background
        self._places: dict[str, _Place] = {}
        self._owners_of: dict[str, frozenset[str]] = {}
        self._dependents_of: dict[str, set[str]] = {}
        self._suspects: set[str] = set()
        objects.storage.subscribe_all(self._observe)

    def begin_anew(self) -> None:
        """Know what is there now and nothing else, as a controller manager that has been restarted."""
        self._places.clear()
        self._owners_of.clear()
        self._dependents_of.clear()
        self._suspects.clear()
        storage = self._objects.storage
        for bucket in storage.buckets():
            for stored in storage.select(bucket):
                self._observe(bucket, Event(stored.resource_version, None, stored, stored))

    def _observe(self, bucket: Bucket, event: Event) -> None:
        metadata = event.last.metadata
        uid = metadata["uid"]
        if event.after is None:
            self._places.pop(uid, None)
            self._set_owners(uid, frozenset())
            self._suspect(self._dependents_of.get(uid, ()))
            return
        if event.before is None:
            self._places[uid] = _Place(bucket, event.last.namespace, event.last.name)
        owners = frozenset(one["uid"] for one in metadata.get("ownerReferences", ()))
        if owners != self._owners_of.get(uid, frozenset()):
            self._set_owners(uid, owners)
        if owners or (
            "deletionTimestamp" in metadata
            and {FOREGROUND_FINALIZER, ORPHAN_FINALIZER} & set(metadata.get("finalizers", ()))
        ):
            self._suspect((uid,))

    def _set_owners(self, uid: str, owners: frozenset[str]) -> None:
        before = self._owners_of.pop(uid, frozenset())
        for owner in before - owners:
            dependents = self._dependents_of[owner]
            dependents.discard(uid)
            if not dependents:
                del self._dependents_of[owner]
            self._suspect((owner,))
        for owner in owners:
            self._dependents_of.setdefault(owner, set()).add(uid)
        if owners:
            self._owners_of[uid] = owners

    def _suspect(self, uids: tuple[str, ...] | set[str]) -> None:
        if uids:
            self._suspects.update(uids)
            self._background.soon(self._step)

    def _step(self) -> None:
        suspects, self._suspects = sorted(self._suspects), set()
        for uid in suspects:
            place = self._places.get(uid)
            if place is None or (kind := self._kind_of(place.bucket)) is None:
                continue
            stored = self._objects.get(kind, place.namespace, place.name)
            finalizers = stored.metadata.get("finalizers", ())
            if "deletionTimestamp" not in stored.metadata:
                self._collect(uid, kind, stored)
            elif FOREGROUND_FINALIZER in finalizers:
                self._delete_dependents(uid, kind, stored)
            elif ORPHAN_FINALIZER in finalizers:
                self._orphan_dependents(uid, kind, stored)

    def _collect(self, uid: str, kind: Kind, stored: Stored) -> None:
        """Delete the object when all its owners are gone; otherwise remove those that are gone."""
        owners = self._owners_of.get(uid, frozenset())
        gone = {owner for owner in owners if owner not in self._places}
        if not gone:
            return
        if gone == owners:
            options = DeleteOptions(uid=uid, propagation="Background")
            self._objects.delete(kind, stored.namespace, stored.name, options)
        else:
            self._objects.edit(kind, stored, _without_owners(stored, gone))

    def _delete_dependents(self, uid: str, kind: Kind, stored: Stored) -> None:
        blocked = False
        for dependent in sorted(self._dependents_of.get(uid, ())):
            place = self._places[dependent]
            dependent_kind = self._kind_of(place.bucket)
            if dependent_kind is None:
                continue
            one = self._objects.get(dependent_kind, place.namespace, place.name)
            if any(owner in self._places for owner in self._owners_of[dependent] - {uid}):
                self._objects.edit(dependent_kind, one, _without_owners(one, {uid}))
            elif "deletionTimestamp" in one.metadata:
                blocked = blocked or _blocks(one, uid)
            else:
                options = DeleteOptions(propagation="Foreground" if self._owns(dependent) else "Background")
                outcome = self._objects.delete(dependent_kind, place.namespace, place.name, options)
                blocked = blocked or (not outcome.gone and _blocks(one, uid))
        if not blocked:
            self._release(kind, stored, FOREGROUND_FINALIZER)

    def _orphan_dependents(self, uid: str, kind: Kind, stored: Stored) -> None:
        for dependent in sorted(self._dependents_of.get(uid, ())):
            place = self._places[dependent]
            if (dependent_kind := self._kind_of(place.bucket)) is not None:
                one = self._objects.get(dependent_kind, place.namespace, place.name)
                self._objects.edit(dependent_kind, one, _without_owners(one, {uid}))
        self._release(kind, stored, ORPHAN_FINALIZER)

    def _owns(self, uid: str) -> bool:
        return bool(self._dependents_of.get(uid))

    def _release(self, kind: Kind, stored: Stored, finalizer: str) -> None:
        body = stored.copy()
        finalizers = [one for one in body["metadata"].get("finalizers", ()) if one != finalizer]
        set_finalizers(body["metadata"], finalizers)
        self._objects.edit(kind, stored, body)


def _blocks(stored: Stored, owner: str) -> bool:
    references = stored.metadata.get("ownerReferences", ())
    return any(one["uid"] == owner and one.get("blockOwnerDeletion") for one in references)


def _without_owners(stored: Stored, uids: set[str]) -> Object:
    body = stored.copy()
    kept = [one for one in body["metadata"].get("ownerReferences", ()) if one["uid"] not in uids]
    if kept:
        body["metadata"]["ownerReferences"] = kept
    else:
        body["metadata"].pop("ownerReferences", None)
    return body
