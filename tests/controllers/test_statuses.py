"""What is written into the statuses of exports and imports, what is left alone, and which events tell it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mcs_controller.api.names import CONDITION_HELD, CONDITION_LOCALITY
from mcs_controller.api.resources import service_exports, service_imports
from mcs_controller.clusterset.model import Condition, ConditionStatus, ImportSpec, LocalExport, LocalImport
from mcs_controller.clusterset.services import decode
from mcs_controller.clusterset.services.desired import import_conditions
from mcs_controller.clusterset.services.export import NOT_HEARD, NOT_VALID
from mcs_controller.clusterset.services.merge import merge
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.exports.export_status import ExportStatus
from mcs_controller.controllers.services.imports.import_status import REFUSED_HERE, ImportStatus, WantedStatus
from mcs_controller.controllers.services.stores.local import LocalStores
from mcs_controller.kube.events.sink import EventType, ObjectRef
from mcs_controller.kube.store import Entry, Store
from tests.clusterset.builders import WEB, record
from tests.support.agents import LoopClock, no_time
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import EXPORTS, IMPORTS, Object, import_by_hand
from tests.support.users import write_status

pytestmark = pytest.mark.looptime

MANAGED = {"mcs-controller.io/managed-by": "mcs-controller.io"}


@dataclass
class Events:
    """An event sink that keeps every word."""

    about: list[ObjectRef] = field(default_factory=list)
    told: list[tuple[EventType, str, str]] = field(default_factory=list)

    def event(self, regarding: ObjectRef, type: EventType, reason: str, note: str) -> None:
        self.about.append(regarding)
        self.told.append((type, reason, note))

    def news(self) -> list[tuple[EventType, str, str]]:
        told, self.told[:] = list(self.told), []
        return told


class West:
    """An API server with the export and the import of shop/web, and both writers of their statuses."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.events = cluster, Events()
        self.exports: Store[LocalExport] = Store()
        self.imports: Store[LocalImport] = Store()
        self.is_ending = False
        self.namespaces_read: list[str] = []
        local = SimpleNamespace(
            client=cluster.api,
            exports=self.exports,
            imports=self.imports,
            exports_resource=service_exports,
            imports_resource=service_imports,
            namespace_is_ending=lambda namespace: self.is_ending,
            read_namespace=self._read_namespace,
        )
        context = SimpleNamespace(clock=LoopClock(), random=Random(1), events=self.events, work_clock=no_time)
        self.export_status = ExportStatus(cast(Context, context), cast(LocalStores, local))
        self.import_status = ImportStatus(cast(Context, context), cast(LocalStores, local))

    async def _read_namespace(self, namespace: str) -> None:
        self.namespaces_read.append(namespace)

    async def read(self) -> None:
        """What watches show: both objects as they are now."""
        raw = await self.cluster.api.get(EXPORTS, "web", "shop")
        self.exports.apply(_entry(raw, decode.service_export(raw)))
        raw = await self.cluster.api.get(IMPORTS, "web", "shop")
        self.imports.apply(_entry(raw, decode.service_import(raw)))

    async def say(self, *conditions: Condition) -> None:
        """Of the export."""
        self.export_status.want(WEB, conditions)
        await self.export_status.queue.idle()

    async def want(
        self, *conditions: Condition, clusters: Sequence[str] = ("east",), slices_exist: bool = True
    ) -> None:
        """Of the import."""
        self.import_status.want(WEB, WantedStatus(tuple(clusters), conditions, slices_exist))
        await self.import_status.queue.idle()

    async def export(self) -> dict[str, tuple[str, str, str]]:
        return _conditions(await self.cluster.api.get(EXPORTS, "web", "shop"))

    async def status(self) -> Object:
        status: Object = (await self.cluster.api.get(IMPORTS, "web", "shop"))["status"]
        return status


def _entry(raw: Object, value: Any) -> Entry[Any]:
    metadata = raw["metadata"]
    return Entry("shop", "web", metadata["uid"], metadata["resourceVersion"], value)


