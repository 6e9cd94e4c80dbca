"""The steps of the story about what goes wrong: the broker is away, a member dies; and what metrics say."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from mcs_controller.cli.demo.agent_process import MEMBER_TIMEOUT_SECONDS
from mcs_controller.cli.demo.checks import (
    WAIT_SECONDS,
    PerCluster,
    Resolved,
    everywhere,
    import_of,
    imported_endpoints,
    resolve,
    scrape,
)
from mcs_controller.cli.demo.cluster import DemoCluster
from mcs_controller.cli.demo.clusterset import DemoClusterset
from mcs_controller.cli.demo.export_steps import all_pods, clusterset_ips, endpoints_become, names_become
from mcs_controller.cli.demo.workload import DB, WEB, scale

_DEATH_SECONDS: Final = MEMBER_TIMEOUT_SECONDS + WAIT_SECONDS


async def outage(demo: DemoClusterset) -> None:
    """Without the broker every cluster goes on with what it knows, and follows its own changes."""
    east, west = demo.exporters
    before = {east: DB.pods - 1, west: DB.pods}
    after = {east: DB.pods, west: DB.pods}
    elsewhere = [cluster for cluster in demo.clusters if cluster is not east]
    ips = await clusterset_ips(demo, WEB)
    fault = demo.broker.simulation.faults.refuse_connections()
    try:
        await everywhere(demo.clusters, "mcs_kube_reachable of the broker", _broker_reachable, 0.0)
        await scale(east, DB, DB.pods)
        await everywhere([east], "db by DNS, broker away,", partial(resolve, name="db"), all_pods(after))
        await everywhere(elsewhere, "db by DNS, broker away,", partial(resolve, name="db"), all_pods(before))
        wanted = PerCluster({name: Resolved("NOERROR", found) for name, found in ips.items()})
        await everywhere(demo.clusters, "web by DNS, broker away,", partial(resolve, name="web"), wanted)
    finally:
        fault.lift()
    await names_become(demo, after)
    await everywhere(demo.clusters, "mcs_kube_reachable of the broker", _broker_reachable, 1.0)


async def _broker_reachable(cluster: DemoCluster) -> float:
    return (await scrape(cluster)).value("mcs_kube_reachable", client="broker")


async def death(demo: DemoClusterset) -> None:
    """A member that says nothing any more loses its endpoints and nothing else."""
    east, west = demo.exporters
    others = [cluster for cluster in demo.clusters if cluster is not west]
    imports = {cluster.name: await import_of(cluster, "web") for cluster in demo.clusters}
    await west.kill_agent()
    await everywhere(
        others,
        "web's endpoints",
        partial(imported_endpoints, service="web"),
        {east.name: WEB.addresses(east.site)},
        within_seconds=_DEATH_SECONDS,
    )
    await everywhere(others, "db by DNS", partial(resolve, name="db"), all_pods({east: DB.pods}))
    await everywhere(others, f"mcs_member_alive of {west.name}", partial(_alive, member=west.name), 0.0)
    await everywhere(demo.clusters, "web's import", partial(import_of, service="web"), PerCluster(imports))
    ips = await clusterset_ips(demo, WEB)
    wanted = PerCluster({name: Resolved("NOERROR", found) for name, found in ips.items()})
    await everywhere(demo.clusters, "web by DNS", partial(resolve, name="web"), wanted)


async def _alive(cluster: DemoCluster, member: str) -> float:
    return (await scrape(cluster)).value("mcs_member_alive", member=member)


async def returned(demo: DemoClusterset) -> None:
    """It comes back with nothing but what is on the API servers."""
    east, west = demo.exporters
    west.start_agent()
    await endpoints_become(demo, WEB, {east: WEB.pods, west: WEB.pods})
    await names_become(demo, {east: DB.pods, west: DB.pods})


async def measured(demo: DemoClusterset) -> None:
    """What an operator would see of all this."""
    wanted = {
        "imports that are ready": 2.0,
        "members alive": float(len(demo.clusters) - 1),
        "services in the DNS zone": 2.0,
        "keys that fail": 0.0,
        "answers over UDP": True,
        "answers over TCP": True,
    }
    await everywhere(demo.clusters, "metrics over HTTP", _figures, wanted)
    await everywhere(demo.exporters, 'mcs_exports{condition="Valid",status="True"}', _valid_exports, 2.0)
    # The agent of west is young: all that it found was up to date.
    old = [cluster for cluster in demo.clusters if cluster is not demo.exporters[1]]
    await everywhere(old, "counting in mcs_export_to_import_seconds", _measures_propagation, True)


async def _figures(cluster: DemoCluster) -> Mapping[str, float | bool]:
    metrics = await scrape(cluster)
    return {
        "imports that are ready": metrics.value("mcs_imports", condition="Ready", status="True"),
        "members alive": metrics.value("mcs_member_alive"),
        "services in the DNS zone": metrics.value("mcs_dns_zone_services"),
        "keys that fail": metrics.value("mcs_queue_failing_keys"),
        "answers over UDP": metrics.value("mcs_dns_requests_total", proto="udp") > 0,
        "answers over TCP": metrics.value("mcs_dns_requests_total", proto="tcp") > 0,
    }


async def _valid_exports(cluster: DemoCluster) -> float:
    return (await scrape(cluster)).value("mcs_exports", condition="Valid", status="True")


async def _measures_propagation(cluster: DemoCluster) -> bool:
    return (await scrape(cluster)).value("mcs_export_to_import_seconds_count") > 0
