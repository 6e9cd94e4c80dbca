"""When all that this cluster exports can be said to be on the broker, whatever that refuses."""

from __future__ import annotations

from typing import Any

import pytest

from mcs_controller.clusterset.model import (
    SourceSlice,
)
from mcs_controller.kube.errors import Forbidden, Invalid, KubeError, NamespaceTerminating, ServerError
from mcs_controller.kube.store import Store
from tests.clusterset.builders import WEB
from tests.controllers.exporting import API, NAMES, east, exported

pytestmark = pytest.mark.looptime


async def test_all_is_written_when_the_names_on_the_broker_are_those_that_are_exported() -> None:
    async with exported() as one:
        assert one.exporter.written() == NAMES


async def test_nothing_is_known_to_be_written_before_everything_has_been_read_twice() -> None:
    async with exported() as one:
        for name in ("local_synced", "broker_current", "is_loaded"):
            setattr(one, name, False)
            assert one.exporter.written() is None, name
            setattr(one, name, True)
        one.evidence.confirmed = False
        assert one.exporter.written() is None
        one.evidence.confirmed = True
        assert one.exporter.written() == NAMES


async def test_what_is_to_be_looked_at_again_is_written_once_it_was_by_a_member() -> None:
    async with exported() as one:
        assert one.exporter.unfinished() == set()
        one.exporter.recheck([WEB, API])
        assert one.exporter.unfinished() == {WEB, API}
        await one.look()
        assert one.exporter.written() is None
        one.members.verified = False
        await one.look(API)
        assert one.exporter.unfinished() == {API}
        one.members.verified = True
        await one.look(API)
        assert one.exporter.written() == NAMES


async def test_what_others_changed_of_ours_is_not_written_before_it_was_looked_at() -> None:
    async with exported() as one:
        held = one.broker.own_records.get("mcs-member-east", "shop.web")
        assert held is not None
        version = str(int(held.resource_version) + 1)
        one.broker.own_records.apply(held._replace(resource_version=version))
        assert one.exporter.written() is None
        await one.look()
        assert one.exporter.written() == NAMES


@pytest.mark.parametrize("what", ["record", "slice"])
async def test_what_is_not_there_or_there_and_not_exported_is_not_all_written(what: str) -> None:
    async with exported() as one:
        store: Store[Any] = one.broker.own_records if what == "record" else one.broker.own_slices
        held = store.get("mcs-member-east", "shop.web" if what == "record" else "shop.web-abc")
        assert held is not None
        store.remove(*held.key)
        await one.looked_in_vain()
        assert one.exporter.written() is None

        store.apply(held)
        await one.looked_in_vain()
        assert one.exporter.written() == NAMES
        store.apply(held._replace(name="shop.other", uid="other"))
        await one.looked_in_vain()
        assert one.exporter.written() is None


async def test_what_is_not_valid_or_not_allowed_is_not_to_be_there() -> None:
    async with exported() as one:
        one.refusal = "may not"
        assert one.exporter.written() is None
        one.refusal = None
        one.export(API, type="ExternalName")
        assert one.exporter.written() == NAMES
        del one.evaluations[API]
        assert one.exporter.written() == NAMES
        one.export(API)
        assert one.exporter.written() is None


async def test_a_record_that_is_marked_as_withdrawn_is_not_there() -> None:
    async with exported() as one:
        held = one.broker.own_records.get("mcs-member-east", "shop.web")
        assert held is not None
        await one.mirror.records.patch(held, {"spec": {"withdrawn": True}})
        assert one.exporter.written() is None


REFUSALS: dict[str, tuple[KubeError, bool]] = {
    "not valid": (Invalid(422, "Invalid", ""), True),
    "forbidden": (Forbidden(403, "Forbidden", ""), True),
    "namespace ends": (NamespaceTerminating(403, "Forbidden", ""), False),
    "server error": (ServerError(500, "InternalError", ""), False),
}


@pytest.mark.parametrize(("error", "is_final"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_what_the_broker_refuses_is_waited_for_by_nobody_and_every_other_failure_is(
    error: KubeError, is_final: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with exported() as one:
        one.export(API)

        async def refuse(*_: object) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(one.mirror.records, "create", refuse)
            one.exporter.recheck([API])
            await one.fails(type(error), API)
            assert one.exporter.unfinished() == (set() if is_final else {API})
            assert one.exporter.written() == (NAMES if is_final else None)

        await one.look(API)
        assert one.exporter.written() == (NAMES[0] | {"shop.api"}, NAMES[1])
        # It was refused once only, so that what is missing now has another cause.
        one.slices.append(SourceSlice("east", API, "api-abc", one.slices[0].content))
        assert one.exporter.written() is None


async def test_a_slice_that_the_broker_refuses_does_not_keep_the_record_from_being_there() -> None:
    async with east() as one:
        fault = one.sim.faults.fail(422, verbs=["create"], resources=["exportedendpointslices"])
        await one.fails(Invalid)
        assert await one.there() == (NAMES[0], frozenset())
        assert one.exporter.written() == (NAMES[0], frozenset())
        assert one.said()["Ready"][:2] == ("False", "Failed")
        fault.lift()
        await one.look()
        assert one.exporter.written() == NAMES
