"""Texts of another member: in conditions, Events and imports they show what they hold, or are not there."""

from typing import Any

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, MEMBER_CLUSTERS
from mcs_controller.kube.errors import Invalid
from tests.controllers.mars import east_exports, record, slice_
from tests.support.clusterset import EAST, WEST, Clusterset
from tests.support.objects import Object

pytestmark = pytest.mark.looptime

EVIL = "\n\x07\x1b[2J\u202eStatus:\u2066 all is well"
OLD = "2020-01-01T00:00:00Z"


def texts_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in texts_in(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts_in(one)]
    return [value] if isinstance(value, str) else []


async def mars_takes_over(world: Clusterset, **spec: Any) -> Object:
    """Mars claims the oldest export of shop/web; what west then has."""
    await world.publish("mars", EXPORTED_SERVICES, "shop.web", **record(exportedAt=OLD, **spec))
    await world.publish("mars", EXPORTED_ENDPOINT_SLICES, "shop.web-x", **slice_())
    await world.imported("shop", "web", EAST | {"10.9.0.1"})
    await world.settle()
    imported = await world["west"].import_of("shop", "web")
    assert imported is not None
    return imported


@pytest.mark.requirement("MCS-RBAC-06", "MCS-IMP-17")
async def test_no_control_character_of_a_member_reaches_what_people_look_at(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Clusterset("east", "west") as world:
        await east_exports(world)
        harmless = "two\nlines\tof 漢字"
        imported = await mars_takes_over(
            world,
            exportedLabels={EVIL: "x", "evil": EVIL, "tier": "web"},
            exportedAnnotations={EVIL: "x", "evil": EVIL, "note": harmless},
        )
        await world.publish("mars", EXPORTED_SERVICES, "shop.api", **record("api", sessionAffinity=EVIL))
        await world.settle()

        assert imported["metadata"]["annotations"].pop("note") == harmless
        export = await world["east"].export_of("shop", "web")
        assert export is not None
        assert (await world["east"].conditions("shop", "web"))["Conflict"][0] == "True"
        for text in texts_in([imported, export]):
            assert text.isprintable(), text
        for log_record in caplog.records:
            assert log_record.getMessage().isprintable()
        assert "sessionAffinity is" in caplog.text


@pytest.mark.requirement("MCS-IMP-17", "MCS-NS-09")
async def test_marks_of_deployment_tools_are_carried_by_nobody_and_are_no_conflict() -> None:
    async with Clusterset("east", "west") as world:
        await east_exports(world)
        marks = {
            "App.Kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/instance": "web",
            "argocd.argoproj.io/tracking-id": "web",
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
            "meta.helm.sh/release-name": "web",
            "kustomize.toolkit.fluxcd.io/name": "web",
            "MCS-Controller.io/managed-by": "me",
        }
        imported = await mars_takes_over(world, exportedLabels=marks, exportedAnnotations=marks)

        assert imported["metadata"]["labels"] == {"mcs-controller.io/managed-by": "mcs-controller.io"}
        assert imported["metadata"]["annotations"].keys() == {"multicluster.kubernetes.io/derived-service"}
        assert (await world["east"].conditions("shop", "web"))["Conflict"] == ("False", "NoConflicts")


@pytest.mark.requirement("MCS-IMP-17", "MCS-NS-09")
async def test_what_one_cluster_excludes_its_imports_lack_and_nobody_is_in_conflict_over_it() -> None:
    async with Clusterset("east", "west", "north") as world:
        await world.everywhere("shop")
        await world["north"].restart(exclude_metadata=("Team", "example.com/"))
        await world["north"].ready()
        carried = {"team": "a", "example.com/x": "b", "tier": "web"}
        for name in ("east", "west"):
            await world[name].service("shop", "web")
            await world[name].endpoints("shop", "web", *world[name].addresses())
            await world[name].export("shop", "web", exportedLabels=carried, exportedAnnotations=carried)
        await world.imported("shop", "web", EAST | WEST)
        await world.settle()

        for cluster in world:
            imported = await cluster.import_of("shop", "web")
            assert imported is not None
            wanted = {"tier"} if cluster.name == "north" else carried.keys()
            for field in ("labels", "annotations"):
                found = {key for key in imported["metadata"][field] if not key.startswith("m")}
                assert found == wanted, (cluster.name, field)
        assert (await world["east"].conditions("shop", "web"))["Conflict"] == ("False", "NoConflicts")
        writes = len(world["north"].agent.wire.writes)
        await world.settle()
        assert len(world["north"].agent.wire.writes) == writes


@pytest.mark.requirement("MCS-RBAC-06")
@pytest.mark.parametrize(
    "status",
    [
        {"version": EVIL},
        {"clusterUID": EVIL},
        {"kubernetesVersion": "v1\x07"},
        {
            "conditions": [
                {
                    "type": "Fine",
                    "status": "True",
                    "reason": "Fine",
                    "message": EVIL,
                    "lastTransitionTime": OLD,
                }
            ]
        },
    ],
    ids=lambda status: next(iter(status)),
)
async def test_a_member_cannot_write_lines_into_its_member_cluster(status: Object) -> None:
    async with Clusterset("east") as world:
        with pytest.raises(Invalid):
            await world.broker_api.patch(
                MEMBER_CLUSTERS, "east", {"status": status}, namespace="mcs-member-east", subresource="status"
            )
