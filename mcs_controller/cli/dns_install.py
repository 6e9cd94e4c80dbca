"""`mcs-controller dns install` and `dns uninstall`: the cluster's own DNS forwards the clusterset's zone.

Both say what they change, `--dry-run` as a diff, and change nothing where there is nothing to change. What
was there before is kept in the ConfigMap mcs-controller-dns-backup until it is restored.
"""

import argparse
import difflib
import os
from collections.abc import Callable, Sequence
from typing import Final

from mcs_controller.cli.connecting import connect
from mcs_controller.cli.errors import CliError
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.settings import DnsInstallSettings, DnsUninstallSettings
from mcs_controller.install.cluster_dns.config_maps import NAMES, Edit, installing, uninstalling
from mcs_controller.install.cluster_dns.editing import (
    Read,
    addresses_of,
    config_maps,
    forget,
    keep,
    kept_still,
    write,
)
from mcs_controller.install.cluster_dns.errors import ClusterDnsError
from mcs_controller.install.cluster_dns.stub import Stub
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import AlreadyExists, Conflict

_TRIES: Final = 3


def add_install(parser: argparse.ArgumentParser) -> None:
    """The options of `dns install`."""
    add_options(parser, DnsInstallSettings)


def add_uninstall(parser: argparse.ArgumentParser) -> None:
    """The options of `dns uninstall`."""
    add_options(parser, DnsUninstallSettings)


async def install(arguments: argparse.Namespace) -> int:
    """Forward the zone, and say what was changed; raises errors that the user can mend."""
    settings = read_options(DnsInstallSettings, arguments, os.environ)
    client = connect(settings.kubeconfig, settings.context, name="local")
    try:
        service = settings.dns_service
        servers = settings.forward_to or await addresses_of(client, service.namespace, service.name)
        stub = Stub(settings.zone, servers)
        edits = await _edit(
            client,
            settings.dns_namespace,
            lambda found: installing(found, stub),
            dry_run=settings.dry_run,
            keeping=True,
        )
        if not edits:
            looked_for = ", ".join(NAMES)
            raise CliError(
                f"namespace {settings.dns_namespace} has no ConfigMap of a cluster DNS that is known "
                f"({looked_for}): forward {stub.zone} to {', '.join(servers)} by hand, see docs/dns.md"
            )
        _tell(
            edits, settings.dns_namespace, f"forwards {stub.zone} to {', '.join(servers)}", settings.dry_run
        )
    except ClusterDnsError as error:
        raise CliError(str(error)) from error
    finally:
        await client.close()
    return 0


async def uninstall(arguments: argparse.Namespace) -> int:
    """Take out what `install` added, and say so; raises errors that the user can mend."""
    settings = read_options(DnsUninstallSettings, arguments, os.environ)
    client = connect(settings.kubeconfig, settings.context, name="local")
    try:
        edits = await _edit(
            client,
            settings.dns_namespace,
            lambda found: uninstalling(found, settings.zone),
            dry_run=settings.dry_run,
        )
        _tell(edits, settings.dns_namespace, f"does not forward {settings.zone} to us", settings.dry_run)
        if not edits:
            print(f"namespace {settings.dns_namespace} has no ConfigMap that forwards {settings.zone} to us")
        if not settings.dry_run and not await forget(client, settings.dns_namespace):
            print(kept_still(settings.dns_namespace))
    except ClusterDnsError as error:
        raise CliError(str(error)) from error
    finally:
        await client.close()
    return 0


async def _edit(
    client: Client,
    namespace: str,
    plan: Callable[[Read], list[Edit]],
    *,
    dry_run: bool,
    keeping: bool = False,
) -> list[Edit]:
    """Read, plan and write, and again if somebody else wrote meanwhile; `keeping` what was there before."""
    for _ in range(_TRIES):
        found = await config_maps(client, namespace)
        edits = plan(found)
        if dry_run:
            return edits
        changes = [edit for edit in edits if edit.changes]
        try:
            if keeping:
                await keep(client, namespace, changes)
            await write(client, namespace, found, changes)
        except (Conflict, AlreadyExists):
            continue
        return edits
    raise CliError(f"somebody else writes the ConfigMaps in {namespace} all the time: try again")


def _tell(edits: Sequence[Edit], namespace: str, state: str, dry_run: bool) -> None:
    for edit in edits:
        name = f"ConfigMap {namespace}/{edit.config_map}, {edit.key}"
        if not edit.changes:
            print(f"{name}: {state} already")
            continue
        print(f"{name}: {state}{' (dry run, nothing was written)' if dry_run else ''}")
        if dry_run:
            print("".join(_diff(edit)), end="")
        elif not edit.reloaded:
            print("  its Corefile has no `reload`: restart its pods, or it goes on as before")


def _diff(edit: Edit) -> list[str]:
    before, after = ((text or "").splitlines(keepends=True) for text in (edit.before, edit.after))
    lines = difflib.unified_diff(before, after, "before", "after")
    return [line if line.endswith("\n") else f"{line}\n" for line in lines]
