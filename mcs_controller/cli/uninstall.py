"""`mcs-controller uninstall`: removes what is left of us in a member cluster; `--check` only looks.

It comes after `leave` and `helm uninstall`: a cluster that is still a member is refused, and what Helm made
is named and left to Helm. The definitions of the MCS API stay unless `--crds` says that the users' exports
may go with them.
"""

import argparse
import asyncio
import os
from collections.abc import Sequence
from typing import Final

from mcs_controller.api.resources import CONFIG_MAPS, NAMESPACES
from mcs_controller.cli.connecting import connect
from mcs_controller.cli.errors import CannotAsk, CliError
from mcs_controller.cli.install_settings import UninstallSettings
from mcs_controller.cli.installing import Row, result_text, say
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.shared_options import agents_lease
from mcs_controller.install.cluster_dns.editing import BACKUP, config_maps, forget, kept_still, write
from mcs_controller.install.cluster_dns.errors import ClusterDnsError
from mcs_controller.install.installation import Installation, look, others_in
from mcs_controller.install.leftovers import Leftover, remove
from mcs_controller.install.objects import SECRET
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import KubeError, NotFound

LEFT: Final = 1
"""The exit code when something is left."""
GONE_WITHIN_SECONDS: Final = 60.0
"""How long what was removed may take to be gone: a namespace is emptied first, and so is a kind."""
LOOK_SECONDS: Final = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, UninstallSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Remove, or list; `LEFT` if anything is left. Raises `CliError`, `KubeError`."""
    settings = read_options(UninstallSettings, arguments, os.environ)
    client = connect(settings.kubeconfig, settings.context, name="local")
    try:
        return await Uninstall(settings, client, program=arguments.program).run()
    except ClusterDnsError as error:
        raise CliError(str(error)) from error
    except asyncio.CancelledError:
        # Other commands end with exit code 0 when stopped; here that would mean that nothing is left.
        raise CannotAsk("stopped before everything was looked at") from None
    except KubeError as error:
        if settings.check:
            raise CannotAsk(str(error)) from error
        raise
    finally:
        await client.close()


class Uninstall:
    """One run of the command."""

    def __init__(self, settings: UninstallSettings, client: Client, *, program: str) -> None:
        self._settings = settings
        self._client = client
        self._program = program

    async def run(self) -> int:
        """The exit code. Raises `CliError`, `CannotAsk`, `KubeError`, `ClusterDnsError`."""
        found = await self._look()
        rows: list[Row] = []
        if not (self._settings.check or self._settings.dry_run):
            self._check_left(found)
            rows = await self._remove(found)
            found = await self._look_once_gone(rows, before=found)
        left = self._left(found)
        self._tell([*rows, *left])
        self._advise(found)
        if self._settings.dry_run:
            return 0
        if found.unknown and not left:
            raise CannotAsk("nothing was found, but not everything could be looked at: no proof")
        return LEFT if left else 0

    async def _look(self) -> Installation:
        settings = self._settings
        return await look(
            self._client, settings.namespace, agents_lease(settings), settings.dns_namespace, settings.zone
        )

    async def _look_once_gone(self, removed: Sequence[Row], before: Installation) -> Installation:
        """What is there when these are gone, and the API server has stopped naming their kinds."""
        names = {row[:3] for row in removed}
        deadline_seconds = asyncio.get_running_loop().time() + GONE_WITHIN_SECONDS
        told = False
        while True:
            late = asyncio.get_running_loop().time() > deadline_seconds
            try:
                found = await self._look()
            except NotFound:
                # A kind that was named a moment ago is gone.
                if late:
                    raise
            else:
                going = sorted(f"{row[0]} {row[2]}" for row in self._left(found) if row[:3] in names)
                if late or not (going or set(found.unknown) - set(before.unknown)):
                    self._tell_going(going)
                    return found
                if going and not told:
                    told = True
                    most = f"{GONE_WITHIN_SECONDS:.0f} s at most"
                    say(f"waiting until they are gone, {most}: {', '.join(going)}")
            await asyncio.sleep(LOOK_SECONDS)

    def _tell_going(self, going: Sequence[str]) -> None:
        if going:
            say(
                f"still being removed after {GONE_WITHIN_SECONDS:.0f} s: {', '.join(going)}. Its conditions "
                "and finalizers (kubectl get -o yaml) say what it waits for"
            )

    def _check_left(self, found: Installation) -> None:
        """Raise `CliError` if an agent may still work here."""
        if found.holder:
            raise CliError(
                f"an agent of this cluster runs, as {found.holder}: nothing was removed. Run "
                f"`{self._program} leave` first"
            )
        if found.member:
            raise CliError(
                f"this cluster is still a member (Secret {self._settings.namespace}/{SECRET}): nothing was "
                f"removed. Run `{self._program} leave` first, with --local-only if the broker is gone"
            )

    async def _remove(self, found: Installation) -> list[Row]:
        """Remove what Helm does not; what was removed."""
        settings, rows = self._settings, list[Row]()
        if found.dns:
            maps = await config_maps(self._client, settings.dns_namespace)
            await write(self._client, settings.dns_namespace, maps, found.dns)
            rows += [
                (CONFIG_MAPS.kind, settings.dns_namespace, edit.config_map, f"{edit.key} restored")
                for edit in found.dns
            ]
        if not await forget(self._client, settings.dns_namespace):
            say(kept_still(settings.dns_namespace))
        definitions = found.definitions if settings.crds else ()
        for one in (*found.removable, *definitions):
            if one.name == BACKUP or not await self._may_go(one):
                continue
            await remove(self._client, one)
            rows.append((*one.row, "conditions removed" if one.keeps else "deleted"))
        return rows

    async def _may_go(self, one: Leftover) -> bool:
        """A namespace goes only when nothing is in it but what every namespace has."""
        if one.resource != NAMESPACES:
            return True
        others = await others_in(self._client, one.name)
        if others:
            say(f"namespace {one.name} stays, it still holds {', '.join(others[:5])}")
        return not others

    def _left(self, found: Installation) -> list[Row]:
        rows: list[Row] = [
            (*one.row, "has conditions of ours" if one.keeps else "left") for one in found.removable
        ]
        rows += [(*one.row, "of the chart: helm uninstall") for one in found.of_helm]
        rows += [
            (CONFIG_MAPS.kind, self._settings.dns_namespace, edit.config_map, f"{edit.key} forwards to ours")
            for edit in found.dns
        ]
        if self._settings.crds:
            rows += [(*one.row, "left") for one in found.definitions]
        return rows

    def _tell(self, rows: list[Row]) -> None:
        if self._settings.output == "table" and not rows:
            print("nothing is left")
            return
        print(result_text(self._settings.output, rows))

    def _advise(self, found: Installation) -> None:
        for left in found.foreign:
            say(f"{left.resource.kind} {left.name} stays: these commands did not make it")
        for one in found.unknown:
            say(f"warning: not looked at, since it does not answer: {one}")
        if found.definitions and not self._settings.crds:
            say(
                f"the definitions of the Multicluster Services API stay, with {found.exports} ServiceExports "
                "of users: --crds removes them, and all of these"
            )