def _conditions(raw: Object) -> dict[str, tuple[str, str, str]]:
    found = (raw.get("status") or {}).get("conditions") or ()
    return {one["type"]: (one["status"], one["reason"], one["message"]) for one in found}


@asynccontextmanager
async def west(*, edit: Callable[[Object], None] | None = None, **settings: Any) -> AsyncIterator[West]:
    """`edit` changes the CRDs before they are installed."""
    async with Clusterset("west", start=False, installed=(), **settings) as world:
        cluster = world["west"]
        await cluster.install(edit=edit)
        await world.everywhere("shop")
        await cluster.export("shop", "web")
        body = import_by_hand("shop", "web")
        body["metadata"]["labels"] = MANAGED
        await cluster.api.create(IMPORTS, body)
        one = West(cluster)
        await one.read()
        tasks = [asyncio.create_task(status.queue.run()) for status in (one.export_status, one.import_status)]
        yield one
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def valid(status: Any = "True", reason: str = "Valid", message: str = "") -> Condition:
    return Condition("Valid", status, reason, message, 1)


def ready(status: Any = "True", reason: str = "Exported", message: str = "") -> Condition:
    return Condition("Ready", status, reason, message, 1)


def conflict(status: Any, reason: str, message: str = "") -> Condition:
    return Condition("Conflict", status, reason, message, 1)


def held(status: Any, reason: str, message: str = "") -> Condition:
    return Condition(CONDITION_HELD, status, reason, message, 1)


EXPORTED = "the broker has the export, and other clusters import it where they have the namespace"
AGREED = "the clusters that export this service agree"
GOOD = Condition("Ready", "True", "Ready", "", 1)


# Exports


async def test_conditions_of_others_stay_beside_ours_and_the_time_is_that_of_the_change() -> None:
    async with west() as one:
        raw = await one.cluster.api.get(EXPORTS, "web", "shop")
        other = {"type": "example.com/Other", "status": "True", "reason": "Said", "message": ""}
        raw["status"] = {"conditions": [{**other, "lastTransitionTime": "2020-01-01T00:00:00Z"}]}
        await write_status(one.cluster.api, EXPORTS, raw)
        await one.read()
        await asyncio.sleep(3)
        await one.say(valid())
        found = (await one.cluster.api.get(EXPORTS, "web", "shop"))["status"]["conditions"]
        assert {c["type"]: c["lastTransitionTime"] for c in found} == {
            "example.com/Other": "2020-01-01T00:00:00Z",
            "Valid": "2026-01-01T00:00:03Z",
        }
        assert one.export_status.has(WEB, "example.com/Other")
        assert one.export_status.has(WEB, "Valid")
        assert not one.export_status.has(WEB, "Ready")
        one.exports.remove(*WEB)
        assert not one.export_status.has(WEB, "Valid")


@pytest.mark.parametrize("why", ["gone", "being deleted", "namespace ends"])
async def test_nothing_is_written_into_an_export_that_goes(why: str) -> None:
    async with west() as one:
        if why == "gone":
            one.exports.remove(*WEB)
        elif why == "being deleted":
            await one.cluster.edit(EXPORTS, "shop", "web", {"metadata": {"finalizers": ["example.com/wait"]}})
            await one.cluster.unexport("shop", "web")
            await one.read()
        else:
            one.is_ending = True
        await one.say(valid())
        assert (await one.export(), one.events.news()) == ({}, [])


