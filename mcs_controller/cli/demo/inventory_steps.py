"""The steps of the story about the inventory: the hub lists the clusters, and a death shows in it."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from mcs_controller.api.names import CLUSTERSET_PROPERTY
from mcs_controller.api.resources import cluster_profiles
from mcs_controller.cli.demo.agent_process import MEMBER_TIMEOUT_SECONDS
from mcs_controller.cli.demo.checks import WAIT_SECONDS, becomes
from mcs_controller.cli.demo.clusterset import DemoClusterset
from mcs_controller.cli.demo.sites import CLUSTERSET
from mcs_controller.install.rights import INVENTORY

SHOWN_SECONDS: Final = MEMBER_TIMEOUT_SECONDS + WAIT_SECONDS

HEALTHY: Final = f"of {CLUSTERSET}, ControlPlaneHealthy True, Joined True"
SILENT: Final = f"of {CLUSTERSET}, ControlPlaneHealthy Unknown, Joined True"


async def listed(demo: DemoClusterset) -> None:
    """Each member has a profile, by which it is joined and healthy, with what its cluster says of itself."""
    await _inventory_is(demo, {cluster.name: HEALTHY for cluster in demo.clusters})


async def silent(demo: DemoClusterset) -> None:
    """Nothing is known of west while its agent is dead, and it stays in the list."""
    _, west = demo.exporters
    await _inventory_is(
        demo, {cluster.name: SILENT if cluster is west else HEALTHY for cluster in demo.clusters}
    )


async def _inventory_is(demo: DemoClusterset, wanted: Mapping[str, str]) -> None:
    await becomes("the inventory", partial(_inventory, demo), wanted, within_seconds=SHOWN_SECONDS)


async def _inventory(demo: DemoClusterset) -> Mapping[str, str]:
    """What the profiles say of each member, by its id."""
    found: dict[str, str] = {}
    for item in (await demo.broker.admin.list(cluster_profiles(), namespace=INVENTORY)).items:
        metadata = item["metadata"]
        status = item.get("status") or {}
        conditions = status.get("conditions") or ()
        properties = {one["name"]: one["value"] for one in status.get("properties") or ()}
        # Ours, such as whether all properties are there, have a domain before them.
        told = sorted(f"{one['type']} {one['status']}" for one in conditions if "/" not in one["type"])
        belongs = f"of {properties.get(CLUSTERSET_PROPERTY)}"
        found[metadata["name"].rpartition(".")[2]] = ", ".join([belongs, *told])
    return found
