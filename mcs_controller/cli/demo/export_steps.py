"""The steps of the story about exports: from services that nobody knows elsewhere to names, and back."""

from functools import partial
from ipaddress import ip_address, ip_network

from mcs_controller.cli.demo.checks import (
    NO_SUCH_NAME,
    PerCluster,
    Resolved,
    SeenImport,
    becomes,
    eventually,
    everywhere,
    export_conditions,
    http_status,
    import_of,
    imported_endpoints,
    resolve,
)
from mcs_controller.cli.demo.cluster import DemoCluster
from mcs_controller.cli.demo.clusterset import DemoClusterset
from mcs_controller.cli.demo.sites import NAMESPACE, ZONE
from mcs_controller.cli.demo.workload import (
    CART,
    DB,
    WEB,
    WORKLOADS,
    Workload,
    deploy,
    export,
    scale,
    unexport,
)


async def ready(demo: DemoClusterset) -> None:
    """Everything has been read, everybody is a member."""
    await everywhere(demo.clusters, "/readyz", partial(http_status, path="/readyz"), (200, "ok\n"))


async def deployed(demo: DemoClusterset) -> None:
    """Services, and no trace of them elsewhere."""
    for cluster in demo.exporters:
        await deploy(cluster)
    await everywhere(demo.clusters, "web by DNS", partial(resolve, name="web"), NO_SUCH_NAME)


async def exported(demo: DemoClusterset) -> None:
    """One ServiceExport makes a ServiceImport in every cluster, with an IP from the cluster's own range."""
    east = demo.exporters[0]
    await export(east, WEB)
    conditions = {"Valid": "True Valid", "Ready": "True Exported", "Conflict": "False NoConflicts"}
    await becomes(f"web's ServiceExport in {east.name}", partial(export_conditions, east, "web"), conditions)
    for cluster in demo.clusters:
        await eventually(
            f"{cluster.name} imports web from {east.name}, with an IP of {cluster.site.service_cidr}",
            partial(import_of, cluster, "web"),
            partial(_is_web, cluster=cluster, exporters=(east.name,)),
        )
    await endpoints_become(demo, WEB, {east: WEB.pods})


def _is_web(seen: SeenImport | None, cluster: DemoCluster, exporters: tuple[str, ...]) -> bool:
    if seen is None or len(seen.ips) != 1:
        return False
    own_range = ip_network(cluster.site.service_cidr)
    return seen.clusters == exporters and seen.ports == (80,) and ip_address(seen.ips[0]) in own_range


async def resolved(demo: DemoClusterset) -> None:
    """The clusterset IP by name, over both transports, and the port by SRV."""
    ips = await clusterset_ips(demo, WEB)
    wanted = PerCluster({name: Resolved("NOERROR", found) for name, found in ips.items()})
    await everywhere(demo.clusters, "web over UDP", partial(resolve, name="web"), wanted)
    await everywhere(demo.clusters, "web over TCP", partial(resolve, name="web", tcp=True), wanted)
    srv = Resolved("NOERROR", (f"0 100 80 web.{NAMESPACE}.svc.{ZONE}.",))
    await everywhere(demo.clusters, "web's port", partial(resolve, name="_http._tcp.web", type="SRV"), srv)


async def exported_twice(demo: DemoClusterset) -> None:
    """A second exporter joins the import, and nothing about the name changes."""
    east, west = demo.exporters
    before = await clusterset_ips(demo, WEB)
    await export(west, WEB)
    wanted = {
        name: SeenImport("ClusterSetIP", ips, (east.name, west.name), (80,)) for name, ips in before.items()
    }
    await everywhere(demo.clusters, "web's import", partial(import_of, service="web"), PerCluster(wanted))
    await endpoints_become(demo, WEB, {east: WEB.pods, west: WEB.pods})


async def headless(demo: DemoClusterset) -> None:
    """No IP of its own: the name has every pod's address, and each pod a name with its cluster in it."""
    east, west = demo.exporters
    for cluster in (east, west):
        await export(cluster, DB)
    await names_become(demo, {east: DB.pods, west: DB.pods})
    for cluster in (east, west):
        for pod, address in zip(DB.pod_names(), DB.addresses(cluster.site), strict=True):
            name = f"{pod}.{cluster.name}.db"
            await everywhere(
                demo.clusters, name, partial(resolve, name=name), Resolved("NOERROR", (address,))
            )


