"""`mcs-controller policy preview FILE`: what the ServiceExportPolicies in a file would do in a cluster.

Reads the cluster, asks the rules that the agent follows, and prints what they say. It writes nothing. Exit
code 0 means that it could tell, whatever would be done.
"""

import argparse
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from mcs_controller.api.resources import (
    MCS_API,
    NAMESPACES,
    SERVICE_EXPORT_POLICIES,
    SERVICES,
    Resource,
    service_exports,
)
from mcs_controller.cli.connecting import connect
from mcs_controller.cli.errors import CliError, UsageError
from mcs_controller.cli.install_settings import ResultFormat
from mcs_controller.cli.installing import say
from mcs_controller.cli.manifest_files import objects_in
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.output import as_document, table
from mcs_controller.cli.shared_options import Context, Kubeconfig
from mcs_controller.cli.values import namespace_name
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.fuse import DEFAULT_SHARE, SERVICES_MINIMUM
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.namespaces import namespace_active
from mcs_controller.clusterset.services.policies.bulk.plan import Known
from mcs_controller.clusterset.services.policies.bulk.preview import Line, after, held_by, preview
from mcs_controller.clusterset.services.policies.bulk.service_policy import (
    Candidate,
    PolicyKey,
    Present,
    ServicePolicy,
    decode_candidate,
    decode_present,
    decode_service_policy,
)
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.discovery import served_resource
from mcs_controller.kube.errors import Forbidden, NotFound
from mcs_controller.options import Option, count, one_of, share, switch

T = TypeVar("T")

_COLUMNS: Final = ("WHAT", "SERVICE", "POLICY", "WHY")
_KIND: Final = SERVICE_EXPORT_POLICIES.kind


@dataclass(frozen=True, slots=True)
class PreviewSettings:
    """`mcs-controller policy preview FILE`."""

    namespace: Annotated[
        str,
        Option(
            "namespace of the policies in the file that name none", parse=namespace_name, default="default"
        ),
    ]
    deleted: Annotated[
        bool, Option("preview that the policies in the file are deleted", parse=switch, default="false")
    ]
    fuse_share: Annotated[
        float, Option("as the agent's option of this name", parse=share, default=str(DEFAULT_SHARE))
    ]
    fuse_minimum: Annotated[
        int,
        Option("as the agent's option of this name", parse=count, metavar="N", default=str(SERVICES_MINIMUM)),
    ]
    output: Annotated[
        ResultFormat,
        Option(
            "format of the result: table (for people), json or yaml",
            parse=one_of("table", "json", "yaml"),
            default="table",
            short="-o",
        ),
    ]
    kubeconfig: Kubeconfig
    context: Context


