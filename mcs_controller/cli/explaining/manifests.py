"""The objects that a user would apply or delete, read from a file as kubectl reads them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mcs_controller.cli.errors import CliError, UsageError
from mcs_controller.cli.manifest_files import objects_in
from mcs_controller.clusterset.errors import MalformedObject, cut
from mcs_controller.clusterset.explain.changes import KINDS, POLICY_KINDS, Change, Value
from mcs_controller.clusterset.explain.picture import Picture
from mcs_controller.clusterset.fields import child, text
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.namespaces import namespace_labels
from mcs_controller.clusterset.services import decode
from mcs_controller.clusterset.services.policies.bulk.service_policy import decode_service_policy
from mcs_controller.clusterset.services.policies.policy import decode_policy


class Manifest(NamedTuple):
    """One object, and whether it would be deleted."""

    body: Mapping[str, Any]
    deleted: bool


def read_manifests(applied: str | None, deleted: str | None) -> list[Manifest]:
    """What the two files hold; - is standard input. Raises `CliError`, `UsageError`."""
    if applied == deleted == "-":
        raise UsageError("--what-if and --what-if-deleted cannot both read standard input")
    found = [
        Manifest(body, name is deleted)
        for name in (applied, deleted)
        if name is not None
        for body in _objects_in(name)
    ]
    if not found:
        raise UsageError("--what-if: the file holds no object")
    return found


def kinds_of(manifests: Sequence[Manifest]) -> frozenset[str]:
    """The kinds of which objects would be changed."""
    return frozenset(str(one.body.get("kind")) for one in manifests)


def changes_of(manifests: Sequence[Manifest], picture: Picture) -> list[Change]:
    """The changes that they are of the service. Raises `CliError`, `UsageError`."""
    if picture.broker is None:
        raise CliError(f"what the other clusters export must be known for that: {_why(picture)}")
    if picture.here is not None and not picture.here.cluster:
        raise UsageError("which member this cluster is must be known for that: give --cluster-id NAME")
    if picture.here is not None and picture.here.unread:
        unread = ", ".join(sorted(picture.here.unread))
        raise CliError(f"what this cluster has must be known for that, and could not be read: {unread}")
    return [_change(one, picture) for one in manifests]


def _why(picture: Picture) -> str:
    return next((one.why for one in picture.unknown), "the broker was not read")


def _objects_in(name: str) -> Iterator[Mapping[str, Any]]:
    try:
        yield from objects_in(name)
    except CliError as error:
        raise CliError(f"--what-if: {error}") from error


def _change(manifest: Manifest, picture: Picture) -> Change:
    body, key = manifest.body, picture.service
    try:
        kind, metadata = text(body, "kind"), dict(child(body, "metadata"))
        name, namespace = text(metadata, "name"), text(metadata, "namespace")
    except MalformedObject as error:
        raise CliError(f"--what-if: an object cannot be read: {error}") from error
    if kind not in KINDS:
        raise UsageError(f"--what-if: {cut(kind)} {cut(name)} is none of {', '.join(KINDS)}")
    if kind == "MemberCluster":
        metadata["namespace"] = member_namespace(name)
    elif picture.here is None:
        raise UsageError(f"--what-if: {kind} {name} lies in a cluster, and --from looks at the broker only")
    elif kind not in ("Namespace", *POLICY_KINDS):
        metadata["namespace"] = namespace or key.namespace
    what = f"{kind} {cut(name)}"
    if not _belongs(kind, metadata, picture):
        raise UsageError(f"--what-if: {what} has no part in {key}")
    if manifest.deleted:
        return Change(kind, name, deleted=True)
    try:
        return Change(kind, name, value=_value(kind, {**body, "metadata": metadata}, picture))
    except MalformedObject as error:
        raise CliError(f"--what-if: {what} cannot be read: {error}") from error


def _belongs(kind: str, metadata: Mapping[str, Any], picture: Picture) -> bool:
    key = picture.service
    match kind:
        case "MemberCluster" | "ExportPolicy" | "ImportPolicy":
            return True
        case "Namespace":
            return bool(metadata.get("name") == key.namespace)
        case "EndpointSlice" | "ServiceExportPolicy":
            return bool(metadata["namespace"] == key.namespace)
    return ServiceKey(metadata["namespace"], metadata.get("name", "")) == key


def _value(kind: str, body: Mapping[str, Any], picture: Picture) -> Value:
    match kind:
        case "MemberCluster":
            return decode_member(body)
        case "ServiceExport":
            return decode.service_export(body)
        case "Service":
            return decode.with_labels(decode.service(body), body)
        case "Namespace":
            # Kubernetes gives each the first one.
            given = {"kubernetes.io/metadata.name": picture.service.namespace}
            return tuple(sorted({**given, **dict(namespace_labels(body))}.items()))
        case "ExportPolicy" | "ImportPolicy":
            policy = decode_policy(body)
            if policy.problem:
                raise MalformedObject(policy.problem)
            return policy
        case "ServiceExportPolicy":
            of_services = decode_service_policy(body)
            if of_services.problem:
                raise MalformedObject(of_services.problem)
            return of_services
    cluster = picture.here.cluster if picture.here is not None else ""
    slice_ = decode.source_slice(body, cluster)
    if slice_ is None or slice_.service != picture.service:
        raise MalformedObject("its label kubernetes.io/service-name names another Service")
    return slice_