async def conflicting(demo: DemoClusterset) -> None:
    """The oldest export's port is used, and everybody who exports is told."""
    east, west = demo.exporters
    for cluster in (east, west):
        await export(cluster, CART)
    await _conflict_is_seen(demo)


async def _conflict_is_seen(demo: DemoClusterset) -> None:
    port = CART.port(demo.exporters[0].name)
    await everywhere(demo.exporters, "cart's condition Conflict", _conflict_of_cart, "True PortConflict")
    await everywhere(demo.clusters, "cart's ports", _ports_of_cart, (port,))


async def _conflict_of_cart(cluster: DemoCluster) -> str:
    return (await export_conditions(cluster, "cart")).get("Conflict", "unknown")


async def _ports_of_cart(cluster: DemoCluster) -> tuple[int, ...]:
    seen = await import_of(cluster, "cart")
    return seen.ports if seen is not None else ()


async def scaled(demo: DemoClusterset) -> None:
    """A pod that comes, and one that goes."""
    east, west = demo.exporters
    await scale(east, DB, DB.pods + 1)
    await names_become(demo, {east: DB.pods + 1, west: DB.pods})
    await scale(east, DB, DB.pods - 1)
    await names_become(demo, {east: DB.pods - 1, west: DB.pods})


async def unexported(demo: DemoClusterset) -> None:
    """When one of two leaves, their conflict is over; when the last one leaves, nothing remains."""
    east, west = demo.exporters
    await unexport(west, CART)
    await everywhere((east,), "cart's condition Conflict", _conflict_of_cart, "False NoConflicts")
    await unexport(east, CART)
    await everywhere(demo.clusters, "cart's import", partial(import_of, service="cart"), None)
    await everywhere(demo.clusters, "cart by DNS", partial(resolve, name="cart"), NO_SUCH_NAME)
    await endpoints_become(demo, CART, {})


async def set_up(demo: DemoClusterset) -> None:
    """Everything at once, for those who want to look around; returns when it can be seen everywhere."""
    for cluster in demo.exporters:
        await deploy(cluster)
        for workload in WORKLOADS:
            await export(cluster, workload)
    await ready(demo)
    await _conflict_is_seen(demo)
    await resolved(demo)
    await endpoints_become(demo, WEB, dict.fromkeys(demo.exporters, WEB.pods))
    await names_become(demo, dict.fromkeys(demo.exporters, DB.pods))


async def clusterset_ips(demo: DemoClusterset, workload: Workload) -> dict[str, tuple[str, ...]]:
    """The clusterset IPs of a service, by cluster, once it has one everywhere."""
    found = {}
    for cluster in demo.clusters:
        seen = await eventually(
            f"{workload.name} has a clusterset IP in {cluster.name}",
            partial(import_of, cluster, workload.name),
            lambda seen: seen is not None and bool(seen.ips),
        )
        assert seen is not None
        found[cluster.name] = seen.ips
    return found


async def endpoints_become(demo: DemoClusterset, workload: Workload, pods: dict[DemoCluster, int]) -> None:
    """Every cluster's imported EndpointSlices hold this many pods of these clusters."""
    wanted = {cluster.name: workload.addresses(cluster.site, count) for cluster, count in pods.items()}
    await everywhere(
        demo.clusters,
        f"{workload.name}'s endpoints",
        partial(imported_endpoints, service=workload.name),
        wanted,
    )


async def names_become(demo: DemoClusterset, pods: dict[DemoCluster, int]) -> None:
    """In every cluster db's name has this many pods of these clusters."""
    await everywhere(demo.clusters, "db by DNS", partial(resolve, name="db"), all_pods(pods))


def all_pods(pods: dict[DemoCluster, int]) -> Resolved:
    """What the name of db resolves to with this many pods in these clusters."""
    return Resolved(
        "NOERROR",
        tuple(sorted(each for cluster, count in pods.items() for each in DB.addresses(cluster.site, count))),
    )
