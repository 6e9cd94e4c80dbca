"""`mcs-controller fuse release`: says that what is held is gone for good.

A selection is needed: single imports, all of one cluster, or a member in all clusters. Nothing is asked on
the terminal; `--dry-run` says what would be released. To run it again changes nothing, but for a member the
time, which begins anew.
"""

import argparse
import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from mcs_controller.api.names import ANNOTATION_WITHDRAW, WITHDRAW_ALLOWED
from mcs_controller.api.resources import MCS_API, MEMBER_CLUSTERS, Resource, service_imports
from mcs_controller.cli.connecting import connect, file_of_broker
from mcs_controller.cli.errors import CliError, UsageError
from mcs_controller.cli.fuse_status import check_is_broker, held_imports
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.settings import FuseReleaseSettings
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.held import Held, held_of
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.membership.release import DEFAULT_SECONDS
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services import decode
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock, rfc3339
from mcs_controller.kube.discovery import served_resource
from mcs_controller.kube.errors import NotFound

_ALLOW: Final = {"metadata": {"annotations": {ANNOTATION_WITHDRAW: WITHDRAW_ALLOWED}}}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, FuseReleaseSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Release, and say what. Raises `UsageError`, `CliError`, `KubeError`, `ConfigError`."""
    settings = read_options(FuseReleaseSettings, arguments, os.environ)
    if [bool(settings.import_), bool(settings.member), settings.all_].count(True) != 1:
        raise UsageError("say what to release: --import NAMESPACE/NAME, --member NAME, or --all")
    if settings.member:
        return await _release_members(settings, tuple(dict.fromkeys(settings.member)))
    if settings.for_ is not None:
        raise UsageError("--for is for --member: the release of an import is used once, at once")
    client = connect(settings.kubeconfig, settings.context, name="local")
    try:
        imports = await served_resource(client, MCS_API, service_imports)
        if settings.all_:
            held = await held_imports(client)
        else:
            held = await _named(client, imports, settings.import_)
        await _release_imports(client, imports, held, dry_run=settings.dry_run)
    finally:
        await client.close()
    return 0


async def _named(client: Client, imports: Resource, keys: Sequence[ServiceKey]) -> list[Held]:
    """What is held of these imports; says of which nothing is."""
    found = []
    for key in dict.fromkeys(keys):
        try:
            body = await client.get(imports, key.name, key.namespace)
            held = held_of(decode.service_import(body))
        except NotFound as error:
            raise CliError(f"there is no ServiceImport {key} in this cluster: {error}") from error
        except MalformedObject as error:
            raise CliError(f"ServiceImport {key} cannot be read: {error}") from error
        if held is None:
            print(f"{key}: not held, nothing to release")
        else:
            found.append(held)
    return found


async def _release_imports(client: Client, imports: Resource, held: Sequence[Held], *, dry_run: bool) -> None:
    released = 0
    for one in held:
        if not one.takes_release:
            print(
                f"{one.service}: stays held, its members are silent; release them with --member: "
                f"{', '.join(one.clusters)}"
            )
            continue
        if one.released:
            print(f"{one.service}: released already")
            continue
        released += 1
        if not dry_run:
            key = one.service
            try:
                await client.patch(imports, key.name, _ALLOW, namespace=key.namespace)
            except NotFound:
                print(f"{key}: gone")
                continue
        print(f"{one.service}: {_verb(dry_run)} ({one.reason}, exported by {_names(one.clusters)})")
    print(f"{released} of {len(held)} held imports {_verb(dry_run)}")


async def _release_members(settings: FuseReleaseSettings, members: Sequence[str]) -> int:
    """All of them, or none if the broker does not know one."""
    seconds = DEFAULT_SECONDS if settings.for_ is None else settings.for_
    file = file_of_broker(settings.kubeconfig, settings.broker_kubeconfig, settings.broker_context)
    broker = connect(file, settings.broker_context, name="broker")
    until = rfc3339(SystemClock().now() + timedelta(seconds=seconds))
    body = {"metadata": {"annotations": {ANNOTATION_WITHDRAW: until}}}
    try:
        for member in members:
            await _check_is_member(broker, member)
        for member in members:
            if not settings.dry_run:
                await broker.patch(MEMBER_CLUSTERS, member, body, namespace=member_namespace(member))
            print(
                f"member {member}: {_verb(settings.dry_run)} in all clusters until {until}; what is held of "
                "it goes with the next read of the members, and what it withdraws until then goes at once"
            )
    finally:
        await broker.close()
    return 0


async def _check_is_member(broker: Client, member: str) -> None:
    namespace = member_namespace(member)
    try:
        await broker.get(MEMBER_CLUSTERS, member, namespace)
    except NotFound as error:
        await check_is_broker(broker)
        raise CliError(f"the broker has no MemberCluster {member} in {namespace}: {error}") from error


def _verb(dry_run: bool) -> str:
    return "would be released" if dry_run else "released"


def _names(clusters: Sequence[str]) -> str:
    return ", ".join(clusters) or "no known cluster"
