"""What an import remembers of the merge that it was written from."""

import pytest

from mcs_controller.clusterset.model import (
    AffinityConfig,
    ImportSpec,
    LocalImport,
    MergedService,
    ServicePort,
)
from mcs_controller.clusterset.services.desired import import_spec
from mcs_controller.clusterset.services.recorded_merge import merge_behind
from tests.clusterset.builders import HTTP, WEB

SPEC = ImportSpec(
    type="ClusterSetIP",
    ports=(HTTP, ServicePort(53, "dns", "UDP")),
    ips=("10.96.0.7",),
    ip_families=("IPv4",),
    affinity=AffinityConfig("ClientIP", 10),
    internal_traffic_policy="Local",
    traffic_distribution="PreferClose",
)
IMPORT = LocalImport(
    service=WEB,
    uid="import-uid",
    generation=3,
    spec=SPEC,
    labels=(("tier", "web"),),
    annotations=(("note", "x"),),
    clusters=("east", "west"),
)


@pytest.mark.requirement("MCS-LIFE-07")
def test_an_import_gives_back_all_of_the_merge_but_who_won() -> None:
    found = merge_behind(IMPORT)
    assert found == MergedService(
        service=WEB,
        type="ClusterSetIP",
        ports=SPEC.ports,
        affinity=SPEC.affinity,
        internal_traffic_policy="Local",
        traffic_distribution="PreferClose",
        ip_families=("IPv4",),
        labels=(("tier", "web"),),
        annotations=(("note", "x"),),
        clusters=("east", "west"),
        winner="",
    )
    assert import_spec(found, SPEC.ips) == SPEC


def test_an_import_that_says_nothing_of_a_policy_stands_for_the_default() -> None:
    old = LocalImport(service=WEB, uid="import-uid", generation=1, spec=ImportSpec("Headless", ()))
    assert merge_behind(old).internal_traffic_policy == "Cluster"


def test_an_import_that_waits_for_its_ip_leaves_no_family_out() -> None:
    waiting = LocalImport(service=WEB, uid="import-uid", generation=1, spec=ImportSpec("ClusterSetIP", ()))
    assert merge_behind(waiting).ip_families == ("IPv4", "IPv6")
