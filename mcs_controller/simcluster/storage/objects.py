"""Writes: create, replace and delete, with the rules that all kinds share.

These are versions and preconditions, fields that a client cannot change, generation, the status subresource,
and finalizers. What one kind demands is in its `Kind` (schema, `prepare`) and its `Rules`; HTTP is in
`serving/`.

Invariant: a write that changes nothing stores nothing, and so makes no event.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from random import Random
from typing import Protocol

from mcs_controller.kube.clock import Clock, rfc3339
from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.kind import Context, Kind
from mcs_controller.simcluster.kinds.service_ips import ServiceIpAllocator
from mcs_controller.simcluster.storage import metadata as meta
from mcs_controller.simcluster.storage.versions import Bucket, Object, Storage, Stored

_NEEDS_VERSION_ON_UPDATE = {
    ("coordination.k8s.io", "leases"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
}
"""Built-in kinds that, like custom ones, cannot be replaced without a version."""


class Rules(Protocol):
    """What a kind with a life cycle of its own adds (`lifecycles/`)."""

    def created(self, body: Object) -> None:
        """Shape a new object that is valid."""
        ...

    def updated(self, body: Object, old: Object) -> None:
        """Shape a changed object before it is stored."""
        ...

    def deleting(self, body: Object) -> None:
        """Shape an object that is being marked for deletion; raises `StatusError` when it must not be."""
        ...

    def is_held(self, body: Object) -> bool:
        """Whether it must stay for now, though it has no finalizers."""
        ...


class Admission(Protocol):
    """May refuse a creation for reasons outside the object, such as its namespace."""

    def admit(self, kind: Kind, namespace: str, name: str) -> None:
        """Raises `StatusError`."""
        ...


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """Preconditions and options of a deletion; "" when not given."""

    uid: str = ""
    resource_version: str = ""
    propagation: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Deletion:
    """The result of a deletion: the object's last state, and whether it is gone."""

    stored: Stored
    gone: bool