async def test_what_is_news_to_the_exporting_user_is_an_event_and_nothing_else_is() -> None:
    async with west() as one:
        await one.say(valid(), ready("False", "Pending", NOT_HEARD), conflict("False", "NoConflicts"))
        assert one.events.news() == []
        await one.say(valid(), ready(), conflict("False", "NoConflicts"))
        assert one.events.news() == [("Normal", "Exported", EXPORTED)]
        await one.say(valid(), ready(message="may have to wait"), conflict("True", "PortConflict", "80"))
        assert one.events.news() == [("Warning", "PortConflict", "80")]
        await one.say(valid(), ready("False", "Failed", "500"), conflict("False", "NoConflicts"))
        assert one.events.news() == [("Warning", "Failed", "500"), ("Normal", "NoConflicts", AGREED)]
        await one.say(valid("False", "NoService", "there is no Service"), ready("False", "Failed", "503"))
        assert one.events.news() == [("Warning", "NoService", "there is no Service")]
        await one.say(valid("False", "NoService", "there is none"), ready("False", "Pending", NOT_VALID))
        assert one.events.news() == []
        await one.say(valid())
        assert one.events.news() == []
        (about, *_) = one.events.about
        export = await one.cluster.api.get(EXPORTS, "web", "shop")
        assert about == ObjectRef(
            export["apiVersion"], "ServiceExport", "shop", "web", export["metadata"]["uid"]
        )


async def test_that_a_cluster_may_export_nothing_is_an_event_on_each_of_its_exports() -> None:
    async with west() as one:
        for message in ("no MemberCluster west: create it", "no MemberCluster west: create it again"):
            await one.say(valid(), ready("False", "Pending", message))
        assert one.events.news() == [("Warning", "ClusterExcluded", "no MemberCluster west: create it")]
        await one.say(valid(), ready())
        assert one.events.news() == [("Normal", "Exported", EXPORTED)]


async def test_before_it_is_told_that_there_is_no_service_the_namespace_is_read_once() -> None:
    async with west() as one:
        await one.say(valid())
        assert one.namespaces_read == []
        await one.say(valid("False", "NoService"), ready("False", "Pending"))
        assert one.namespaces_read == ["shop"]
        await one.say(valid("False", "NoService"), ready("False", "Failed"))
        assert one.namespaces_read == ["shop"]


# Imports


async def test_the_status_of_an_import_names_exporters_conditions_and_whether_slices_exist() -> None:
    async with west() as one:
        await asyncio.sleep(3)
        await one.want(GOOD, clusters=("east", "north"))
        status = await one.status()
        assert status["clusters"] == [{"cluster": "east"}, {"cluster": "north"}]
        assert status["endpointSliceObjects"] == "Present"
        (condition,) = status["conditions"]
        assert condition["lastTransitionTime"] == "2026-01-01T00:00:03Z"
        assert _conditions({"status": status}) == {"Ready": ("True", "Ready", "")}
        entry = one.imports.get(*WEB)
        assert entry is not None
        assert (entry.value.clusters, entry.value.slice_objects) == (("east", "north"), "Present")

        for clusters, slices_exist in ((("east",), True), (("east",), False)):
            await one.want(GOOD, clusters=clusters, slices_exist=slices_exist)
            status = await one.status()
            assert [each["cluster"] for each in status["clusters"]] == list(clusters)
            assert status["endpointSliceObjects"] == ("Present" if slices_exist else "Absent")
        assert one.events.news() == []


@pytest.mark.parametrize("change", ["nothing", "clusters", "conditions", "slices"])
async def test_a_status_is_written_if_any_of_it_differs_and_only_then(change: str) -> None:
    async with west() as one:
        await one.want(GOOD)
        before = (await one.cluster.api.get(IMPORTS, "web", "shop"))["metadata"]["resourceVersion"]
        await one.want(
            Condition("Ready", "True", "Ready", "note", 1) if change == "conditions" else GOOD,
            clusters=("north",) if change == "clusters" else ("east",),
            slices_exist=change != "slices",
        )
        after = (await one.cluster.api.get(IMPORTS, "web", "shop"))["metadata"]["resourceVersion"]
        assert (after != before) == (change != "nothing")


