from ipaddress import ip_network

from mcs_controller.cli.demo.sites import BROKER_SERVICE_CIDR, CLUSTERS_MAX, cluster_names, make_sites
from mcs_controller.clusterset.identity import check_cluster_id


def test_clusters_are_east_west_north_and_then_numbered() -> None:
    assert cluster_names(2) == ("east", "west")
    assert cluster_names(5) == ("east", "west", "north", "c4", "c5")
    assert all(check_cluster_id(name) for name in cluster_names(CLUSTERS_MAX))


def test_every_cluster_has_networks_of_its_own() -> None:
    sites = make_sites(CLUSTERS_MAX, *[range(CLUSTERS_MAX)] * 3)
    pods = [ip_network(f"{site.pod_network}.0.0/16") for site in sites]
    services = [ip_network(cidr) for cidr in (BROKER_SERVICE_CIDR, *(site.service_cidr for site in sites))]
    assert len({*pods, *services}) == 2 * CLUSTERS_MAX + 1
