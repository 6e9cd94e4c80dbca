"""`mcs-controller hub`: the controllers that work beside the broker, while this replica leads.

The first of them keeps an inventory of the clusterset's members (ClusterProfiles). As in an agent, each term
of leadership has a manager and a registry of its own, and an API server that is away, or lacks a kind, is
waited for: the hub is not ready meanwhile. Unlike an agent, a hub has one API server, the broker's.
"""

import argparse
import asyncio
import logging
import os
from random import Random
from typing import Final

from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.cli.connecting import connect
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.process import replica_name, serving_metrics_and_health
from mcs_controller.cli.settings import HubSettings
from mcs_controller.cli.terms import Terms
from mcs_controller.controllers.config import HubConfig
from mcs_controller.controllers.inventory.controller import InventoryController
from mcs_controller.controllers.runtime.context import HubContext
from mcs_controller.controllers.runtime.informers import Informers
from mcs_controller.controllers.runtime.manager import Manager
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock, SystemClock
from mcs_controller.kube.discovery import serves
from mcs_controller.kube.errors import KubeError
from mcs_controller.kube.leader import LeaderElector
from mcs_controller.observe.health import Health
from mcs_controller.observe.logging import configure_logging

LOOK_SECONDS: Final = 10.0
"""How often an API server that is no broker is asked whether it has become one."""
NO_BROKER: Final = (
    "this API server is no broker, it serves no MemberClusters: name the broker with --kubeconfig and "
    "--context, or make this one a broker with `mcs-controller broker init`"
)

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, HubSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Work until cancelled; raises errors that need an operator."""
    settings = read_options(HubSettings, arguments, os.environ)
    configure_logging(settings.log_level, settings.log_format)
    registry, health = CollectorRegistry(), Health()
    async with serving_metrics_and_health(settings.http, registry, health):
        broker = connect(settings.kubeconfig, settings.context, name="broker")
        try:
            await until_broker(broker, health, Random())
            await _work(settings, broker, registry, health)
        finally:
            await broker.close()
    return 0


async def until_broker(broker: Client, health: Health, random: Random) -> None:
    """Return once the API server is a broker's; nothing is written to one that is not, no Lease either.

    One that does not say is taken for a broker: what follows tells why it does not.
    """
    problem: str | None = None
    health.add("broker", lambda: problem)
    while not await _may_be_broker(broker):
        if problem is None:
            _log.warning("%s", NO_BROKER)
        problem = NO_BROKER
        await asyncio.sleep(LOOK_SECONDS * random.uniform(0.9, 1.1))
    problem = None


async def _may_be_broker(broker: Client) -> bool:
    try:
        return await serves(broker, MEMBER_CLUSTERS)
    except KubeError:
        return True


def make_hub(
    config: HubConfig, broker: Client, *, clock: Clock, random: Random, registry: CollectorRegistry
) -> Manager:
    """A manager of the hub's controllers."""
    context = HubContext(config, Informers("broker", broker, random), clock, random, registry)
    return Manager(context, [InventoryController(context)])


async def _work(settings: HubSettings, broker: Client, registry: CollectorRegistry, health: Health) -> None:
    clock, random = SystemClock(), Random()
    elector, leaders = None, broker
    if settings.leader_elect:
        elector = LeaderElector(
            broker,
            settings.lease_namespace,
            settings.lease_name,
            identity=replica_name(settings.lease_identity, random),
            clock=clock,
            random=random,
        )
        health.add("leader election", lambda: elector.problem)
        leaders = broker.fenced(elector.fence)
    terms = Terms(
        lambda of_term: make_hub(settings.hub, leaders, clock=clock, random=random, registry=of_term),
        part="hub",
    )
    registry.register(terms)
    health.add_problems("hub", terms.problems)
    if elector is not None:
        await elector.run(terms.serve)
    else:
        await terms.serve()
