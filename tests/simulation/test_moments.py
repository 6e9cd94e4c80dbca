"""What is found becomes a fault of the story, by its invariant, or I-BLAST if one member's spread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mcs_controller.api.names import LABEL_SERVICE_NAME, LABEL_SOURCE_CLUSTER
from mcs_controller.api.resources import ENDPOINT_SLICES
from mcs_controller.clusterset.model import ServiceKey
from tests.simulation.members import MALLORY
from tests.simulation.moments import Moments
from tests.simulation.plan import Layout
from tests.simulation.rules import IMPORTS
from tests.simulation.story import NAMESPACE, Story
from tests.simulation.world import World
from tests.support.objects import HTTP, body
from tests.support.observer.expected import Expected
from tests.support.observer.showing import DNS_LAG_SECONDS
from tests.support.virtual_loop import run_virtually

SMALL = Layout(("east", "west", "north"), {})
WEB = ServiceKey(NAMESPACE, "web")
IP, OTHER_IP, ADDRESS = "10.97.0.4", "10.97.0.5", "10.1.0.1"
SLICE = "imported-web-1"
OF_EAST = {LABEL_SOURCE_CLUSTER: "east", LABEL_SERVICE_NAME: WEB.name}


class West:
    """What west shows of shop/web, which east exports; tests write there what an agent would."""

    def __init__(self, world: World) -> None:
        self.story = Story(world, Expected())
        self._api = world["west"].api
        self._moments = Moments(self.story)
        self._says = self._moments.listener("west")

    async def begin(self) -> None:
        await self.story.world.clusterset.everywhere(NAMESPACE)
        self.story.expected.namespace("west", NAMESPACE)
        self.story.expected.exported("east", str(WEB), [ADDRESS])
        spec = {"type": "ClusterSetIP", "ports": [HTTP], "ips": [IP]}
        await self._api.create(IMPORTS, body(IMPORTS, WEB.name, NAMESPACE, spec=spec))
        named = {"status": {"clusters": [{"cluster": "east"}]}}
        await self._api.patch(IMPORTS, WEB.name, named, namespace=NAMESPACE, subresource="status")
        await self.story.world["west"].endpoints(NAMESPACE, "imported", ADDRESS, name=SLICE, labels=OF_EAST)
        self._says(WEB, frozenset({IP}))
        await asyncio.sleep(2 * DNS_LAG_SECONDS)

    async def loses_endpoints(self) -> None:
        await self._api.delete(ENDPOINT_SLICES, SLICE, namespace=NAMESPACE)

    async def has_another_ip(self) -> None:
        await self._api.patch(IMPORTS, WEB.name, {"spec": {"ips": [OTHER_IP]}}, namespace=NAMESPACE)

    async def loses_the_import(self) -> None:
        await self._api.delete(IMPORTS, WEB.name, namespace=NAMESPACE)

    async def loses_the_name(self) -> None:
        self._says(WEB, frozenset())

    def invariants(self) -> set[str]:
        self._moments.judge()
        return {one.invariant for one in self.story.faults}


Loss = Callable[[West], Awaitable[None]]
LOSSES: list[tuple[Loss, str]] = [
    (West.loses_endpoints, "I-ENDPOINTS"),
    (West.has_another_ip, "I-IP"),
    (West.loses_the_import, "I-IMPORT"),
    (West.loses_the_name, "I-DNS"),
]


def invariants(loss: Loss, struck: set[str], former_exporter: str = "") -> set[str]:
    """Which do not hold when west loses that of shop/web after something was done to the struck members."""
    found: set[str] = set()

    async def story() -> None:
        async with World(SMALL, 1) as world:
            west = West(world)
            if former_exporter:
                west.story.expected.exported(former_exporter, str(WEB), [])
                west.story.expected.unexported(former_exporter, str(WEB))
            await west.begin()
            west.story.struck |= struck
            await loss(west)
            found.update(west.invariants())

    run_virtually(story())
    return found


@pytest.mark.parametrize("struck", ["north", MALLORY])
@pytest.mark.parametrize("loss", [loss for loss, _ in LOSSES])
def test_a_fault_of_one_member_that_shows_in_what_another_has_of_a_third_has_spread(
    loss: Loss, struck: str
) -> None:
    assert invariants(loss, {struck}) == {"I-BLAST"}


@pytest.mark.parametrize(
    "struck", [set(), {"east"}, {"west"}, {""}, {"", "north"}, {"north", "west"}], ids=sorted
)
@pytest.mark.parametrize(("loss", "invariant"), LOSSES)
def test_a_loss_that_may_have_another_cause_is_named_by_what_is_lost(
    loss: Loss, invariant: str, struck: set[str]
) -> None:
    assert invariants(loss, struck) == {invariant}


@pytest.mark.parametrize(("loss", "invariant"), [(West.loses_endpoints, "I-BLAST"), *LOSSES[1:]])
def test_of_a_service_that_the_struck_member_exported_only_the_endpoints_of_others_are_others(
    loss: Loss, invariant: str
) -> None:
    assert invariants(loss, {"north"}, former_exporter="north") == {invariant}
