"""The demo's hub, which keeps the inventory on the broker: one process, without an election.

It goes by the short intervals of the demo's agents, so that a member's death shows within seconds.
"""

from pathlib import Path
from random import Random
from typing import Final

from prometheus_client import CollectorRegistry

from mcs_controller.cli.connecting import connect
from mcs_controller.cli.demo.agent_process import HEARTBEAT_INTERVAL_SECONDS, MEMBER_TIMEOUT_SECONDS
from mcs_controller.cli.hub import make_hub
from mcs_controller.controllers.config import HubConfig
from mcs_controller.kube.clock import SystemClock

HUB: Final = "hub"
"""Its user on the broker."""


async def run_hub(broker_kubeconfig: Path) -> None:
    """Until cancelled."""
    config = HubConfig(
        member_timeout_seconds=MEMBER_TIMEOUT_SECONDS, interval_seconds=HEARTBEAT_INTERVAL_SECONDS
    )
    broker = connect(broker_kubeconfig, HUB, name="broker")
    try:
        manager = make_hub(config, broker, clock=SystemClock(), random=Random(), registry=CollectorRegistry())
        await manager.run()
    finally:
        await broker.close()
