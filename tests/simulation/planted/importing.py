"""Bugs of importers: which record wins, whose a record is, and which objects and addresses are theirs."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

from mcs_controller.api.names import LABEL_SOURCE_CLUSTER
from mcs_controller.clusterset.services import decode
from mcs_controller.clusterset.services.decode import broker as decode_broker
from mcs_controller.controllers.services.enqueueing import Enqueueing
from mcs_controller.controllers.services.imports import derived_services, import_fuse, import_status, settled
from mcs_controller.controllers.services.stores import local, view
from tests.simulation.planted.patching import Other, Patch, always, bug


def _by_arrival(original: Any) -> Any:
    def merge(records: Any, owners: Any = frozenset()) -> Any:
        arrived = [
            replace(record, exported_at=f"2026-01-01T00:00:{number:02d}Z")
            for number, record in enumerate(records)
        ]
        return original(arrived, owners)

    return merge


def _said_cluster(original: Any) -> Any:
    def source_cluster(metadata: Any) -> str:
        labels = metadata.get("labels") or {}
        return str(labels.get(LABEL_SOURCE_CLUSTER) or original(metadata))

    return source_cluster


def _dead_are_gone(original: Any) -> Any:
    def records(self: Any, key: Any) -> Any:
        dead = self._membership.dead
        return tuple(record for record in original(self, key) if record.cluster not in dead)

    return records


def _everything_is_ours(module: ModuleType) -> Any:
    def service_import(raw: Any) -> Any:
        return replace(decode.service_import(raw), managed=True)

    return Other(module, service_import=service_import)


def _any_ip(module: ModuleType) -> Any:
    original = module.derived_service

    def derived_service(merged: Any, *, requested_ips: Any = (), **options: Any) -> Any:
        return original(merged, **options)

    return Other(module, derived_service=derived_service)


def _once_named(original: Any) -> Any:
    def difference(self: Any, key: Any, wanted: Any) -> Any:
        imported = self._local.imports.get(*key)
        named = () if imported is None else imported.value.clusters
        return original(self, key, replace(wanted, clusters=tuple(sorted({*named, *wanted.clusters}))))

    return difference


BUGS = {
    "order-by-arrival": bug(
        "of exports that conflict, the one that came first wins, not the oldest",
        Patch(view, "merge", _by_arrival),
    ),
    "dead-members-export-nothing": bug(
        "a dead member's imports are withdrawn, not only its endpoints",
        Patch(view.ClustersetView, "records", _dead_are_gone),
    ),
    "believe-the-label": bug(
        "the source cluster is read from a label of the object, not from its namespace",
        Patch(decode_broker, "source_cluster", _said_cluster),
    ),
    "name-former-exporters": bug(
        "the status of an import goes on to name who took the export back",
        Patch(import_status.ImportStatus, "_difference", _once_named),
    ),
    "no-marker-needed": bug(
        "a ServiceImport without our marker is taken for ours",
        Patch(local, "decode", _everything_is_ours),
    ),
    "allocate-another-ip": bug(
        "a derived Service that is missing for a moment is made with a new clusterset IP",
        Patch(derived_services, "desired", _any_ip),
    ),
    "settled-for-ever": bug(
        "an import that was right once is not compared again",
        Patch(settled.ImportGround, "is_same", always(True)),
    ),
    "own-slices-before-they-are-read": bug(
        "an own export that was not read yet is taken for none",
        Patch(local.LocalStores, "unread", always(False)),
    ),
    "forget-namespaces": bug(
        "a namespace that is made anew enqueues nothing",
        Patch(Enqueueing, "_namespace_changed", always(None)),
    ),
    "skip-the-fuse": bug(
        "a mass withdrawal is carried out at once",
        Patch(import_fuse.ImportFuse, "holds", always(False)),
    ),
}
