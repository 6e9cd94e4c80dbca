"""`mcs-controller check`: is all well, in this cluster and on its broker, and if not, what is to be done?

It reads only. What it reads and what follows from it is in `install/checks/`. It ends with exit code 1 if
something failed, and with 2 (`CannotAsk`) if nothing could be looked at: a monitoring job must be able to
tell the two apart.
"""

import argparse
import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from random import Random, SystemRandom
from typing import Final

from mcs_controller import __version__
from mcs_controller.cli.check_dns import ask_dns
from mcs_controller.cli.check_report import report
from mcs_controller.cli.connecting import IN_POD, connect, file_of_broker, kubeconfig_files
from mcs_controller.cli.errors import CannotAsk
from mcs_controller.cli.install_settings import CheckSettings
from mcs_controller.cli.installing import say
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.shared_options import agents_lease
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.install.checks.access import REACHED
from mcs_controller.install.checks.api_server import API_SERVER
from mcs_controller.install.checks.credential import OwnCredential, of_secret, of_text
from mcs_controller.install.checks.facts import (
    HUBS_LEASE,
    BrokerFacts,
    CheckConfig,
    ClusterFacts,
    Credential,
    DnsFacts,
    Facts,
    Reached,
)
from mcs_controller.install.checks.judging import judge, needs_another_look, worst
from mcs_controller.install.checks.model import Finding, Unknown
from mcs_controller.install.checks.reading_broker import reach, read_broker
from mcs_controller.install.checks.reading_broker import unread as broker_unread
from mcs_controller.install.checks.reading_cluster import read_cluster
from mcs_controller.install.checks.reading_cluster import unread as cluster_unread
from mcs_controller.install.lease import LeaseName
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.connection.config import load_kubeconfig_text
from mcs_controller.kube.errors import ConfigError

