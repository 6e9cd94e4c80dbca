"""Metrics of single services: what an owner sees of one, and that nothing makes them many."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mcs_controller.api.resources import EXPORTED_SERVICES
from mcs_controller.controllers.services.one_by_one import EXPORT_CONDITIONS, IMPORT_CONDITIONS
from tests.controllers.mars import record
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import EXPORTS, IMPORTS, body

pytestmark = pytest.mark.looptime

Told = dict[tuple[str, ...], float]


def told(cluster: Cluster, name: str) -> Told:
    """By the values of the labels, without what begins all of them."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in cluster.agent.registry.collect()
        for sample in family.samples
        if sample.name == f"mcs_service_{name}"
    }


def of_web(values: Mapping[str, float]) -> Told:
    return {("shop", "web", name): value for name, value in values.items()}


async def test_endpoints_are_told_by_the_cluster_that_exports_them_and_whether_they_are_ready() -> None:
    async with Clusterset("east", "west", service_metrics=10) as world:
        await world.exported_by("east", "west")
        await world["west"].endpoints("shop", "web", "10.2.0.1")
        await world["west"].endpoints("shop", "web", "10.2.0.7", name="more", conditions={"ready": False})
        await world.settle()
        for cluster in world:
            assert told(cluster, "import_endpoints") == {
                ("shop", "web", "east", "ready"): 2,
                ("shop", "web", "east", "left_out"): 0,
                ("shop", "web", "east", "not_ready"): 0,
                ("shop", "web", "west", "ready"): 1,
                ("shop", "web", "west", "left_out"): 0,
                ("shop", "web", "west", "not_ready"): 1,
            }


async def test_endpoints_that_are_left_out_for_nearer_ones_are_not_told_as_not_ready() -> None:
    async with Clusterset("east", "west", service_metrics=10) as world:
        await world.exported_by("east", "west")
        near = {"spec": {"exportedAnnotations": {"mcs-controller.io/locality": "cluster"}}}
        for cluster in world:
            await cluster.edit(EXPORTS, "shop", "web", near)
        unready = {"ready": False, "serving": True, "terminating": False}
        await world["west"].endpoints("shop", "web", "10.2.0.7", name="more", conditions=unready)
        await world.settle()
        assert told(world["east"], "import_endpoints") == {
            ("shop", "web", "east", "ready"): 2,
            ("shop", "web", "east", "left_out"): 0,
            ("shop", "web", "east", "not_ready"): 0,
            ("shop", "web", "west", "ready"): 0,
            ("shop", "web", "west", "left_out"): 2,
            ("shop", "web", "west", "not_ready"): 1,
        }


async def test_a_pod_with_an_address_of_each_family_is_one_endpoint() -> None:
    families = {"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "PreferDualStack"}
    cidrs = {
        name: (f"10.{number}0.0.0/16", f"fd0{number}::/112") for number, name in ((1, "east"), (2, "west"))
    }
    async with Clusterset("east", "west", service_cidrs=cidrs, service_metrics=10) as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web", "10.1.0.1", "10.1.0.2", **families)
        await world["east"].endpoints("shop", "web", "fd00::1", "fd00::2", name="web-6")
        await world.settle()
        assert len(await world["west"].slices_of("shop", "web")) == 2
        assert told(world["west"], "import_endpoints")["shop", "web", "east", "ready"] == 2


async def test_an_exporter_without_endpoints_is_told_with_nought() -> None:
    async with Clusterset("east", "west", service_metrics=10) as world:
        await world.everywhere("shop")
        await world["east"].service("shop", "web")
        await world["east"].export("shop", "web")
        await world.settle()
        assert told(world["west"], "import_endpoints") == {
            ("shop", "web", "east", "ready"): 0,
            ("shop", "web", "east", "left_out"): 0,
            ("shop", "web", "east", "not_ready"): 0,
        }


async def test_conditions_are_told_of_the_export_where_it_is_and_of_the_import_everywhere() -> None:
    async with Clusterset("east", "west", "north", service_metrics=10) as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world["west"].deploy("shop", "web", ports=[{"name": "http", "port": 8080, "targetPort": 80}])
        await world.settle()
        conflict = of_web({"Valid": 1, "Ready": 1, "Conflict": 1})
        assert told(world["east"], "export_condition") == conflict
        assert told(world["west"], "export_condition") == conflict
        assert told(world["north"], "export_condition") == {}
        for cluster in world:
            assert told(cluster, "import_condition") == of_web({"Ready": 1, "Held": 0})
        await world["west"].unexport("shop", "web")
        await world.settle()
        assert told(world["east"], "export_condition") == of_web({"Valid": 1, "Ready": 1, "Conflict": 0})
        assert told(world["west"], "export_condition") == {}


async def test_the_first_in_order_are_told_and_how_many_are_not() -> None:
    async with Clusterset("east", "west", service_metrics=2) as world:
        west = world["west"]
        await world.everywhere("shop")
        await world.everywhere("bar")
        for namespace, name in (("shop", "web"), ("shop", "api"), ("bar", "zoo")):
            await world["east"].deploy(namespace, name)
        await world.settle()
        assert {key[:2] for key in told(west, "import_condition")} == {("bar", "zoo"), ("shop", "api")}
        assert {key[:2] for key in told(west, "import_endpoints")} == {("bar", "zoo"), ("shop", "api")}
        assert told(west, "metrics_left_out") == {(): 1}
        await world["east"].unexport("bar", "zoo")
        await world.gone("bar", "zoo")
        assert {key[:2] for key in told(west, "import_condition")} == {("shop", "api"), ("shop", "web")}
        assert told(west, "metrics_left_out") == {(): 0}


async def test_without_the_option_there_are_none() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        names = {family.name for family in world["west"].agent.registry.collect()}
        assert not {name for name in names if name.startswith("mcs_service_")}


async def test_neither_conditions_nor_imports_that_others_write_add_series() -> None:
    async with Clusterset("east", "west", service_metrics=10) as world:
        await world.exported_by("east")
        east = world["east"]
        strange = [{"type": f"Strange{number}", "status": "True", "reason": "R"} for number in range(5)]
        held = await east.export_of("shop", "web")
        assert held is not None
        for one in strange:
            one |= {"message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        status = {"status": {"conditions": [*held["status"]["conditions"], *strange]}}
        await east.api.patch(EXPORTS, "web", status, namespace="shop", subresource="status")
        await east.api.create(
            IMPORTS, body(IMPORTS, "theirs", "shop", spec={"type": "ClusterSetIP", "ports": []})
        )
        await world.settle()
        kinds = {kind for _, _, kind in told(east, "export_condition")}
        assert kinds == set(EXPORT_CONDITIONS.values())
        assert told(east, "import_condition") == of_web(
            dict.fromkeys(IMPORT_CONDITIONS.values(), 0) | {"Ready": 1}
        )


async def test_a_member_of_many_names_takes_no_place_of_what_the_cluster_exports_itself() -> None:
    async with Clusterset("east", "west", service_metrics=3) as world:
        await world.admit("mars")
        await world.exported_by("east")
        for number in range(10):
            name = f"a-{number}"
            await world.publish("mars", EXPORTED_SERVICES, f"shop.{name}", **record(name))
        await world.settle()
        for cluster, first in (("east", ["web"]), ("west", ["a-2"])):
            names = {key[1] for key in told(world[cluster], "import_condition")}
            assert names == {"a-0", "a-1", *first}
            assert told(world[cluster], "metrics_left_out") == {(): 8}