@pytest.mark.parametrize("why", ["gone", "being deleted", "another's"])
async def test_nothing_is_written_into_an_import_that_goes_or_is_not_ours(why: str) -> None:
    async with west() as one:
        if why == "gone":
            one.imports.remove(*WEB)
        elif why == "being deleted":
            await one.cluster.edit(IMPORTS, "shop", "web", {"metadata": {"finalizers": ["example.com/wait"]}})
            await one.cluster.api.delete(IMPORTS, "web", namespace="shop")
            await one.read()
        else:
            labels = dict.fromkeys(MANAGED)
            await one.cluster.edit(IMPORTS, "shop", "web", {"metadata": {"labels": labels}})
            await one.read()
        await one.want(GOOD)
        assert "status" not in await one.cluster.api.get(IMPORTS, "web", "shop")


async def test_that_an_import_is_held_leaves_everything_else_of_its_status_and_is_told_once() -> None:
    async with west() as one:
        await one.want(GOOD, clusters=("east", "north"), slices_exist=False)
        for message in ("many are gone", "many more are gone"):
            entry = one.imports.get(*WEB)
            assert entry is not None
            one.import_status.hold(WEB, entry.value, held("True", "MassWithdrawal", message))
            await one.import_status.queue.idle()
        status = await one.status()
        assert [each["cluster"] for each in status["clusters"]] == ["east", "north"]
        assert status["endpointSliceObjects"] == "Absent"
        assert _conditions({"status": status}) == {
            "Ready": ("True", "Ready", ""),
            CONDITION_HELD: ("True", "MassWithdrawal", "many more are gone"),
        }
        assert one.events.news() == [("Warning", "MassWithdrawal", "many are gone")]
        (about,) = one.events.about
        imported = await one.cluster.api.get(IMPORTS, "web", "shop")
        assert about == ObjectRef(
            imported["apiVersion"], "ServiceImport", "shop", "web", imported["metadata"]["uid"]
        )

        for _ in range(2):
            await one.want(GOOD, held("False", "NotHeld"))
        assert one.events.news() == [("Normal", "NotHeld", "nothing of it is held any more")]


async def test_that_an_import_can_be_used_no_more_or_again_is_an_event_but_not_that_a_new_one_waits() -> None:
    def ready(status: ConditionStatus, reason: str, message: str = "") -> Condition:
        return Condition("Ready", status, reason, message, 1)

    async with west() as one:
        await one.want(ready("False", "Pending", "waiting for the clusterset IP"))
        assert one.events.news() == []
        await one.want(GOOD)
        usable = ("Normal", "Ready", "the service can be used in this cluster")
        assert one.events.news() == [usable]
        await one.want(ready("True", "Ready", "one more thing"))
        assert one.events.news() == []
        for message in ("422", "423"):
            await one.want(ready("False", "Pending", message))
        assert one.events.news() == [("Warning", "Pending", "422")]
        # One object's status is written again and again only at its pace.
        await asyncio.sleep(600)
        await one.want(ready("False", "IPFamilyNotSupported", "no IPv6"))
        assert one.events.news() == [("Warning", "IPFamilyNotSupported", "no IPv6")]
        await one.want(GOOD)
        assert one.events.news() == [usable]


async def test_a_new_import_that_can_never_be_used_is_an_event() -> None:
    async with west() as one:
        await one.want(Condition("Ready", "False", "IPFamilyNotSupported", "no IPv6", 1))
        assert one.events.news() == [("Warning", "IPFamilyNotSupported", "no IPv6")]


async def test_an_import_of_somebody_else_is_told_what_it_stands_in_the_way_of() -> None:
    async with west() as one:
        entry = one.imports.get(*WEB)
        assert entry is not None
        one.import_status.tell_not_ours(entry)
        ((kind, reason, note),) = one.events.news()
        assert (kind, reason) == ("Warning", "NotOurs")
        assert note.startswith("shop/web is exported and not imported here")
        assert note.endswith("delete it, and the agent makes its own")


