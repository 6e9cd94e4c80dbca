"""The life cycle of CustomResourceDefinitions.

A definition takes effect in the write that creates or changes it: unlike a real server's, it is Established
in the answer already. When one is deleted, its objects are deleted first, by a background step.

Invariant: a kind is served exactly while its definition exists and serves that version.
"""

from __future__ import annotations

from collections.abc import Callable

from mcs_controller.kube.clock import Clock, rfc3339
from mcs_controller.simcluster.kinds.custom import kinds_of_crd
from mcs_controller.simcluster.kinds.kind import Kind
from mcs_controller.simcluster.kinds.served import ServedKinds
from mcs_controller.simcluster.lifecycles.background import Background
from mcs_controller.simcluster.storage.objects import Objects
from mcs_controller.simcluster.storage.versions import Bucket, Event, Object

BUCKET: Bucket = ("apiextensions.k8s.io", "customresourcedefinitions")
CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


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
        now = rfc3339(self._clock.now())
        conditions = [
            _condition("NamesAccepted", "True", "NoConflicts", "no conflicts found", now),
            _condition(
                "Established", "True", "InitialNamesAccepted", "the initial names have been accepted", now
            ),
        ]
        body["status"] = {
            "conditions": conditions,
            "acceptedNames": names,
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
        if event.before is None or shown["spec"] != event.before.object["spec"]:
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
