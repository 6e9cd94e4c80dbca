"""`mcs-controller broker remove-member NAME`: removes a member's place on the broker, once it has left.

A member that has not left is refused. With `--gone` the broker's administrator withdraws what it exports in
its stead, and the others are waited for as by `leave`. What others made in its place is not touched. It ends
well when the namespace is gone, and the member's id is free (`namespace_end.py`).
"""

import argparse
import asyncio
import os
from collections.abc import Sequence

from mcs_controller.api.resources import (
    CLUSTER_ROLE_BINDINGS,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    ROLE_BINDINGS,
    SERVICE_ACCOUNTS,
)
from mcs_controller.cli.connecting import connect, file_of_broker
from mcs_controller.cli.errors import CliError
from mcs_controller.cli.fuse_status import check_is_broker
from mcs_controller.cli.importers import as_objects, holders, not_waited_for, wait_for_importers
from mcs_controller.cli.install_settings import RemoveMemberSettings
from mcs_controller.cli.installing import Row, result_text, say
from mcs_controller.cli.namespace_end import GONE_WITHIN_SECONDS, gone, what_holds_up
from mcs_controller.cli.options import add_options, read_argument, read_options
from mcs_controller.clusterset.identity import check_cluster_id, member_namespace
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.membership.release import DEFAULT_SECONDS
from mcs_controller.clusterset.model import Member
from mcs_controller.controllers.membership.farewell import Obituary
from mcs_controller.install.errors import NotOurs
from mcs_controller.install.leftovers import Leftover, leftovers_of, remove
from mcs_controller.install.objects import ACCOUNT
from mcs_controller.install.planning import is_of_our_chart, is_ours
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.clock import Clock, SystemClock
from mcs_controller.kube.errors import NotFound
from mcs_controller.kube.lookup import find


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The member's name, and the command's options."""
    parser.add_argument("name", metavar="NAME", help="the cluster's id in the clusterset")
    add_options(parser, RemoveMemberSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Remove, and say what. Raises `CliError`, `KubeError`."""
    settings = read_options(RemoveMemberSettings, arguments, os.environ)
    name = read_argument(check_cluster_id, arguments.name)
    file = file_of_broker(settings.kubeconfig, settings.broker_kubeconfig, settings.broker_context)
    broker = connect(file, settings.broker_context, name="broker")
    try:
        await Removal(settings, broker, name, program=arguments.program).run()
    except asyncio.CancelledError:
        raise CliError(f"stopped before member {name} was removed: run the command again") from None
    finally:
        await broker.close()
    return 0


