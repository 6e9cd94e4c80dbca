"""Where clusters and broker hold something else than the rules say, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeVar

from mcs_controller.api.names import CONDITION_HELD, LABEL_SOURCE_CLUSTER
from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    SERVICES,
)
from mcs_controller.clusterset.model import (
    Condition,
    ImportedSlice,
    LocalImport,
    LocalService,
    MergedService,
    ServiceKey,
)
from mcs_controller.clusterset.services import decode, desired
from mcs_controller.clusterset.services.export import (
    NOT_VALID,
    conflict_condition,
    published_slice,
    ready_condition,
    without_endpoints,
)
from mcs_controller.clusterset.services.naming import derived_service_name
from mcs_controller.simcluster.cluster import SimCluster
from tests.simulation.rules import EXPORTS, IMPORTS, Wanted, held

_Key = TypeVar("_Key", tuple[str, ServiceKey], tuple[str, ServiceKey, str])
LEFTOVER, EXACT = "I-LEFTOVER", "I-QUIET-EXACT"


class Problem(NamedTuple):
    """Something is too much (LEFTOVER), or missing or different (EXACT)."""

    invariant: str
    text: str


def member_problems(
    place: str, server: SimCluster, wanted: Wanted, blocked: frozenset[ServiceKey]
) -> Iterator[Problem]:
    """Of one cluster. Services that are `blocked` there by an object of a user's are not judged."""
    imports = {one.service: one for one in map(decode.service_import, held(server, IMPORTS)) if one.managed}
    services = [one for one in map(decode.service, held(server, SERVICES)) if one.managed]
    derived = {one.service: one for one in services}
    slices: dict[ServiceKey, dict[str, ImportedSlice]] = {}
    for body in held(server, ENDPOINT_SLICES):
        if LABEL_SOURCE_CLUSTER in (body["metadata"].get("labels") or {}):
            found = decode.own_imported_slice(body)
            if found is not None:
                slices.setdefault(found.service, {})[found.name] = found
    due = {
        key: merged
        for key, merged in wanted.merged.items()
        if key.namespace in wanted.namespaces[place] and key not in blocked
    }
    for key in sorted((imports.keys() | slices.keys()) - due.keys() - blocked):
        yield Problem(LEFTOVER, f"{place}: {key} has an import or slices, and nobody exports it")
    known = {derived_service_name(key) for key in due.keys() | blocked}
    for one in services:
        if one.service.name not in known:
            yield Problem(LEFTOVER, f"{place}: derived Service {one.service} ({one.import_name})")
    for key, merged in sorted(due.items()):
        name = ServiceKey(key.namespace, derived_service_name(key))
        yield from _import_problems(
            place, merged, wanted, imports.get(key), derived.get(name), slices.get(key, {})
        )
    yield from _export_problems(place, server, wanted)


