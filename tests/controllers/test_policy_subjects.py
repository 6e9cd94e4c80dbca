"""What policies are asked about, with which labels, and what counts as going on already."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mcs_controller.clusterset.model import (
    Condition,
    ImportedSlice,
    ImportSpec,
    LocalImport,
    ServiceKey,
    SliceContent,
)
from mcs_controller.clusterset.services.naming import exported_service_name
from mcs_controller.clusterset.services.policies.policy import Policy
from mcs_controller.clusterset.services.policies.selector import Selector
from mcs_controller.clusterset.services.policies.verdict import (
    LASTS_SECONDS,
    NOT_ALLOWED,
    POLICY_UNKNOWN,
)
from mcs_controller.controllers.services.policies.exports import export_gate
from mcs_controller.controllers.services.policies.gate import Gate
from mcs_controller.controllers.services.policies.imports import ImportPolicies
from mcs_controller.controllers.services.stores.broker import BrokerStores
from mcs_controller.controllers.services.stores.local import LocalStores
from tests.clusterset.builders import WEB, local_export, local_service, record
from tests.controllers.watched import Watched, context, watching

pytestmark = pytest.mark.looptime

API = ServiceKey("shop", "api")
PUBLIC = Selector((("public", "yes"),))
TEAM = Selector((("team", "a"),))
ALL = Policy("all")


async def lasting(gate: Gate[Any], *subjects: object) -> None:
    """Somebody asks about them, and what is refused then has lasted when this returns."""
    task = asyncio.create_task(gate.run())
    for one in subjects:
        gate.outcome(one)
    await asyncio.sleep(LASTS_SECONDS + 1)
    task.cancel()


class Exporting:
    """A cluster that exports shop/web, and its policies."""

    def __init__(self, *policies: Policy, namespace_labels: object = ()) -> None:
        self.policies: Watched[Any] = Watched()
        self.labels: Watched[Any] = Watched()
        self.exports: Watched[Any] = Watched()
        self.services: Watched[Any] = Watched()
        self.own_records: Watched[Any] = Watched()
        self.is_broker_read = True
        self.unread: set[ServiceKey] = set()
        local = SimpleNamespace(
            exports=self.exports,
            services=self.services,
            loaded=lambda key: key not in self.unread,
            ask_policies=lambda gate: None,
            read_services=self._read_services,
        )
        broker = SimpleNamespace(
            own_records=self.own_records,
            own_namespace="mcs-member-east",
            exports_synced=lambda: self.is_broker_read,
        )
        self.gate = export_gate(
            context(watching(exportpolicies=self.policies, namespace_labels=self.labels)),
            cast(LocalStores, local),
            cast(BrokerStores, broker),
        )
        for policy in policies:
            self.policies.put(policy, policy.name)
        if namespace_labels is not None:
            self.labels.put(namespace_labels, "shop")
        self.export(WEB)
        self.services.put(local_service(), WEB.name, WEB.namespace)

    async def _read_services(self, keys: Collection[ServiceKey]) -> None:
        """There is nothing that is not held."""

    def export(self, key: ServiceKey, *reasons: str) -> None:
        conditions = tuple(Condition("Valid", "False", reason) for reason in reasons)
        self.exports.put(local_export(service=key, conditions=conditions), key.name, key.namespace)

    def publish(self, key: ServiceKey, *, withdrawn: bool = False) -> None:
        name = exported_service_name(key)
        self.own_records.put(record("east", service=key, withdrawn=withdrawn), name, "mcs-member-east")

    def action(self, key: ServiceKey = WEB) -> str:
        return self.gate.outcome(key).action


async def test_a_service_that_has_not_been_read_may_be_anything() -> None:
    world = Exporting(replace(ALL, name="public", service_selector=PUBLIC))
    world.unread.add(WEB)
    assert world.action() == "refuse"
    assert world.gate.outcome(WEB).reason == POLICY_UNKNOWN
    world.publish(WEB)
    assert world.action() == "keep"
    world.unread.clear()
    await lasting(world.gate, WEB)
    assert world.gate.outcome(WEB).reason == NOT_ALLOWED


async def test_an_export_without_a_service_is_no_matter_of_policies() -> None:
    """That there is no Service is what its user is to be told."""
    world = Exporting(Policy("none", forbids=True))
    world.services.remove(WEB.namespace, WEB.name)
    assert world.action() == "pass"


@pytest.mark.parametrize(("labels", "reason"), [(None, POLICY_UNKNOWN), ((), NOT_ALLOWED)])
async def test_labels_of_a_namespace_that_were_not_read_are_not_taken_for_none(
    labels: object, reason: str
) -> None:
    world = Exporting(replace(ALL, namespace_selector=TEAM), namespace_labels=labels)
    assert world.gate.outcome(WEB).reason == reason


async def test_another_label_of_a_namespace_is_counted_at_once() -> None:
    world = Exporting(replace(ALL, namespace_selector=TEAM), namespace_labels=(("team", "a"),))
    world.publish(WEB)
    assert world.action() == "pass"
    world.labels.put((("team", "b"),), "shop")
    world.export(API)
    world.services.put(local_service(service=API), API.name, API.namespace)
    assert (world.action(API), world.gate.losing()) == ("refuse", (1, 1))


async def test_an_export_that_is_being_withdrawn_does_not_go_on() -> None:
    world = Exporting(replace(ALL, problem="odd"))
    world.publish(WEB, withdrawn=True)
    assert world.action() == "refuse"
    world.publish(WEB)
    assert world.action() == "keep"


@pytest.mark.parametrize(
    ("reasons", "action"),
    [((), "keep"), (("NoService",), "keep"), ((NOT_ALLOWED,), "refuse"), ((POLICY_UNKNOWN,), "refuse")],
)
async def test_until_the_broker_is_read_the_last_word_on_the_export_counts(
    reasons: tuple[str, ...], action: str
) -> None:
    world = Exporting(replace(ALL, problem="odd"))
    world.is_broker_read = False
    world.export(WEB, *reasons)
    assert world.action() == action


async def test_an_export_that_is_deleted_is_counted_no_more() -> None:
    world = Exporting(ALL)
    world.publish(WEB)
    world.action()
    assert (world.gate.losing(), world.gate.actions()) == ((0, 1), {"pass": 1})
    world.exports.remove(WEB.namespace, WEB.name)
    assert (world.gate.losing(), world.gate.actions()) == ((0, 0), {})


NOT_IN = Policy("not-west", True, clusters=("west",))


class Importing:
    """North, which imports shop/web of east and west, and its policies."""

    def __init__(self, *policies: Policy, namespace_labels: object = ()) -> None:
        self.policies: Watched[Any] = Watched()
        self.labels: Watched[Any] = Watched()
        self.imports: Watched[Any] = Watched()
        self.slices: Watched[Any] = Watched(index=lambda entry: entry.value.service)
        local = SimpleNamespace(imports=self.imports, imported_slices=self.slices, cluster_id="north")
        self.asked = ImportPolicies(
            context(watching(importpolicies=self.policies, namespace_labels=self.labels)),
            cast(LocalStores, local),
        )
        for policy in policies:
            self.policies.put(policy, policy.name)
        if namespace_labels is not None:
            self.labels.put(namespace_labels, "shop")

    def imported(self, *clusters: str, managed: bool = True, deleting: bool = False) -> None:
        held = LocalImport(
            WEB,
            "uid",
            1,
            ImportSpec("ClusterSetIP", (), ()),
            clusters=clusters,
            managed=managed,
            deleting=deleting,
        )
        self.imports.put(held, WEB.name, WEB.namespace)

    def select(self, *clusters: str) -> list[str]:
        return [one.cluster for one in self.asked.select(WEB, [record(one) for one in clusters])]


async def test_only_what_policies_let_in_counts_and_the_import_says_so() -> None:
    world = Importing(ALL, NOT_IN)
    assert world.select("east", "west", "north") == ["east", "north"]
    assert [world.asked.refuses(one, WEB) for one in ("east", "west", "north")] == [False, True, False]
    assert "imported from west" in world.asked.note(WEB)
    assert world.asked.note(API) == ""


async def test_the_own_export_is_no_source() -> None:
    assert Importing(ALL, Policy("none", True, clusters=("north", "east"))).select("east", "north") == [
        "north"
    ]


@pytest.mark.parametrize(("labels", "reason"), [(None, POLICY_UNKNOWN), ((), NOT_ALLOWED)])
async def test_labels_that_were_not_read_keep_new_imports_out_and_end_none(
    labels: object, reason: str
) -> None:
    world = Importing(replace(ALL, namespace_selector=TEAM), namespace_labels=labels)
    assert world.select("east") == []
    world.imported("east")
    assert world.select("east") == ["east"]
    await lasting(world.asked.gate)
    assert world.select("east") == (["east"] if reason == POLICY_UNKNOWN else [])


LIES_HERE = ImportedSlice(WEB, "web-1", "east", SliceContent("IPv4", (), ()))
LIVE = {
    "nothing is here": ({}, False, []),
    "the import names it": ({"clusters": ("east",)}, False, ["east"]),
    "the import names another": ({"clusters": ("west",)}, False, []),
    "the import names none yet, and its slices are here": ({"clusters": ()}, True, ["east"]),
    "somebody else wrote the import": ({"clusters": ("east",), "managed": False}, True, []),
    "the import is being deleted": ({"clusters": ("east",), "deleting": True}, True, []),
}


@pytest.mark.parametrize(("held", "has_slices", "expected"), LIVE.values(), ids=LIVE)
async def test_what_is_imported_goes_on_while_policies_are_not_known(
    held: dict[str, Any], has_slices: bool, expected: list[str]
) -> None:
    world = Importing(replace(ALL, problem="odd"))
    if held:
        world.imported(*held["clusters"], **{name: held[name] for name in held if name != "clusters"})
    if has_slices:
        world.slices.put(LIES_HERE, "web-1", "shop")
    assert world.select("east") == expected


async def test_a_source_that_exports_no_more_is_counted_no_more() -> None:
    world = Importing(ALL, NOT_IN)
    world.imported("east", "west")
    world.select("east", "west")
    assert (world.asked.gate.losing(), world.asked.gate.actions()) == ((1, 2), {"pass": 1, "keep": 1})
    await lasting(world.asked.gate)
    assert world.select("east", "west") == ["east"]
    assert (world.asked.gate.losing(), world.asked.gate.actions()) == ((1, 2), {"pass": 1, "refuse": 1})
    world.select("east")
    assert (world.asked.gate.losing(), world.asked.gate.actions()) == ((0, 1), {"pass": 1})
    assert world.select() == []
    assert world.asked.gate.actions() == {}


async def test_of_an_import_that_is_gone_nothing_is_counted_any_more() -> None:
    world = Importing(ALL, NOT_IN)
    world.imported("east", "west")
    world.select("west")
    assert world.asked.gate.losing() == (1, 2)
    world.imports.remove(WEB.namespace, WEB.name)
    assert (world.asked.gate.losing(), world.asked.gate.actions()) == ((0, 0), {})
    assert not world.asked.refuses("west", WEB)
    assert world.asked.note(WEB) == ""


async def test_another_label_changes_what_all_imports_may_be() -> None:
    world = Importing(replace(ALL, namespace_selector=TEAM), namespace_labels=(("team", "a"),))
    world.imported("east", "west")
    assert world.select("east") == ["east"]
    world.labels.put((("team", "b"),), "shop")
    assert world.select("east") == ["east"]
    assert world.asked.gate.losing() == (2, 2)
    await lasting(world.asked.gate)
    assert world.select("east") == []