class Removal:
    """One run of the command."""

    def __init__(
        self,
        settings: RemoveMemberSettings,
        broker: Client,
        name: str,
        *,
        program: str,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._broker = broker
        self._name = name
        self._namespace = member_namespace(name)
        self._program = program
        self._clock = clock or SystemClock()
        self._rows: list[Row] = []
        self._obituary = Obituary(name, broker, clock=self._clock)

    async def run(self) -> None:
        """Do it, and print what was removed. Raises `CliError`, `NotOurs`, `KubeError`."""
        namespace = await find(self._broker, NAMESPACES, self._namespace)
        body = await find(self._broker, MEMBER_CLUSTERS, self._name, self._namespace)
        member = decode_member(body) if body is not None else None
        binding = await find(self._broker, CLUSTER_ROLE_BINDINGS, self._namespace)
        self._check_ours(namespace)
        records = await self._records()
        if not self._settings.gone:
            self._check_left(member, len(records))
        found = [
            *leftovers_of(MEMBER_CLUSTERS, [body] if body is not None else []),
            *leftovers_of(CLUSTER_ROLE_BINDINGS, _ours(binding)),
            *leftovers_of(NAMESPACES, _ours(namespace)),
        ]
        if self._settings.dry_run:
            await self._plan(records, found)
            return
        try:
            if member is not None and self._settings.gone:
                await self._withdraw()
            elif member is not None:
                await self._obituary.listen()
            await self._remove(found)
        except BaseException:
            self._tell(ended=False)
            raise
        ends = namespace is None or await self._ends(namespace)
        self._tell(ended=ends)
        self._advise(namespace)
        if not ends:
            why = await what_holds_up(self._broker, self._namespace)
            raise CliError(
                f"namespace {self._namespace} is still there after {GONE_WITHIN_SECONDS:.0f} s, and the id "
                f"{self._name} cannot be used again: {why}, and run the command again"
            )

    async def _ends(self, namespace: JsonObject) -> bool:
        """Whether it is gone. It is not told as deleted as long as it is there."""
        if await gone(self._broker, namespace):
            return True
        row = (NAMESPACES.kind, "", self._namespace)
        self._rows = [(*row, "still there") if one[:3] == row else one for one in self._rows]
        return False

    def _check_ours(self, namespace: JsonObject | None) -> None:
        if namespace is not None and not _ours(namespace) and not _ends(namespace):
            raise NotOurs(
                f"Namespace {self._namespace} was made neither by `broker create-member` nor by the broker's "
                "chart: nothing was removed. Delete it as it was made; all of the member goes with it"
            )

    def _check_left(self, member: Member | None, records: int) -> None:
        """Raise `CliError` unless the member has left, or was never there."""
        if member is None or not member.heartbeat or (member.leaving and not records):
            return
        raise CliError(
            f"member {self._name} has not left, it exports {records} services: run `{self._program} leave` "
            "in that cluster first. If it is gone for good, or may not be a member any more, give --gone: "
            "then all clusters withdraw what it exports"
        )

    async def _records(self) -> Sequence[JsonObject]:
        try:
            return (await self._broker.list(EXPORTED_SERVICES, namespace=self._namespace)).items
        except NotFound:
            await check_is_broker(self._broker)
            raise

    async def _plan(self, records: Sequence[JsonObject], found: Sequence[Leftover]) -> None:
        slices = (await self._broker.list(EXPORTED_ENDPOINT_SLICES, namespace=self._namespace)).items
        exported = (leftovers_of(EXPORTED_SERVICES, records), leftovers_of(EXPORTED_ENDPOINT_SLICES, slices))
        for one in (*exported[0], *exported[1], *found):
            self._rows.append((*one.row, "to be deleted"))
        self._tell()

    async def _withdraw(self) -> None:
        """Withdraw what the member exports in its stead, and wait for the others."""
        for kind in (ROLE_BINDINGS, SERVICE_ACCOUNTS):
            # First its rights and all of its credentials, or it exports everything anew.
            body = await find(self._broker, kind, ACCOUNT, self._namespace)
            await self._remove(leftovers_of(kind, [body] if body is not None else []))
        await self._obituary.begin(DEFAULT_SECONDS)
        async for kind_name, name in self._obituary.withdraw():
            self._rows.append((kind_name, self._namespace, name, "deleted"))
        say(f"{self._name} exports nothing any more: waiting until the other members have let go of it")
        await wait_for_importers(self._obituary, self._settings.wait_seconds)
        for line in not_waited_for(self._obituary):
            say(f"warning: {line}")

    async def _remove(self, found: Sequence[Leftover]) -> None:
        for one in found:
            await remove(self._broker, one)
            self._rows.append((*one.row, "deleted"))

    def _tell(self, *, ended: bool = True) -> None:
        if self._settings.output == "table" and not self._rows:
            if ended:
                print("nothing to remove")
            return
        print(result_text(self._settings.output, self._rows, members=as_objects(self._obituary)))

    def _advise(self, namespace: JsonObject | None) -> None:
        left = holders(self._obituary)
        if left:
            say(
                f"warning: {', '.join(left)} have not said that they have let go of {self._name}: what they "
                "still have of it they withdraw within a minute, or when they are back"
            )
        if namespace is not None and is_of_our_chart(namespace):
            say(f"take {self._name} out of `members` of the broker's chart, or an upgrade makes it again")


def _ours(body: JsonObject | None) -> list[JsonObject]:
    """The object, if there is one that these commands or the broker's chart made, and it is not going yet."""
    made = body is not None and (is_ours(body) or is_of_our_chart(body))
    return [body] if body is not None and made and not _ends(body) else []


def _ends(body: JsonObject) -> bool:
    return bool(body["metadata"].get("deletionTimestamp"))
