"""What one member stores on the broker, however much, costs the others no more than its limits."""

from collections.abc import Awaitable, Callable

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, MEMBER_CLUSTERS
from mcs_controller.clusterset.membership.limits import OBJECT_MAX_BYTES, Limits
from tests.controllers.mars import record, slice_
from tests.controllers.test_import_cap import imported, mars_exports, named, withdraw
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime

TOO_LONG = {f"example.com/a{number:02}": "x" * 16_000 for number in range(OBJECT_MAX_BYTES // 16_000 + 1)}


def left_out(cluster: Cluster, kind: str, limit: str) -> float:
    labels = {"member": "mars", "kind": kind, "limit": limit}
    return cluster.agent.registry.get_sample_value("mcs_member_objects_left_out", labels) or 0.0


def imports_are(cluster: Cluster, names: set[str]) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return await imported(cluster) == names

    return holds


async def with_mars(world: Clusterset) -> Cluster:
    await world.admit("mars")
    await world.everywhere("shop")
    return world["west"]


async def test_of_a_members_records_no_more_are_read_than_it_may_have_and_others_are_all_read() -> None:
    async with Clusterset("east", "west", dead_member_policy="keep", limits=Limits(services=10)) as world:
        west = await with_mars(world)
        await mars_exports(world, range(30))
        await world["east"].deploy("shop", "web")
        await west.deploy("shop", "own")
        await world.until(imports_are(west, named(range(10)) | {"web", "own"}))
        await world.settle()
        assert await imported(west) == named(range(10)) | {"web", "own"}
        assert left_out(west, "ExportedService", "objects") == 20

        await west.restart()
        await world.settle()
        assert await imported(west) == named(range(10)) | {"web", "own"}
        assert left_out(west, "ExportedService", "objects") == 20


async def test_what_was_left_out_comes_in_when_something_goes_and_when_more_is_allowed() -> None:
    async with Clusterset(
        "east", "west", dead_member_policy="keep", limits=Limits(services=10, endpoint_slices=12)
    ) as world:
        west = await with_mars(world)
        await mars_exports(world, range(15))
        await world.until(imports_are(west, named(range(10))))
        await world.settle()

        await withdraw(world, "s004")
        await world.until(imports_are(west, named(range(11)) - named([4])), within_seconds=15)
        assert await west.addresses_of("shop", "s010") == {"10.9.0.1"}

        await world.broker_api.patch(
            MEMBER_CLUSTERS,
            "mars",
            {"spec": {"limits": {"services": 14, "endpointSlices": 14}}},
            namespace="mcs-member-mars",
        )
        await world.until(imports_are(west, named(range(15)) - named([4])), within_seconds=40)
        await world.settle()
        assert await west.addresses_of("shop", "s014") == {"10.9.0.1"}
        assert left_out(west, "ExportedService", "objects") == 0
        assert left_out(west, "ExportedEndpointSlice", "objects") == 0


async def test_an_object_that_is_too_large_is_left_out_and_the_rest_is_read() -> None:
    async with Clusterset("east", "west", dead_member_policy="keep") as world:
        west = await with_mars(world)
        await world.publish(
            "mars", EXPORTED_SERVICES, "shop.big", **record("big", exportedAnnotations=TOO_LONG)
        )
        await mars_exports(world, range(2))
        await world.until(imports_are(west, named(range(2))))
        await world.settle()
        assert await imported(west) == named(range(2))
        assert left_out(west, "ExportedService", "object_size") == 1

        await world.broker_api.patch(
            EXPORTED_SERVICES,
            "shop.big",
            {"spec": {"exportedAnnotations": None}},
            namespace="mcs-member-mars",
        )
        await world.until(imports_are(west, named(range(2)) | {"big"}))
        assert left_out(west, "ExportedService", "object_size") == 0


async def test_all_records_of_a_member_together_have_so_many_bytes_and_no_more() -> None:
    async with Clusterset("east", "west", dead_member_policy="keep", limits=Limits(mebibytes=1)) as world:
        west = await with_mars(world)
        note = {"example.com/note": "x" * 16_000}
        for number in range(20):
            name = f"s{number:03}"
            await world.publish(
                "mars", EXPORTED_SERVICES, f"shop.{name}", **record(name, exportedAnnotations=note)
            )
        # A quarter of a MiB: fifteen records of 16,000 bytes and a little more.
        await world.until(imports_are(west, named(range(15))))
        await world.settle()
        assert await imported(west) == named(range(15))
        assert left_out(west, "ExportedService", "bytes") == 5


async def test_a_member_has_so_many_endpoints_in_all_of_its_slices_and_no_more() -> None:
    async with Clusterset("east", "west", dead_member_policy="keep", limits=Limits(endpoints=25)) as world:
        west = await with_mars(world)
        await mars_exports(world, range(4), endpoints=10)
        await world.until(imports_are(west, named(range(4))))
        await world.settle()

        async def endpoints() -> list[int]:
            return [len(await west.addresses_of("shop", name)) for name in sorted(named(range(4)))]

        assert await endpoints() == [10, 10, 0, 0]
        assert left_out(west, "ExportedEndpointSlice", "endpoints") == 2

        await world.broker_api.patch(
            EXPORTED_ENDPOINT_SLICES,
            "shop.s001-x",
            {"spec": slice_("s001", endpoints=[{"addresses": ["10.9.0.1"]}])},
            namespace="mcs-member-mars",
        )
        await world.settle()
        assert await endpoints() == [10, 1, 10, 0]


async def test_a_namespace_that_is_no_members_is_not_read_at_all() -> None:
    async with Clusterset("east", "west", dead_member_policy="keep") as world:
        west = await with_mars(world)
        await world.broker_api.create(
            EXPORTED_SERVICES,
            {
                "apiVersion": EXPORTED_SERVICES.api_version,
                "kind": EXPORTED_SERVICES.kind,
                "metadata": {"name": "shop.web", "namespace": "default"},
                "spec": record(),
            },
        )
        await world.settle()
        assert await imported(west) == set()
        sample = west.agent.registry.get_sample_value(
            "mcs_kube_objects_left_out_total",
            {"client": "broker", "kind": "ExportedService", "reason": "not_admitted"},
        )
        assert sample is not None