@dataclass(frozen=True, slots=True)
class _Cluster:
    """What was read. `inactive` are those of the namespaces asked for in which nothing can be made."""

    services: Mapping[ServiceKey, Candidate]
    exports: Mapping[ServiceKey, Present]
    policies: Sequence[ServicePolicy]
    inactive: frozenset[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, and the command's options."""
    parser.add_argument(
        "file", metavar="FILE", help="the policies, as for kubectl apply; - is standard input"
    )
    add_options(parser, PreviewSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Print the preview. Raises `UsageError`, `CliError`, `ConfigError`, `KubeError`."""
    settings = read_options(PreviewSettings, arguments, os.environ)
    given = _given(arguments.file, settings.namespace)
    namespaces = {one.key.namespace for one in given}
    client = connect(settings.kubeconfig, settings.context, name="local")
    try:
        try:
            cluster = await _read(client, namespaces, ("",))
        except Forbidden:
            cluster = await _read(client, namespaces, sorted(namespaces))
            say(
                "other namespaces may not be read: what is removed there at the same time counts, too, for "
                "whether it is too much at once"
            )
    finally:
        await client.close()
    known = after(Known.of(cluster.policies), given, deleted=settings.deleted)
    lines = preview(namespaces, cluster.services, cluster.exports, known, cluster.inactive)
    held = held_by(
        lines,
        cluster.exports,
        known,
        SystemClock().now().timestamp(),
        share=settings.fuse_share,
        minimum=settings.fuse_minimum,
    )
    if settings.output != "table":
        print(as_document(settings.output, _document(lines, held)))
        return 0
    if lines:
        print(table(_COLUMNS, [(one.what, str(one.service), one.policy or "-", one.why) for one in lines]))
    print(_summary(lines))
    for policy in sorted(held):
        print(
            f"what {policy} made is held: too many ServiceExports would be removed at once, and stay until "
            "that is confirmed"
        )
    return 0


def _given(file: str, namespace: str) -> list[ServicePolicy]:
    found = []
    for body in objects_in(file):
        kind, metadata = str(body.get("kind")), body.get("metadata")
        if kind != _KIND:
            raise UsageError(f"{file}: {kind} cannot be previewed, only {_KIND}")
        if not isinstance(metadata, dict) or not metadata.get("name"):
            raise UsageError(f"{file}: a {_KIND} has no name")
        try:
            policy = decode_service_policy({**body, "metadata": {"namespace": namespace, **metadata}})
        except MalformedObject as error:
            raise CliError(f"{file}: {_KIND} {metadata['name']} cannot be read: {error}") from error
        if policy.problem:
            raise CliError(f"{file}: {_KIND} {policy.key} cannot be read: {policy.problem}")
        found.append(policy)
    if not found:
        raise UsageError(f"{file} holds no {_KIND}")
    return found


def _document(lines: Sequence[Line], held: Iterable[PolicyKey]) -> JsonObject:
    return {
        "services": [
            {
                "namespace": one.service.namespace,
                "name": one.service.name,
                "what": one.what,
                "policy": one.policy,
                "why": one.why,
            }
            for one in lines
        ],
        "held": [{"namespace": one.namespace, "name": one.name} for one in sorted(held)],
    }


def _summary(lines: Sequence[Line]) -> str:
    counts = Counter(one.what for one in lines)
    return (
        f"{counts['make']} to be exported, {counts['keep']} exported already, "
        f"{counts['by hand']} exported by hand, {counts['remove']} to be removed, "
        f"{counts['left out']} left out"
    )


async def _read(client: Client, namespaces: Iterable[str], places: Iterable[str]) -> _Cluster:
    """Of `namespaces` whether they are active; the rest in each of `places`, "" for the whole cluster."""
    exports = await served_resource(client, MCS_API, service_exports)
    policies: list[ServicePolicy] = []
    services: dict[ServiceKey, Candidate] = {}
    present: dict[ServiceKey, Present] = {}
    for place in places:
        services.update(await _all(client, SERVICES, _keyed(decode_candidate), place))
        present.update(await _all(client, exports, _keyed(decode_present), place))
        with suppress(NotFound):
            policies += await _all(client, SERVICE_EXPORT_POLICIES, decode_service_policy, place)
    inactive = [one for one in namespaces if not await _is_active(client, one)]
    return _Cluster(services, present, policies, frozenset(inactive))


async def _is_active(client: Client, namespace: str) -> bool:
    try:
        return namespace_active(await client.get(NAMESPACES, namespace))
    except NotFound:
        return False


def _keyed(read: Callable[[Any], T]) -> Callable[[Any], tuple[ServiceKey, T]]:
    def keyed(body: Any) -> tuple[ServiceKey, T]:
        return ServiceKey(body["metadata"]["namespace"], body["metadata"]["name"]), read(body)

    return keyed


async def _all(client: Client, resource: Resource, read: Callable[[Any], T], namespace: str) -> list[T]:
    """All that can be read; what cannot is said, and left out."""
    found = []
    for body in (await client.list(resource, namespace=namespace)).items:
        try:
            found.append(read(body))
        except MalformedObject as error:
            say(f"a {resource.kind} is left out: {error}")
    return found