async def test_that_an_import_is_not_held_is_written_only_over_a_word_that_it_is() -> None:
    async with west() as one:
        await one.want(GOOD, held("False", "NotHeld"))
        assert _conditions({"status": await one.status()}) == {"Ready": ("True", "Ready", "")}

        # It is over while the word that it is held is still on its way.
        one.cluster.sim.faults.delay(1.0, verbs=["patch"])
        one.import_status.want(WEB, WantedStatus(("east",), (GOOD, held("True", "ExportsMissing")), True))
        await asyncio.sleep(0.5)
        await one.want(GOOD, held("False", "NotHeld"))
        assert _conditions({"status": await one.status()})[CONDITION_HELD] == ("False", "NotHeld", "")


async def test_where_the_api_server_does_not_know_of_slice_objects_they_are_asked_for_once() -> None:
    def older(crd: Object) -> None:
        for version in crd["spec"]["versions"]:
            fields = version["schema"]["openAPIV3Schema"]["properties"]
            fields["status"]["properties"].pop("endpointSliceObjects", None)

    async with west(edit=older) as one:
        versions = set()
        for _ in range(3):
            await one.want(GOOD)
            versions.add((await one.cluster.api.get(IMPORTS, "web", "shop"))["metadata"]["resourceVersion"])
        assert len(versions) == 1
        await one.want(GOOD, clusters=("north",))
        entry = one.imports.get(*WEB)
        assert entry is not None
        assert (entry.value.clusters, entry.value.slice_objects) == (("north",), "")


async def test_that_the_api_server_refuses_a_part_of_an_import_is_told_once_also_of_a_new_one() -> None:
    def refused(problem: str) -> Condition:
        message = f"{REFUSED_HERE}; the agent tries again: {problem}"
        return Condition("Ready", "False", "Pending", message, 1)

    async with west() as one:
        await one.want(Condition("Ready", "False", "Pending", "waiting for the clusterset IP", 1))
        for problem in ("exceeded quota: services", "exceeded quota: services, again"):
            await one.want(refused(problem))
        ((kind, reason, note),) = one.events.news()
        assert (kind, reason) == ("Warning", "NotWritten")
        assert note.endswith("the agent tries again: exceeded quota: services")


async def test_that_an_exporter_is_silent_or_heard_again_is_an_event_on_the_import() -> None:
    spec = ImportSpec("ClusterSetIP", (), ("10.96.0.9",))

    def silent(*clusters: str) -> tuple[Condition, ...]:
        merged = merge([record("east"), record("north", 1)])
        assert merged is not None
        return import_conditions(merged, spec, withdrawn=clusters, observed_generation=1)

    async with west() as one:
        await one.want(*silent(), clusters=("east", "north"))
        await one.want(*silent("east"), clusters=("east", "north"))
        ((kind, reason, note),) = one.events.news()
        assert (kind, reason) == ("Warning", "EndpointsWithdrawn")
        assert note.startswith("cluster east sends no heartbeats")
        await one.want(*silent("east", "north"), clusters=("east", "north"))
        assert [told[:2] for told in one.events.news()] == [("Warning", "EndpointsWithdrawn")]
        # One object's status is written again and again only at its pace.
        await asyncio.sleep(600)
        # One is heard again, the other does not export it any more.
        await one.want(*silent(), clusters=("east",))
        assert one.events.news() == [
            ("Normal", "EndpointsBack", "cluster east sends heartbeats again, so that its endpoints are used")
        ]


async def test_that_a_wish_for_near_endpoints_cannot_be_read_is_told_once() -> None:
    def locality(reason: str, message: str = "") -> Condition:
        return Condition(CONDITION_LOCALITY, "False", reason, message, 1)

    async with west() as one:
        for message in ("planet is none of them", "planet is none of them, still"):
            await one.want(GOOD, locality("InvalidValue", message))
        assert one.events.news() == [("Warning", "InvalidValue", "planet is none of them")]
        await one.want(GOOD, locality("NotPreferred"))
        assert one.events.news() == []