FAILED: Final = 1
_ONLY_BROKER: Final = Unknown("only the broker is looked at (--broker)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, CheckSettings)


async def run(arguments: argparse.Namespace, *, random: Random | None = None) -> int:
    """Look, and print what is found; `FAILED` if something is broken. Raises `UsageError`, `CannotAsk`."""
    settings = read_options(CheckSettings, arguments, os.environ)
    try:
        async with _looking(settings, arguments.program, random or SystemRandom()) as look:
            findings = await _find(look, settings.again_after_seconds)
    except asyncio.CancelledError:
        # Other commands end with exit code 0 when stopped; here that would mean that all is well.
        raise CannotAsk("stopped before everything was looked at") from None
    _check_that_something_was_seen(findings)
    print(report(settings.output, findings, __version__))
    return FAILED if worst(findings) == "failed" else 0


async def _find(look: "_Look", again_after_seconds: float) -> list[Finding]:
    facts = await look.take()
    findings = judge(facts)
    doubtful = needs_another_look(findings)
    if not doubtful or not again_after_seconds:
        return findings
    ids = ", ".join(one.id for one in doubtful)
    say(f"looking again in {again_after_seconds:g} s: {ids} may be over by then ...")
    await asyncio.sleep(again_after_seconds)
    return judge(replace(await look.take(), earlier=facts))


def _check_that_something_was_seen(findings: Sequence[Finding]) -> None:
    """Raise `CannotAsk` if nobody answered."""
    reaching = (API_SERVER.id, REACHED.id)
    if any(one.outcome.result != "skipped" for one in findings if one.id not in reaching):
        return
    told = dict.fromkeys(text for one in findings if one.id in reaching for text in one.outcome.evidence)
    raise CannotAsk("; ".join(told))


@dataclass(frozen=True, slots=True)
class _Look:
    """Whom to ask: a member cluster, and a broker by its administrator's credential, if they were named."""

    settings: CheckSettings
    config: CheckConfig
    local: Client | Unknown
    given: Client | None
    given_credential: OwnCredential | None
    random: Random

    async def take(self) -> Facts:
        """One look at everything."""
        clock = SystemClock()
        facts = Facts(self.config, clock.now().timestamp(), __version__)
        if isinstance(self.local, Unknown):
            facts = replace(facts, cluster=cluster_unread(self.local))
            own = self.given_credential or OwnCredential(self.local)
        else:
            facts = replace(facts, cluster=await read_cluster(self.local, self.config, clock))
            own = await self._own_credential(self.local, facts.cluster)
        facts = replace(facts, broker=BrokerFacts(credential=own.fact))
        facts = replace(facts, broker=await self._broker(own, facts.cluster_id, clock))
        return replace(facts, dns=await self._dns(facts.cluster))

    async def _own_credential(self, local: Client, cluster: ClusterFacts) -> OwnCredential:
        """That of the Secret, or, where that cannot be read, the given one if it is a member's."""
        if isinstance(cluster.version, Unknown):
            return self.given_credential or OwnCredential(cluster.version)
        found = await of_secret(local, self.config.namespace)
        unseen = isinstance(found.fact, Unknown) or (found.fact is None and not found.problem)
        return self.given_credential if unseen and self.given_credential is not None else found

    async def _broker(self, own: OwnCredential, cluster_id: str | None, clock: SystemClock) -> BrokerFacts:
        async with AsyncExitStack() as stack:
            client: Client | None = None
            reached: Reached | Unknown
            if isinstance(own.fact, Credential):
                try:
                    client = Client(load_kubeconfig_text(own.text), name="broker")
                except ConfigError as error:
                    reached = Reached("unusable", f"{own.fact.source}: {error}")
                else:
                    stack.push_async_callback(client.close)
                    reached = await reach(client, cluster_id or own.fact.cluster_id)
            elif isinstance(own.fact, Unknown):
                reached = Unknown(f"this cluster's credential is not known ({own.fact.reason})")
            elif own.problem:
                reached = Reached("unusable", own.problem)
            else:
                namespace = self.config.namespace
                reached = Reached("no credential", f"this cluster has no Secret {namespace}/mcs-broker")
            reader = self.given or client
            if reader is None:
                facts = broker_unread(Unknown("no credential for the broker: give --broker-kubeconfig"))
            else:
                facts = await read_broker(reader, client, cluster_id, self.config, clock)
                if isinstance(reached, Unknown) and isinstance(facts.kinds, Unknown):
                    reached = Reached("unreachable", facts.kinds.reason)
        return replace(facts, credential=own.fact, reached=reached)

    async def _dns(self, cluster: ClusterFacts) -> DnsFacts:
        if isinstance(self.local, Unknown) or isinstance(cluster.version, Unknown):
            why = cluster.version if isinstance(cluster.version, Unknown) else _ONLY_BROKER
            return DnsFacts(udp=why, tcp=why, through=why)
        return await ask_dns(self.local, self.config, cluster, self.random)


@asynccontextmanager
async def _looking(settings: CheckSettings, program: str, random: Random) -> AsyncIterator[_Look]:
    """The connections, as the options name them. Raises `CannotAsk` for a kubeconfig that is of no use."""
    config = CheckConfig(
        namespace=settings.namespace,
        lease=agents_lease(settings),
        hub_lease=LeaseName(settings.namespace, HUBS_LEASE.name),
        dns_service=settings.dns_service or ServiceKey(settings.namespace, "mcs-dns"),
        zone=settings.zone,
        dns_namespace=settings.dns_namespace,
        cluster_id=settings.cluster_id,
        member_timeout_seconds=settings.member_timeout_seconds,
        dns_server=str(settings.dns_server or ""),
        cluster_dns=str(settings.cluster_dns or ""),
        in_pod=bool(os.environ.get(IN_POD)),
        program=program,
    )
    async with AsyncExitStack() as stack:
        try:
            local = _local(settings)
            given, credential = _given(settings)
        except ConfigError as error:
            raise CannotAsk(str(error)) from error
        for client in (local, given):
            if isinstance(client, Client):
                stack.push_async_callback(client.close)
        yield _Look(settings, config, local, given, credential, random)


def _local(settings: CheckSettings) -> Client | Unknown:
    """This cluster; without any configuration of one, why there is none. Raises `ConfigError`."""
    if settings.broker:
        return _ONLY_BROKER
    if settings.kubeconfig is None and not kubeconfig_files() and not os.environ.get(IN_POD):
        return Unknown("no member cluster was named: give --kubeconfig, or set KUBECONFIG")
    return connect(settings.kubeconfig, settings.context, name="local")


def _given(settings: CheckSettings) -> tuple[Client | None, OwnCredential | None]:
    """The broker that options name, and the credential for it if it is a member's. Raises `ConfigError`."""
    if settings.broker_kubeconfig is None and settings.broker_context is None:
        return (
            (connect(settings.kubeconfig, settings.context, name="broker"), None)
            if settings.broker
            else (None, None)
        )
    file = file_of_broker(settings.kubeconfig, settings.broker_kubeconfig, settings.broker_context)
    client = connect(file, settings.broker_context, name="broker")
    if file is None:
        return client, None
    # `connect` has read it already.
    text = file.expanduser().read_text("utf-8")
    credential = of_text(text, f"file {file}", settings.broker_context)
    member = isinstance(credential.fact, Credential) and credential.fact.cluster_id is not None
    return client, credential if member else None
