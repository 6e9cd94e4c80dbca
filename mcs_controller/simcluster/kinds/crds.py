"""Which kinds the server serves: the built-in ones, and one for each version of each CRD.

A CustomResourceDefinition takes effect in the write that creates or changes it: unlike a real server's, it
is Established in the answer already. Deleting one deletes its objects first, by a background step.

Invariant: a kind is served exactly while its CRD exists, is accepted, and serves that version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mcs_controller.kube.clock import Clock, rfc3339
from mcs_controller.simcluster.kinds.kinds import kinds_of_crd
from mcs_controller.simcluster.kinds.resource_kind import Kind
from mcs_controller.simcluster.storage.background import Background
from mcs_controller.simcluster.storage.objects import Objects
from mcs_controller.simcluster.storage.storage import Bucket, Event, Object

BUCKET: Bucket = ("apiextensions.k8s.io", "customresourcedefinitions")
CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


class ServedKinds:
    """The kinds by the path segments that address them."""

    def __init__(self, builtin: Iterable[Kind]) -> None:
        self._by_path: dict[tuple[str, str, str], Kind] = {}
        self._by_bucket: dict[Bucket, Kind] = {}
        self.revision = 0
        """Raised whenever the set changes, for those who keep documents about it."""
        for kind in builtin:
            self._add(kind)

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        return self._by_path.get((group, version, plural))

    def of_bucket(self, bucket: Bucket) -> Kind | None:
        """One of the kinds that share a bucket, for the server's own writes."""
        return self._by_bucket.get(bucket)

    def is_builtin(self, group: str) -> bool:
        """Whether a group is the server's own: there, an unknown resource gets another answer."""
        return any(kind.group == group and not kind.is_custom for kind in self._by_path.values())

    def all(self) -> tuple[Kind, ...]:
        return tuple(self._by_path.values())

    def replace(self, group: str, plural: str, kinds: Iterable[Kind]) -> None:
        """Serve these versions of one resource, and no others."""
        for kind in [one for one in self._by_path.values() if (one.group, one.plural) == (group, plural)]:
            del self._by_path[kind.group, kind.version, kind.plural]
            self._by_bucket.pop(kind.storage, None)
        for kind in kinds:
            self._add(kind)
        self.revision += 1

    def _add(self, kind: Kind) -> None:
        self._by_path[kind.group, kind.version, kind.plural] = kind
        self._by_bucket.setdefault(kind.storage, kind)


class CustomResources:
    """The life cycle of CRDs."""

    def __init__(
        self,
        objects: Objects,
        kind: Kind,
        served: ServedKinds,
        background: Background,
        clock: Clock,
        closes_watches: Callable[[Bucket], None],
    ) -> None:
        self._objects = objects
        self._kind = kind
        self._served = served
        self._background = background
        self._clock = clock
        self._closes_watches = closes_watches
        self._terminating: set[str] = set()
        objects.rules[BUCKET] = self
        objects.storage.subscribe_all(self._observe)

    def created(self, body: Object) -> None:
        spec = body["spec"]
        names = spec["names"]
        rival = self._rival(spec)
        now = rfc3339(self._clock.now())
        if rival is None:
            conditions = [
                _condition("NamesAccepted", "True", "NoConflicts", "no conflicts found", now),
                _condition(
                    "Established", "True", "InitialNamesAccepted", "the initial names have been accepted", now
                ),
            ]
        else:
            why = f'"{rival.plural}" is already in use'
            conditions = [
                _condition("NamesAccepted", "False", "NameConflict", why, now),
                _condition("Established", "False", "NotAccepted", "not all names are accepted", now),
            ]
        body["status"] = {
            "conditions": conditions,
            "acceptedNames": names if rival is None else {"plural": "", "kind": ""},
            "storedVersions": _stored_versions(spec),
        }

    def updated(self, body: Object, old: Object) -> None:
        known = old.get("status", {})
        if body.get("spec") == old.get("spec") or not known:
            return
        stored = known.get("storedVersions", [])
        added = [one for one in _stored_versions(body["spec"]) if one not in stored]
        body["status"] = known | {"storedVersions": stored + added, "acceptedNames": body["spec"]["names"]}

    def deleting(self, body: Object) -> None:
        metadata = body["metadata"]
        finalizers = metadata.get("finalizers", [])
        if CLEANUP_FINALIZER not in finalizers:
            metadata["finalizers"] = [*finalizers, CLEANUP_FINALIZER]
        now = rfc3339(self._clock.now())
        text = "CustomResource deletion is in progress"
        condition = _condition("Terminating", "True", "InstanceDeletionInProgress", text, now)
        known = body.get("status", {})
        body["status"] = known | {"conditions": [*known.get("conditions", []), condition]}

    def is_held(self, body: Object) -> bool:
        return False

    def _rival(self, spec: Object) -> Kind | None:
        """Another resource of the group that has one of the names."""
        names = spec["names"]
        wanted = {names.get("plural"), names.get("singular"), *names.get("shortNames", ())}
        for kind in self._served.all():
            if kind.group == spec.get("group") and kind.plural != names.get("plural"):
                taken = {kind.plural, kind.singular, *kind.short_names}
                if wanted & taken or kind.kind == names.get("kind"):
                    return kind
        return None

    def _observe(self, bucket: Bucket, event: Event) -> None:
        if bucket != BUCKET:
            resource = f"{bucket[1]}.{bucket[0]}"
            if event.after is None and resource in self._terminating:
                self._background.soon(self._step)
            return
        shown = event.last.object
        group, plural = shown["spec"]["group"], shown["spec"]["names"]["plural"]
        if event.after is None:
            self._terminating.discard(event.last.name)
            self._served.replace(group, plural, ())
            self._closes_watches((group, plural))
            return
        if "deletionTimestamp" in shown["metadata"]:
            self._terminating.add(event.last.name)
            self._background.soon(self._step)
        before = event.before.object["spec"] if event.before is not None else None
        if shown["spec"] != before and _is_established(shown):
            self._served.replace(group, plural, kinds_of_crd(shown))
            self._closes_watches((group, plural))

    def _step(self) -> None:
        for name in sorted(self._terminating):
            stored = self._objects.get(self._kind, "", name)
            spec = stored.object["spec"]
            bucket = (spec["group"], spec["names"]["plural"])
            kind = self._served.of_bucket(bucket)
            for one in self._objects.storage.select(bucket):
                if kind is not None and "deletionTimestamp" not in one.metadata:
                    self._objects.delete(kind, one.namespace, one.name)
            if not self._objects.storage.select(bucket):
                self._finish(name)

    def _finish(self, name: str) -> None:
        stored = self._objects.get(self._kind, "", name)
        body = stored.copy()
        finalizers = [one for one in body["metadata"].get("finalizers", ()) if one != CLEANUP_FINALIZER]
        body["metadata"]["finalizers"] = finalizers
        self._objects.edit(self._kind, stored, body)


def _condition(kind: str, value: str, reason: str, message: str, now: str) -> Object:
    return {
        "type": kind,
        "status": value,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }


def _stored_versions(spec: Object) -> list[str]:
    return [one["name"] for one in spec["versions"] if one.get("storage")]


def _is_established(crd: Object) -> bool:
    conditions = crd.get("status", {}).get("conditions", ())
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
