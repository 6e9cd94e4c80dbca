"""`mcs-controller agent`: one cluster's agent, wired to its two API servers, working while it leads.

Each term of leadership has a manager of controllers and a registry of its own, so that nothing of a lost term
(a half-read store, a stale count) lives on in the next; `Terms` shows the present one to /metrics and
/readyz. A replica that does not lead is ready: nothing is wrong with it, and it waits. An API server that is
away or lacks a CRD keeps the agent unready and is waited for; only errors that waiting cannot cure end the
process. The heartbeat is every replica's own: a cluster whose API server is away has no leader, and is not
dead. All else that a term writes passes the fence of its lease (`kube/fence.py`); Events outlive the term.
"""

import argparse
import gc
import os
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

from prometheus_client import CollectorRegistry

from mcs_controller.cli.connecting import connect, file_of_broker
from mcs_controller.cli.controllers import make_manager
from mcs_controller.cli.errors import UsageError
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.process import (
    instance_name,
    replica_name,
    serving_metrics_and_health,
)
from mcs_controller.cli.settings import AgentSettings
from mcs_controller.cli.status_page import serving_status_page
from mcs_controller.cli.terms import Terms
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.cluster_id import ClusterId
from mcs_controller.controllers.membership.credential import MountedCredential
from mcs_controller.controllers.membership.metrics import HeartbeatCollector
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.manager import Manager
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.events.recorder import EventRecorder
from mcs_controller.kube.leader import LeaderElector
from mcs_controller.kube.tasks import Tasks
from mcs_controller.observe.health import Health
from mcs_controller.observe.logging import configure_logging
from mcs_controller.page.source import Agent, Replica

COMPONENT: Final = "mcs-controller.io/agent"

GC_THRESHOLDS: Final = (10_000, 20, 100)
"""Objects that are read, and bodies that are written, are garbage without cycles; to look for cycles as often
as Python does by itself costs 2 % of the time, and much more while everything is read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, AgentSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Work until cancelled; raises errors that need an operator."""
    gc.set_threshold(*GC_THRESHOLDS)
    settings = read_options(AgentSettings, arguments, os.environ)
    broker_kubeconfig = _check(settings)
    configure_logging(settings.log_level, settings.log_format, context=_context(settings.cluster_id))
    registry, health = CollectorRegistry(), Health()
    async with serving_metrics_and_health(settings.http, registry, health):
        local = connect(settings.kubeconfig, settings.context, name="local")
        try:
            broker = connect(broker_kubeconfig, settings.broker_context, name="broker")
            try:
                cluster_id = ClusterId(local, random=Random())
                health.add("cluster id", lambda: cluster_id.problem)
                found = await cluster_id.find(settings.cluster_id, or_uid=settings.agent.manage_properties)
                configure_logging(settings.log_level, settings.log_format, context=_context(found))
                config = replace(settings.agent, cluster_id=found)
                credential = _credential(settings)
                await _work(settings, config, credential, local, broker, registry, health)
            finally:
                await broker.close()
        finally:
            await local.close()
    return 0


def _check(settings: AgentSettings) -> Path | None:
    """What options must fulfil together; where the broker's credential stands, as `file_of_broker` has it.

    Raises `UsageError`.
    """
    agent = settings.agent
    if agent.member_timeout_seconds <= agent.heartbeat_interval_seconds:
        raise UsageError(
            f"--member-timeout-seconds ({agent.member_timeout_seconds:g}) must be more than "
            f"--heartbeat-interval-seconds ({agent.heartbeat_interval_seconds:g}): "
            "six times as much is a good choice"
        )
    if settings.broker_renew_in is not None and settings.broker_kubeconfig is None:
        raise UsageError(
            "--broker-renew-in needs --broker-kubeconfig: the file that is mounted from the Secret"
        )
    return file_of_broker(settings.kubeconfig, settings.broker_kubeconfig, settings.broker_context)


def _credential(settings: AgentSettings) -> MountedCredential | None:
    """What is renewed; None for nothing."""
    if settings.broker_renew_in is None or settings.broker_kubeconfig is None:
        return None
    file = settings.broker_kubeconfig.expanduser()
    return MountedCredential(file, settings.broker_context, settings.broker_renew_in)


def _context(cluster_id: str | None) -> dict[str, str]:
    """What is in every line of the log."""
    return {} if cluster_id is None else {"cluster": cluster_id}


async def _work(
    settings: AgentSettings,
    config: AgentConfig,
    credential: MountedCredential | None,
    local: Client,
    broker: Client,
    registry: CollectorRegistry,
    health: Health,
) -> None:
    clock, random = SystemClock(), Random()
    recorder = EventRecorder(
        local, component=COMPONENT, instance=instance_name(), clock=clock, registry=registry
    )
    elector, leaders_local, leaders_broker = None, local, broker
    if settings.leader_elect:
        elector = LeaderElector(
            local,
            settings.lease_namespace,
            settings.lease_name,
            identity=replica_name(settings.lease_identity, random),
            clock=clock,
            random=random,
        )
        health.add("leader election", lambda: elector.problem)
        leaders_local, leaders_broker = local.fenced(elector.fence), broker.fenced(elector.fence)
    presence = Presence(config, local, broker, clock=clock, random=random, leaders_broker=leaders_broker)
    registry.register(HeartbeatCollector(presence))

    def make_term(of_term: CollectorRegistry) -> Manager:
        context = Context.of(
            config,
            local=leaders_local,
            broker=leaders_broker,
            clock=clock,
            random=random,
            registry=of_term,
            events=recorder,
        )
        return make_manager(context, presence=presence, words=settings.controllers, credential=credential)

    terms = Terms(make_term, part="agent")
    registry.register(terms)
    health.add_problems("agent", terms.problems)

    def replica() -> Replica:
        holder = elector.holder if elector is not None else ""
        return Replica(config.cluster_id, instance_name(), holder, settings.lease_namespace)

    shown = Agent(config, replica, lambda: terms.manager)
    async with serving_status_page(settings.status_page, shown, clock), Tasks("agent") as tasks:
        tasks.start(recorder.run(), name="events", essential=False)
        tasks.start(presence.run(), name="presence")
        if elector is not None:
            await elector.run(terms.serve)
        else:
            await terms.serve()
        tasks.stop()
