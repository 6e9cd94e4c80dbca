"""`mcs-controller fuse status`: what is held in a cluster, and which members are released on the broker."""

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from typing import Final, NamedTuple

from mcs_controller.api.resources import MCS_API, MEMBER_CLUSTERS, service_imports
from mcs_controller.cli.connecting import connect, file_of_broker
from mcs_controller.cli.errors import CliError
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.output import table
from mcs_controller.cli.settings import FuseStatusSettings
from mcs_controller.clusterset import fuse
from mcs_controller.clusterset.errors import MalformedObject, cut
from mcs_controller.clusterset.held import Held, held_of
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.membership.release import left_seconds, problem
from mcs_controller.clusterset.model import LocalImport, Member
from mcs_controller.clusterset.services import decode
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.discovery import served_resource, served_versions
from mcs_controller.kube.errors import NotFound

_IMPORT_COLUMNS: Final = ("IMPORT", "REASON", "EXPORTED BY", "SINCE", "ENDS BY ITSELF")
_ENDS_WHEN: Final = {
    fuse.MASS_WITHDRAWAL: "only if exported again",
    fuse.MASS_ENDPOINT_LOSS: "only if endpoints return",
    fuse.EXPORTS_MISSING: "when its exporter is heard",
    fuse.MEMBERS_SILENT: "when heartbeats return",
}
"""For a hold that no time ends."""
_MEMBER_COLUMNS: Final = ("MEMBER", "IMPORTS HELD HERE", "RELEASE ON THE BROKER")
_MISSING: Final = "no MemberCluster: its exports are withdrawn after a minute or ten, unless it returns"


class MemberLine(NamedTuple):
    """What is said of a member; `release` is the annotation on the broker, "" for none.

    `missing`: whether it has no MemberCluster; None if the broker was not asked.
    """

    name: str
    imports_held: int
    missing: bool | None
    release: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, FuseStatusSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Print what is held. Raises `KubeError`, `ConfigError`."""
    settings = read_options(FuseStatusSettings, arguments, os.environ)
    client = connect(settings.kubeconfig, settings.context, name="local")
    try:
        imports = await _imports(client)
    finally:
        await client.close()
    held = _held(imports)
    exporters = frozenset(
        cluster for one in imports if one.managed and not one.deleting for cluster in one.clusters
    )
    members: list[Member] | None = None
    if settings.broker_kubeconfig is not None or settings.broker_context is not None:
        file = file_of_broker(settings.kubeconfig, settings.broker_kubeconfig, settings.broker_context)
        broker = connect(file, settings.broker_context, name="broker")
        try:
            members = await _members(broker)
        finally:
            await broker.close()
    report = as_json if settings.output == "json" else as_tables
    print(report(held, _by_member(held, exporters, members)))
    return 0


async def held_imports(client: Client) -> list[Held]:
    """All that is held in the cluster, by name. Raises `KubeError`."""
    return _held(await _imports(client))


async def _imports(client: Client) -> list[LocalImport]:
    imports = await served_resource(client, MCS_API, service_imports)
    found = []
    for body in (await client.list(imports)).items:
        try:
            found.append(decode.service_import(body))
        except MalformedObject:
            continue  # The agent cannot read it either, and so holds nothing of it.
    return found


def _held(imports: Iterable[LocalImport]) -> list[Held]:
    return sorted(held for one in imports if (held := held_of(one)) is not None)


async def check_is_broker(client: Client) -> None:
    """Raises `CliError` if the API server serves no MemberClusters, and so is not the broker."""
    if not await served_versions(client, MEMBER_CLUSTERS.group):
        raise CliError(
            "the API server that was named as the broker serves no MemberClusters: give the broker's "
            "kubeconfig with --broker-kubeconfig, or its context with --broker-context"
        )


async def _members(broker: Client) -> list[Member]:
    try:
        listed = await broker.list(MEMBER_CLUSTERS)
    except NotFound:
        await check_is_broker(broker)
        raise
    found = []
    for body in listed.items:
        try:
            found.append(decode_member(body))
        except MalformedObject:
            continue
    return sorted(found, key=lambda member: member.cluster)


def as_json(held: Sequence[Held], members: Sequence[MemberLine]) -> str:
    """One object, for programs."""
    now_seconds = SystemClock().now().timestamp()
    found = {
        "imports": [
            {
                "namespace": one.service.namespace,
                "name": one.service.name,
                "reason": one.reason,
                "clusters": one.clusters,
                "since": one.since,
                "endsAt": one.ends_at or None,
                "released": one.released,
                "message": one.message,
            }
            for one in held
        ],
        "members": [
            {
                "name": one.name,
                "importsHeld": one.imports_held,
                "missing": one.missing,
                "release": one.release or None,
                "releaseProblem": (one.release and problem(one.name, one.release, now_seconds)) or None,
            }
            for one in members
        ],
    }
    return json.dumps(found, indent=2)


def as_tables(held: Sequence[Held], members: Sequence[MemberLine]) -> str:
    """Two tables, for people."""
    parts = []
    if held:
        parts.append(table(_IMPORT_COLUMNS, map(_row, held)))
    if members:
        now_seconds = SystemClock().now().timestamp()
        rows = (
            (
                one.name,
                str(one.imports_held),
                _MISSING if one.missing else release_text(one.name, one.release, now_seconds),
            )
            for one in members
        )
        parts.append(table(_MEMBER_COLUMNS, rows))
    if not held:
        parts.append("nothing is held")
    return "\n\n".join(parts)


def release_text(cluster: str, value: str, now_seconds: float) -> str:
    """What a release's annotation means at a time since the epoch: agents ignore one that is not valid."""
    if not value:
        return "-"
    wrong = problem(cluster, value, now_seconds)
    if wrong:
        return f"not valid: {wrong}"
    shown = cut(value, 40)
    return f"until {shown}" if left_seconds(value, now_seconds) else f"over since {shown}"


def _row(one: Held) -> tuple[str, ...]:
    ends = "released" if one.released else one.ends_at or _ENDS_WHEN.get(one.reason, "no")
    return str(one.service), one.reason, ",".join(one.clusters) or "-", one.since, ends


def _by_member(
    held: Sequence[Held], exporters: Set[str], members: Sequence[Member] | None
) -> list[MemberLine]:
    """Each member of the broker (None: not asked), and each exporter of what is here that is none."""
    numbers = Counter(cluster for one in held for cluster in one.clusters)
    if members is None:
        return [MemberLine(name, numbers[name], None, "") for name in sorted(numbers)]
    releases = {member.cluster: member.release for member in members}
    return [
        MemberLine(name, numbers[name], name not in releases, releases.get(name, ""))
        for name in sorted(numbers.keys() | exporters | releases.keys())
    ]
