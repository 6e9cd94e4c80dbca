"""`mcs-controller leave`: takes a cluster out of the clusterset, and says who still uses what it exported.

In the agent's place (`agents_place.py`) it withdraws the exports, waits until the other members have let go
of them, and removes what the agent made here. It can be repeated, and goes on where it ended. The member's
place on the broker is the broker's administrator's to remove.
"""

import argparse
import asyncio
import os
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

from mcs_controller.api.resources import (
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
)
from mcs_controller.cli.agents_place import holding_lease, is_agent, stop_agent
from mcs_controller.cli.connecting import connect, file_of_broker
from mcs_controller.cli.errors import CliError
from mcs_controller.cli.importers import as_objects, holders, not_waited_for, wait_for_importers
from mcs_controller.cli.install_settings import LeaveSettings
from mcs_controller.cli.installing import Row, result_text, say
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.shared_options import agents_lease
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.controllers.membership.cluster_id import ClusterId
from mcs_controller.controllers.membership.farewell import Farewell
from mcs_controller.install.cluster_properties import clusterset_property
from mcs_controller.install.errors import InstallError
from mcs_controller.install.kubeconfigs import read_member_kubeconfig
from mcs_controller.install.leftovers import Leftover, credential, imported, lease, remove, reported
from mcs_controller.install.objects import SECRET, SECRET_KEY
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock, SystemClock
from mcs_controller.kube.connection.config import load_kubeconfig_text
from mcs_controller.kube.errors import Forbidden, NotFound, TransportError, Unauthorized
from mcs_controller.kube.fence import Fence

TELL_OBJECTS: Final = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, LeaveSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Leave, and say what was removed. Raises `CliError`, `KubeError`, `FatalError`, `InvalidClusterId`."""
    settings = read_options(LeaveSettings, arguments, os.environ)
    local = connect(settings.kubeconfig, settings.context, name="local")
    leaving = Leaving(settings, local, program=arguments.program)
    try:
        if settings.local_only:
            await leaving.run(None, "")
        elif _asks_secret(settings) and await leaving.is_over():
            say(
                "this cluster has no credential for the broker, and nothing of an agent: it has left, or has "
                "never joined. A `join` that was interrupted may hold the id still: `leave` gives it back "
                "with --broker-kubeconfig, and the file that `join` had"
            )
            leaving.tell()
        else:
            async with _broker(settings, local) as (broker, cluster_id):
                await leaving.run(broker, cluster_id)
    except asyncio.CancelledError:
        # Other commands end with exit code 0 when stopped; here that would mean that the cluster has left.
        raise CliError("stopped before the cluster has left: run the command again") from None
    finally:
        await local.close()
    return 0


@asynccontextmanager
async def _broker(settings: LeaveSettings, local: Client) -> AsyncIterator[tuple[Client, str]]:
    """The broker, as this cluster's agent asks it, and the id of this cluster there."""
    if _asks_secret(settings):
        text = await _held_credential(local, settings.namespace)
        broker = Client(load_kubeconfig_text(text), name="broker")
        of_credential = _id_of(text, None)
    else:
        file = file_of_broker(settings.kubeconfig, settings.broker_kubeconfig, settings.broker_context)
        broker = connect(file, settings.broker_context, name="broker")
        of_credential = _id_of(_text_of(file), settings.broker_context)
    try:
        cluster_id = await ClusterId(local, random=Random()).ask(settings.cluster_id or of_credential)
        if of_credential not in (None, cluster_id):
            raise CliError(
                f"this cluster is {cluster_id}, but the credential for the broker is that of {of_credential}"
            )
        yield broker, cluster_id
    finally:
        await broker.close()


def _asks_secret(settings: LeaveSettings) -> bool:
    """Whether the credential for the broker is that of the agent."""
    return settings.broker_kubeconfig is None and settings.broker_context is None


async def _held_credential(local: Client, namespace: str) -> str:
    """The kubeconfig for the broker that `join` has put into this cluster. Raises `CliError`."""
    _, secret = await credential(local, namespace)
    if secret is None:
        raise CliError(
            f"this cluster has no credential for the broker (Secret {namespace}/{SECRET}): give "
            "--broker-kubeconfig, or --local-only to clean up this cluster without asking the broker"
        )
    try:
        return b64decode((secret.get("data") or {})[SECRET_KEY], validate=True).decode()
    except (KeyError, TypeError, Base64Error, UnicodeDecodeError):
        raise CliError(
            f"Secret {namespace}/{SECRET} has no kubeconfig under {SECRET_KEY}: give --broker-kubeconfig"
        ) from None


