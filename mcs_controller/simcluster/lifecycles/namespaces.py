"""Namespaces: what may be created in one, and how it ends.

A deleted namespace stays, as Terminating, until everything in it is gone. A background step deletes its
content; objects with finalizers are waited for. Meanwhile nothing can be created in it.

Invariant: no object lies in a namespace that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.kind import Kind
from mcs_controller.simcluster.lifecycles.background import Background
from mcs_controller.simcluster.storage.objects import DeleteOptions, Objects
from mcs_controller.simcluster.storage.versions import Bucket, Event, Object

BUCKET: Bucket = ("", "namespaces")
FINALIZER = "kubernetes"
NAME_LABEL = "kubernetes.io/metadata.name"
IMMORTAL = ("default", "kube-system", "kube-public")


class Namespaces:
    """The life cycle of namespaces: rules for writes, admission of creations, and the clean-up."""

    def __init__(
        self,
        objects: Objects,
        kind: Kind,
        kind_of: Callable[[Bucket], Kind | None],
        background: Background,
    ) -> None:
        self._objects = objects
        self._kind = kind
        self._kind_of = kind_of
        self._background = background
        self._terminating: set[str] = set()
        objects.rules[BUCKET] = self
        objects.admission = self
        objects.storage.subscribe_all(self._observe)

    def created(self, body: Object) -> None:
        metadata = body["metadata"]
        if name := metadata.get("name"):
            metadata.setdefault("labels", {})[NAME_LABEL] = name
        body["spec"] = _with_finalizer(body.get("spec"))
        body["status"] = {"phase": "Active"}

    def updated(self, body: Object, old: Object) -> None:
        body["metadata"].setdefault("labels", {})[NAME_LABEL] = body["metadata"]["name"]
        body["spec"] = old.get("spec", {})

    def deleting(self, body: Object) -> None:
        name = body["metadata"]["name"]
        if name in IMMORTAL:
            raise status.forbidden(self._kind, name, "this namespace may not be deleted")
        body["status"] = body.get("status", {}) | {"phase": "Terminating"}

    def is_held(self, body: Object) -> bool:
        return bool(body.get("spec", {}).get("finalizers"))

    def admit(self, kind: Kind, namespace: str, name: str) -> None:
        if not kind.namespaced:
            return
        stored = self._objects.storage.get(BUCKET, "", namespace)
        if stored is None:
            raise status.not_found(self._kind, namespace)
        if "deletionTimestamp" in stored.metadata:
            raise status.namespace_terminating(kind, name, namespace)

    def begin_anew(self) -> None:
        """Know what is there now and nothing else, as a controller manager that has been restarted."""
        self._terminating.clear()
        for stored in self._objects.storage.select(BUCKET):
            self._observe(BUCKET, Event(stored.resource_version, None, stored, stored))

    def _observe(self, bucket: Bucket, event: Event) -> None:
        name = event.last.name
        if bucket == BUCKET:
            if event.after is None:
                self._terminating.discard(name)
            elif "deletionTimestamp" in event.after.metadata:
                self._terminating.add(name)
                self._background.soon(self._step)
        elif event.after is None and event.last.namespace in self._terminating:
            self._background.soon(self._step)

    def _step(self) -> None:
        for name in sorted(self._terminating):
            self._empty(name)
            if not any(self._objects.storage.select(bucket, name) for bucket in self._buckets()):
                self._finish(name)

    def _empty(self, name: str) -> None:
        for bucket in self._buckets():
            kind = self._kind_of(bucket)
            for stored in self._objects.storage.select(bucket, name):
                if kind is not None and "deletionTimestamp" not in stored.metadata:
                    self._objects.delete(kind, name, stored.name, DeleteOptions(propagation="Background"))

    def _finish(self, name: str) -> None:
        stored = self._objects.storage.get(BUCKET, "", name)
        if stored is None:
            return
        body = stored.copy()
        finalizers = [one for one in body["spec"].get("finalizers", ()) if one != FINALIZER]
        body["spec"] = {"finalizers": finalizers} if finalizers else {}
        self._objects.edit(self._kind, stored, body)

    def _buckets(self) -> list[Bucket]:
        return [bucket for bucket in self._objects.storage.buckets() if bucket != BUCKET]


def _with_finalizer(spec: Any) -> Object:
    finalizers = (spec or {}).get("finalizers") or []
    return {"finalizers": [FINALIZER, *(one for one in finalizers if one != FINALIZER)]}