class Objects:
    """The objects of one API server, as they may be written."""

    def __init__(
        self, storage: Storage, allocator: ServiceIpAllocator, *, clock: Clock, random: Random
    ) -> None:
        self.storage = storage
        self.rules: dict[Bucket, Rules] = {}
        self.admission: Admission | None = None
        self._allocator = allocator
        self._clock = clock
        self._random = random

    def get(self, kind: Kind, namespace: str, name: str) -> Stored:
        """Raises 404."""
        stored = self.storage.get(kind.storage, namespace, name)
        if stored is None:
            raise status.not_found(kind, name)
        return stored

    def create(self, kind: Kind, namespace: str, body: Object, *, dry_run: bool = False) -> Stored:
        """Store a new object; `body` is owned from here on."""
        metadata = meta.check_shape(body)
        _check_namespace(kind, namespace, metadata)
        if not metadata.get("name") and (base := metadata.get("generateName")):
            metadata["name"] = meta.generated_name(base, self._random)
        name = metadata.get("name", "")
        if self.admission is not None:
            self.admission.admit(kind, namespace, name)
        if name and self.storage.get(kind.storage, namespace, name) is not None:
            raise status.already_exists(kind, name)
        if metadata.pop("resourceVersion", "") not in ("", "0"):
            raise status.internal("resourceVersion should not be set on objects to be created")
        uid = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        meta.initialise(metadata, namespace, uid=uid, now=rfc3339(self._clock.now()))
        if kind.has_status:
            body.pop("status", None)
        if kind.has_generation:
            metadata["generation"] = 1
        body = self._prepare(kind, body, None, dry_run)
        if dry_run:
            return Stored(f"{namespace}/{name}", kind.to_storage(body), 0)
        return self.storage.put(kind.storage, kind.to_storage(body))

    def replace(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        body: Object,
        *,
        subresource: str = "",
        dry_run: bool = False,
        is_patch: bool = False,
    ) -> Stored:
        """Store a changed object, or its status only; `body` is owned from here on."""
        stored = self.get(kind, namespace, name)
        old = kind.from_storage(stored.object)
        metadata = meta.check_shape(body)
        _check_name(kind, namespace, name, metadata)
        _check_identity(kind, name, metadata, old["metadata"])
        self._check_version(kind, name, metadata, stored, is_patch)
        if subresource == "status":
            body = _with_status_of(kind.from_storage(stored.copy()), body)
            metadata = body["metadata"]
        else:
            meta.carry_over(metadata, old["metadata"])
            if kind.has_status:
                _keep_field("status", body, old)
        metadata["resourceVersion"] = str(stored.resource_version)
        errors = meta.added_finalizers(metadata, old["metadata"])
        if errors:
            raise status.invalid(kind, name, errors)
        body = self._prepare(kind, body, old, dry_run)
        if kind.raises_generation(body, old):
            body["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        return self._store_change(kind, stored, old, body, dry_run)

    def delete(self, kind: Kind, namespace: str, name: str, options: DeleteOptions | None = None) -> Deletion:
        """Remove an object, or mark it when finalizers or its kind's rules hold it."""
        options = options or DeleteOptions()
        stored = self.get(kind, namespace, name)
        _check_preconditions(kind, stored, options)
        body = stored.copy()
        metadata = body["metadata"]
        _apply_propagation(metadata, options.propagation)
        rules = self.rules.get(kind.storage)
        is_first = "deletionTimestamp" not in metadata
        if rules is not None and is_first:
            rules.deleting(body)
        if not metadata.get("finalizers") and (rules is None or not rules.is_held(body)):
            return Deletion(stored if options.dry_run else self._remove(kind, stored), gone=True)
        if is_first:
            metadata["deletionTimestamp"] = rfc3339(self._clock.now())
            metadata["deletionGracePeriodSeconds"] = 0
            if "generation" in metadata:
                metadata["generation"] += 1
        if body != stored.object and not options.dry_run:
            stored = self.storage.put(kind.storage, body)
        return Deletion(stored, gone=False)

    def edit(self, kind: Kind, stored: Stored, body: Object) -> Stored | None:
        """A change by the server's own controllers, without rules; None when the object is gone by it."""
        if self._is_finished(kind, body):
            self._remove(kind, stored)
            return None
        return stored if body == stored.object else self.storage.put(kind.storage, body)

    def _store_change(self, kind: Kind, stored: Stored, old: Object, body: Object, dry_run: bool) -> Stored:
        if (rules := self.rules.get(kind.storage)) is not None:
            rules.updated(body, old)
        canonical = kind.to_storage(body)
        if dry_run:
            return Stored(stored.key, canonical, stored.resource_version)
        if self._is_finished(kind, canonical):
            last = self._remove(kind, stored)
            canonical["metadata"]["resourceVersion"] = str(last.resource_version)
            return Stored(stored.key, canonical, last.resource_version)
        if canonical == stored.object:
            return stored
        return self.storage.put(kind.storage, canonical)

    def _is_finished(self, kind: Kind, body: Object) -> bool:
        metadata = body["metadata"]
        if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
            return False
        rules = self.rules.get(kind.storage)
        return rules is None or not rules.is_held(body)

    def _remove(self, kind: Kind, stored: Stored) -> Stored:
        last = self.storage.remove(kind.storage, stored.namespace, stored.name)
        if kind.on_delete is not None:
            kind.on_delete(last.object, self._context(dry_run=False))
        return last

    def _prepare(self, kind: Kind, body: Object, old: Object | None, dry_run: bool) -> Object:
        body |= {"kind": kind.kind, "apiVersion": kind.api_version}
        errors = []
        if kind.schema is not None:
            body = kind.schema.default(kind.schema.prune(body))
            errors += kind.schema.validate(body)
        if not errors and kind.prepare is not None:
            errors += kind.prepare(body, old, self._context(dry_run=dry_run))
        if errors:
            raise status.invalid(kind, body["metadata"].get("name", ""), errors)
        if old is None and (rules := self.rules.get(kind.storage)) is not None:
            rules.created(body)
        rest = {key: value for key, value in body.items() if key not in ("kind", "apiVersion")}
        return {"kind": kind.kind, "apiVersion": kind.api_version} | rest

    def _context(self, *, dry_run: bool) -> Context:
        return Context(self._allocator, self._clock.now(), dry_run)

    def _check_version(self, kind: Kind, name: str, metadata: Object, stored: Stored, is_patch: bool) -> None:
        version = metadata.get("resourceVersion", "")
        if version in ("", "0"):
            if not is_patch and (kind.is_custom or kind.storage in _NEEDS_VERSION_ON_UPDATE):
                detail = "must be specified for an update"
                error = status.invalid_value("metadata.resourceVersion", 0, detail)
                raise status.invalid(kind, name, [error])
        elif version != str(stored.resource_version):
            raise status.conflict(kind, name)


def _with_status_of(old: Object, body: Object) -> Object:
    """A copy of the old object, given the new one's status."""
    _keep_field("status", old, body)
    return old


def _keep_field(field: str, body: Object, old: Object) -> None:
    """Copy a field from `old`, or remove it where `old` does not have it."""
    if field in old:
        body[field] = old[field]
    else:
        body.pop(field, None)


def _check_namespace(kind: Kind, namespace: str, metadata: Object) -> None:
    if kind.namespaced and metadata.get("namespace", namespace) not in ("", namespace):
        raise status.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def _check_name(kind: Kind, namespace: str, name: str, metadata: Object) -> None:
    given = metadata.setdefault("name", name)
    if given != name:
        raise status.bad_request(
            f"the name of the object ({given}) does not match the name on the URL ({name})"
        )
    if kind.namespaced:
        given = metadata.get("namespace") or namespace
        if given != namespace:
            raise status.bad_request(
                f"the namespace of the object ({given}) does not match the namespace on the request "
                f"({namespace})"
            )
        metadata["namespace"] = namespace


def _check_identity(kind: Kind, name: str, metadata: Object, old: Object) -> None:
    uid = metadata.get("uid") or old["uid"]
    if uid != old["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old['uid']}"
        raise status.conflict(kind, name, why)


def _check_preconditions(kind: Kind, stored: Stored, options: DeleteOptions) -> None:
    metadata = stored.metadata
    for what, wanted, actual in (
        ("UID", options.uid, metadata["uid"]),
        ("ResourceVersion", options.resource_version, metadata["resourceVersion"]),
    ):
        if wanted and wanted != actual:
            why = f"Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {actual}"
            raise status.conflict(kind, stored.name, why)


def _apply_propagation(metadata: Object, propagation: str) -> None:
    """The policy is kept as a finalizer, which the garbage collector removes after it has acted."""
    if not propagation:
        return
    finalizers = [
        one
        for one in metadata.get("finalizers", ())
        if one not in (meta.FOREGROUND_FINALIZER, meta.ORPHAN_FINALIZER)
    ]
    if propagation == "Foreground":
        finalizers.append(meta.FOREGROUND_FINALIZER)
    elif propagation == "Orphan":
        finalizers.append(meta.ORPHAN_FINALIZER)
    meta.set_finalizers(metadata, finalizers)
