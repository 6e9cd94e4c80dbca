"""A member that leaves asks, and each importer answers when nothing of it is left."""

from __future__ import annotations

from typing import Any

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, MEMBER_CLUSTERS
from mcs_controller.controllers.membership.withdrawal import withdraw_exports
from tests.controllers.mars import record
from tests.support.clusterset import EAST, Clusterset
from tests.support.crds import without_farewell
from tests.support.objects import IMPORTS

pytestmark = pytest.mark.looptime

SINCE = "2026-01-01T00:00:30.000000Z"
KINDS = (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES)
LATER = "2026-01-01T00:05:00.000000Z"


async def leaves(world: Clusterset, since: str | None = SINCE) -> None:
    patch = {"status": {"leaving": since}}
    await world.broker_api.patch(
        MEMBER_CLUSTERS, "east", patch, namespace="mcs-member-east", subresource="status"
    )


async def withdraw(world: Clusterset) -> None:
    async for _ in withdraw_exports(world.broker_api, "mcs-member-east"):
        pass


async def status(world: Clusterset, member: str) -> dict[str, Any]:
    found = await world.broker_api.get(MEMBER_CLUSTERS, member, f"mcs-member-{member}")
    return dict(found.get("status") or {})


async def says(world: Clusterset, member: str) -> Any:
    return (await status(world, member)).get("letGo")


async def answers(world: Clusterset, *members: str, since: str = SINCE) -> None:
    for member in members:

        async def answered(member: str = member) -> bool:
            return bool(await says(world, member) == [{"member": "east", "leaving": since}])

        await world.until(answered, within_seconds=30)


async def test_importers_answer_once_all_is_gone_and_not_before() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        assert [await says(world, name) for name in ("east", "west", "north")] == [[], [], []]
        await world["east"].kill()
        await leaves(world)

        async def nobody_answers() -> bool:
            return [await says(world, name) for name in ("west", "north")] == [[], []]

        await world.always(nobody_answers, for_seconds=30)
        await withdraw(world)
        await answers(world, "west", "north")
        for name in ("west", "north"):
            found = await world[name].import_of("shop", "web")
            assert [one["cluster"] for one in (found or {})["status"]["clusters"]] == ["west"]
            assert not await world[name].slices_of("shop", "web", "east")


async def exported_where_west_has_no_namespace(world: Clusterset) -> None:
    """So nothing in west names east, and only what is on the broker can keep it from answering."""
    await world["east"].namespace("shop")
    await world["east"].deploy("shop", "web")

    async def written() -> bool:
        found = [(await world.broker_api.list(kind)).items for kind in KINDS]
        return all(found)

    await world.until(written)


async def test_what_is_on_the_broker_and_nowhere_in_the_cluster_is_not_let_go_either() -> None:
    async with Clusterset("east", "west") as world:
        await exported_where_west_has_no_namespace(world)
        await world["east"].kill()
        await leaves(world)

        async def silent() -> bool:
            return bool(await says(world, "west") == [])

        await world.always(silent, for_seconds=30)
        # First the record goes, and then the slice.
        async for kind, _ in withdraw_exports(world.broker_api, "mcs-member-east"):
            if kind == EXPORTED_SERVICES.kind:
                await world.always(silent, for_seconds=30)
        await answers(world, "west")


async def test_an_export_without_endpoints_is_not_let_go_before_it_is_withdrawn() -> None:
    async with Clusterset("east", "west") as world:
        await world["east"].kill()
        await world.publish("east", EXPORTED_SERVICES, "shop.web", **record("web"))
        await leaves(world)

        async def silent() -> bool:
            return bool(await says(world, "west") == [])

        await world.always(silent, for_seconds=30)
        await withdraw(world)
        await answers(world, "west")


async def test_what_was_lost_and_not_withdrawn_is_not_let_go() -> None:
    async with Clusterset("east", "west") as world:
        await exported_where_west_has_no_namespace(world)
        await world["east"].kill()
        for kind in KINDS:
            for one in (await world.broker_api.list(kind)).items:
                await world.broker_api.delete(kind, one["metadata"]["name"], namespace="mcs-member-east")
        await leaves(world)

        async def silent() -> bool:
            return bool(await says(world, "west") == [])

        await world.always(silent, for_seconds=60)


async def test_who_has_not_read_the_broker_yet_answers_nothing() -> None:
    async with Clusterset("east", "west") as world:
        await exported_where_west_has_no_namespace(world)
        await world["east"].kill()
        await world["west"].kill()
        kinds = tuple(kind.plural for kind in KINDS)
        unread = world.broker.faults.hang(verbs=("list",), resources=kinds, users=("member-west",))
        world["west"].start()
        await leaves(world)

        async def silent() -> bool:
            return not await says(world, "west")

        await world.always(silent, for_seconds=60)
        unread.lift()
        await world.always(silent, for_seconds=30)
        await withdraw(world)
        await answers(world, "west")


async def test_the_next_time_is_another_question_and_who_stays_is_asked_nothing() -> None:
    async with Clusterset("east", "west") as world:
        await world["east"].kill()
        await leaves(world)
        await answers(world, "west")
        await leaves(world, LATER)
        await answers(world, "west", since=LATER)
        await leaves(world, None)

        async def forgotten() -> bool:
            return bool(await says(world, "west") == [])

        await world.until(forgotten, within_seconds=30)


async def test_an_agent_that_runs_again_takes_back_that_its_cluster_leaves() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world["east"].kill()
        await withdraw(world)
        await leaves(world)
        await answers(world, "west")
        world["east"].start()
        await world.imported("shop", "web", EAST)
        assert "leaving" not in await status(world, "east")


async def test_what_the_fuse_holds_is_not_let_go() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        for number in range(12):
            await world["east"].deploy("shop", f"s{number}")

        async def all_imported() -> bool:
            return len(await world["west"].all_of(IMPORTS)) == 12

        await world.until(all_imported)
        await world["east"].kill()
        for record in (await world.broker_api.list(EXPORTED_SERVICES)).items:
            await world.broker_api.update(
                EXPORTED_SERVICES, {**record, "spec": {**record["spec"], "withdrawn": True}}
            )
        await withdraw(world)
        await leaves(world)

        async def holds() -> bool:
            return bool(await says(world, "west") == [])

        await world.always(holds, for_seconds=60)
        assert await world["west"].all_of(IMPORTS)
        release = {"metadata": {"annotations": {"mcs-controller.io/withdraw": "2026-01-01T01:00:00Z"}}}
        await world.broker_api.patch(MEMBER_CLUSTERS, "east", release, namespace="mcs-member-east")
        await answers(world, "west")
        assert not await world["west"].all_of(IMPORTS)


async def test_a_broker_of_older_definitions_keeps_nothing_of_it_and_all_else_goes_on() -> None:
    async with Clusterset("east", "west", edit_broker_crds=without_farewell) as world:
        await world.exported_by("east")
        assert not {"letGo", "leaving"} & (await status(world, "west")).keys()
        before = (await status(world, "west"))["heartbeat"]

        async def renewed() -> bool:
            return bool((await status(world, "west"))["heartbeat"] > before)

        await world.until(renewed, within_seconds=15)


async def test_where_nobody_leaves_nothing_is_written_but_heartbeats() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        versions = set()

        async def count() -> bool:
            found = await world.broker_api.get(MEMBER_CLUSTERS, "west", "mcs-member-west")
            versions.add(found["metadata"]["resourceVersion"])
            return True

        await world.always(count, for_seconds=100)
        assert len(versions) <= 12