def _import_problems(
    place: str,
    merged: MergedService,
    wanted: Wanted,
    imported: LocalImport | None,
    derived: LocalService | None,
    slices: Mapping[str, ImportedSlice],
) -> Iterator[Problem]:
    key = merged.service
    if imported is None:
        yield Problem(EXACT, f"{place}: there is no import {key}")
        return
    sources = wanted.seen_from(place, key)
    has_ip = desired.wants_clusterset_ip(merged, sources, imported.spec.ips)
    ips = derived.cluster_ips if derived is not None and has_ip else ()
    spec = desired.import_spec(merged, ips)
    body = desired.DesiredImport(key, spec, desired.import_metadata(merged))
    if desired.import_differs(imported, body):
        yield Problem(EXACT, f"{place}: import {key} has {imported.spec}, not {spec}")
    if has_ip:
        service = desired.derived_service(merged, owner_uid=imported.uid, observed=derived)
        if derived is None or service is None or desired.differs(derived, service):
            yield Problem(EXACT, f"{place}: the derived Service of {key} is {derived}, not {service}")
    elif derived is not None and not derived.idle_since:
        yield Problem(LEFTOVER, f"{place}: {key} has a derived Service that it does not need")
    want = {
        one.name: one
        for one in desired.imported_slices(
            merged, wanted.records[key], sources, own_cluster=place, owner_uid=imported.uid
        )
    }
    for name in sorted(slices.keys() | want.keys()):
        if name not in want:
            yield Problem(LEFTOVER, f"{place}: slice {name} of {key}")
        elif slices.get(name) != want[name]:
            yield Problem(EXACT, f"{place}: slice {name} of {key} is {slices.get(name)}, not {want[name]}")
    if imported.clusters != merged.clusters:
        yield Problem(EXACT, f"{place}: import {key} names {imported.clusters}, not {merged.clusters}")
    present = "Present" if want else "Absent"
    if imported.slice_objects != present:
        yield Problem(EXACT, f"{place}: import {key} says that slices are {imported.slice_objects}")
    conditions = desired.import_conditions(
        merged,
        spec,
        waiting="" if has_ip else desired.NO_ENDPOINT_YET,
        observed_generation=imported.generation,
    )
    yield from _condition_problems(f"{place}: import {key}", imported.conditions, conditions)
    for one in imported.conditions:
        if one.type == CONDITION_HELD and one.status != "False":
            yield Problem(EXACT, f"{place}: import {key} is held: {one.reason} {one.message}")


def _export_problems(place: str, server: SimCluster, wanted: Wanted) -> Iterator[Problem]:
    for export in map(decode.service_export, held(server, EXPORTS)):
        evaluation = wanted.exports[place, export.service][1]
        generation = evaluation.valid.observed_generation
        if evaluation.record is None:
            ready = ready_condition("Pending", NOT_VALID, observed_generation=generation)
            conflict = Condition("Conflict", "False", "NoConflicts", "", generation)
        else:
            own = [one for one in wanted.slices.get(export.service, ()) if one.cluster == place]
            note = without_endpoints(wanted.services[place, export.service], own)
            ready = ready_condition("Exported", note, observed_generation=generation)
            merged = wanted.merged[export.service]
            conflict = conflict_condition(merged, observed_generation=generation)
        yield from _condition_problems(
            f"{place}: export {export.service}", export.conditions, (evaluation.valid, ready, conflict)
        )


def _condition_problems(
    who: str, found: tuple[Condition, ...], wanted: tuple[Condition, ...]
) -> Iterator[Problem]:
    of_type = {one.type: replace(one, last_transition_at="") for one in found}
    for want in wanted:
        if of_type.get(want.type) != want:
            yield Problem(EXACT, f"{who} says {of_type.get(want.type)}, not {want}")


def broker_problems(server: SimCluster, wanted: Wanted, strangers: frozenset[str]) -> Iterator[Problem]:
    """Of the broker; the namespaces of `strangers`, members that are not ours, are not judged."""
    due_records = {(one.cluster, key): one for key, of in wanted.records.items() for one in of.values()}
    found_records = {}
    for body in held(server, EXPORTED_SERVICES):
        record = decode.own_exported_service(body)
        if record.cluster not in strangers:
            found_records[record.cluster, record.service] = record
    due_slices = {
        (one.cluster, one.service, one.name): published_slice(one)
        for of in wanted.slices.values()
        for one in of
    }
    found_slices = {}
    for body in held(server, EXPORTED_ENDPOINT_SLICES):
        piece = decode.own_exported_slice(body)
        if piece.cluster not in strangers:
            found_slices[piece.cluster, piece.service, piece.name] = piece
    yield from _differences("record", found_records, due_records)
    yield from _differences("slice", found_slices, due_slices)


def _differences(what: str, found: Mapping[_Key, object], due: Mapping[_Key, object]) -> Iterator[Problem]:
    for one in sorted(found.keys() | due.keys()):
        if one not in due:
            yield Problem(LEFTOVER, f"broker: {what} {one}")
        elif found.get(one) != due[one]:
            yield Problem(EXACT, f"broker: {what} {one} is {found.get(one)}, not {due[one]}")