def _text_of(file: Path | None) -> str:
    """What stands in a kubeconfig file, "" if that is nothing."""
    try:
        return file.expanduser().read_text("utf-8") if file is not None else ""
    except (OSError, UnicodeDecodeError):
        # Whoever connects with it says so.
        return ""


def _id_of(kubeconfig: str, context: str | None) -> str | None:
    """Whose credential a kubeconfig is, None if it does not say, as an administrator's."""
    try:
        return read_member_kubeconfig(kubeconfig, context).cluster_id
    except InstallError:
        return None


class Leaving:
    """One run of the command."""

    def __init__(
        self, settings: LeaveSettings, local: Client, *, program: str, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._lease = agents_lease(settings)
        self._local = local
        self._clock = clock or SystemClock()
        self._program = program
        self._rows: list[Row] = []
        self._members: list[dict[str, Any]] = []
        self._clusterset = ""

    async def run(self, broker: Client | None, cluster_id: str) -> None:
        """Do it, and print what was removed; without a broker only in this cluster.

        Raises `CliError`, `KubeError`, `FatalError`.
        """
        try:
            if broker is not None:
                await self._check_broker(broker, cluster_id)
            if self._settings.dry_run:
                await self._plan(broker, cluster_id)
            else:
                await self._leave(broker, cluster_id)
        except BaseException:
            self.tell(ended=False)
            raise
        self.tell()
        if not self._settings.dry_run:
            self._advise(cluster_id)

    async def _leave(self, broker: Client | None, cluster_id: str) -> None:
        settings, local = self._settings, self._local

        async def work(fence: Fence | None) -> None:
            if broker is not None:
                await self._withdraw(_fenced(local, fence), _fenced(broker, fence), cluster_id)
            fenced = _fenced(local, fence)
            await self._remove(fenced, await self._leftovers(fenced))

        self._rows += await stop_agent(local, settings.namespace, dry_run=False)
        before, _ = await lease(local, self._lease)
        await holding_lease(local, self._lease, work, clock=self._clock)
        leases, holder = await lease(local, self._lease)
        if is_agent(holder):
            raise CliError(
                f"an agent of this cluster, {holder}, still runs, and makes everything anew: stop it as it "
                "was started, and run the command again"
            )
        # One that only we had is nobody's business, and who leaves beside us removes it, too.
        await self._remove(local, () if holder else leases, silent=not before)
        # Last of all: whoever is interrupted before this can ask the broker again.
        await self._remove(local, await self._credential())

    async def is_over(self) -> bool:
        """Whether nothing of an agent is here, nor its credential."""
        leases, _ = await lease(self._local, self._lease)
        _, held = await credential(self._local, self._settings.namespace)
        return held is None and not (leases or await self._leftovers(self._local))

    async def _check_broker(self, broker: Client, cluster_id: str) -> None:
        """Raise `CliError` unless the broker takes us for the member, before anything is stopped for it."""
        alone = f"`{self._program} leave --local-only` cleans up this cluster without asking the broker"
        try:
            raw = await broker.get(MEMBER_CLUSTERS, cluster_id, member_namespace(cluster_id))
        except NotFound:
            # It was removed; whoever withdraws says so.
            return
        except (Unauthorized, Forbidden) as error:
            raise CliError(
                f"the broker refuses the credential as that of {cluster_id}; nothing was changed. If its "
                f"administrator has removed {cluster_id}, {alone}; otherwise `broker create-member "
                f"{cluster_id} --renew` makes another credential, and `join` brings it here ({error})"
            ) from error
        except TransportError as error:
            raise CliError(
                "the broker cannot be reached; nothing was changed. If it is gone for good, "
                f"{alone} ({error})"
            ) from error
        uid = (await self._local.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
        member = decode_member(raw)
        self._clusterset, owner = member.clusterset, member.cluster_uid
        if owner not in ("", uid):
            raise CliError(
                f"member {cluster_id} is another cluster (UID {owner} of kube-system, ours is {uid}); "
                f"nothing was changed. If this one joined with its credential by mistake, {alone}"
            )

    async def _plan(self, broker: Client | None, cluster_id: str) -> None:
        """Say what would be done, in its order."""
        settings, local = self._settings, self._local
        self._rows += await stop_agent(local, settings.namespace, dry_run=True)
        if broker is not None:
            namespace = member_namespace(cluster_id)
            for kind in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES):
                for one in (await broker.list(kind, namespace=namespace)).items:
                    self._rows.append((kind.kind, namespace, one["metadata"]["name"], "to be deleted"))
        leases, _ = await lease(local, self._lease)
        for left in (*(await self._leftovers(local)), *leases, *(await self._credential())):
            self._rows.append((*left.row, "conditions to be removed" if left.keeps else "to be deleted"))

    async def _withdraw(self, local: Client, broker: Client, cluster_id: str) -> None:
        """Withdraw the exports, and wait for the other members. Raises `CliError`."""
        settings = self._settings
        farewell = Farewell(cluster_id, local, broker, clock=self._clock, random=Random())
        await farewell.begin()
        if farewell.excluded:
            say(f"the broker has no MemberCluster {cluster_id}: it was removed, and nobody is waited for")
            return
        if farewell.never_joined:
            say(f"no agent has ever joined as {cluster_id}: it stays free for whom it is meant")
            return
        namespace = member_namespace(cluster_id)
        async for kind, name in farewell.withdraw():
            self._did((kind, namespace, name, "deleted"))
        say(f"{cluster_id} exports nothing any more: waiting until the other members have let go of it")
        try:
            await wait_for_importers(farewell, settings.wait_seconds)
        finally:
            self._members = as_objects(farewell)
        for line in not_waited_for(farewell):
            say(f"warning: {line}")
        if farewell.agent_runs():
            raise CliError(
                f"an agent of {cluster_id} still renews its heartbeat, and would make everything anew: stop "
                "it as it was started, and run the command again; nothing was removed in this cluster"
            )
        left = holders(farewell)
        if left and not settings.ignore_importers:
            raise CliError(
                f"{', '.join(left)}: still using what {cluster_id} exported, or not answering. "
                f"`{self._program} fuse status` there says what is held; the "
                f"broker's administrator lets it go by `{self._program} fuse release --member {cluster_id}`. "
                f"Then run the command again, or with --ignore-importers. Until then {cluster_id} exports "
                "nothing, and the broker knows that it leaves; nothing was removed in this cluster: what it "
                "imports, its ClusterProperty clusterset.k8s.io and its credential are still here. If the "
                f"broker's administrator removes {cluster_id} meanwhile, `{self._program} leave "
                "--local-only` takes them away"
            )
        if left:
            say(f"warning: {', '.join(left)} may still use what {cluster_id} exported, until it is removed")

    async def _leftovers(self, local: Client) -> list[Leftover]:
        """What the agent made here."""
        found = [*(await imported(local)), *(await reported(local))]
        return [*found, *(await clusterset_property(local, self._clusterset))]

    async def _credential(self) -> Sequence[Leftover]:
        secrets, held = await credential(self._local, self._settings.namespace)
        if held is not None and not secrets:
            say(f"Secret {self._settings.namespace}/{SECRET} stays: `join` did not make it")
        return secrets

    async def _remove(self, local: Client, leftovers: Sequence[Leftover], *, silent: bool = False) -> None:
        for one in leftovers:
            await remove(local, one)
            if not silent:
                self._did((*one.row, "conditions removed" if one.keeps else "deleted"))

    def _did(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) % TELL_OBJECTS == 0:
            say(f"{len(self._rows)} objects removed ...")

    def tell(self, *, ended: bool = True) -> None:
        """Print what was removed until now; not `ended`: something went wrong, so more may be left."""
        if self._settings.output == "table" and not self._rows:
            if ended:
                print("nothing to remove")
            return
        print(result_text(self._settings.output, self._rows, members=self._members))

    def _advise(self, cluster_id: str) -> None:
        if cluster_id:
            say(
                f"{cluster_id} has left. Next, the broker's administrator: {self._program} broker "
                f"remove-member {cluster_id}"
            )
        say(
            f"here: helm uninstall, if the chart was used; {self._program} dns uninstall, if the cluster's "
            f"DNS forwards to ours; then `{self._program} uninstall --check` says what is left"
        )


def _fenced(client: Client, fence: Fence | None) -> Client:
    """The client, whose writes pass the fence."""
    return client if fence is None else client.fenced(fence)
