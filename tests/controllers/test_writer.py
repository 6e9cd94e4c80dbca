"""What is held after a write: what was written where the server took it as it is, else what it made of it."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES
from mcs_controller.controllers.runtime.object_writer import ObjectWriter
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import Conflict, NotFound
from mcs_controller.kube.store import Store

pytestmark = pytest.mark.looptime

Object = dict[str, Any]
SENT = "what was written"
READ = "what the answer says"
PORT = {"name": "http", "port": 80, "protocol": "TCP"}


def body(**fields: Any) -> Object:
    return {
        "apiVersion": ENDPOINT_SLICES.api_version,
        "kind": ENDPOINT_SLICES.kind,
        "metadata": {"name": "web", "namespace": "shop", "labels": {"of": "web"}},
        "addressType": "IPv4",
        "ports": [PORT],
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {}}],
        **fields,
    }


def read(raw: Mapping[str, Any]) -> str:
    return READ


async def test_what_the_server_took_as_it_is_is_held_as_it_was_written(client: Client) -> None:
    store: Store[str] = Store()
    writer = ObjectWriter(client, lambda: ENDPOINT_SLICES, store, read)

    created = await writer.create(body(), SENT)
    assert created.value is SENT
    assert store.get("shop", "web") is created

    replaced = await writer.replace(created, body(ports=[{**PORT, "port": 81}]), "what was written next")
    assert replaced.value == "what was written next"
    assert int(replaced.resource_version) > int(created.resource_version)


async def test_what_the_server_filled_in_is_read(client: Client) -> None:
    writer = ObjectWriter(client, lambda: ENDPOINT_SLICES, Store[str](), read)

    created = await writer.create(body(ports=[{"name": "http", "port": 80}]), SENT)
    assert created.value == READ

    replaced = await writer.replace(created, body(ports=[{"name": "http", "port": 80}]), SENT)
    assert replaced.value == READ


async def test_without_the_value_the_answer_is_read(client: Client) -> None:
    writer = ObjectWriter(client, lambda: ENDPOINT_SLICES, Store[str](), read)
    assert (await writer.create(body())).value == READ


async def test_an_object_that_took_the_place_of_the_known_one_is_neither_replaced_nor_patched(
    client: Client,
) -> None:
    store: Store[str] = Store()
    writer = ObjectWriter(client, lambda: ENDPOINT_SLICES, store, read)
    created = await writer.create(body(), SENT)
    # The version is right: only the uid tells that it is another object.
    stranger = created._replace(uid="another")

    with pytest.raises(Conflict):
        await writer.replace(stranger, body(ports=[]), SENT)
    with pytest.raises(Conflict):
        await writer.patch(stranger, {"ports": []})

    assert (await client.get(ENDPOINT_SLICES, "web", "shop"))["ports"] == [PORT]


async def test_a_write_that_finds_nothing_leaves_nothing_held(client: Client) -> None:
    store: Store[str] = Store()
    writer = ObjectWriter(client, lambda: ENDPOINT_SLICES, store, read)
    created = await writer.create(body(), SENT)
    await client.delete(ENDPOINT_SLICES, "web", namespace="shop")

    with pytest.raises(NotFound):
        await writer.replace(created, body(), SENT)

    assert store.get("shop", "web") is None


async def test_what_we_write_and_delete_ourselves_is_held_and_its_listeners_hear_of_the_deletion_only(
    client: Client,
) -> None:
    store: Store[str] = Store()
    told: list[tuple[str | None, str | None]] = []
    store.subscribe(lambda old, new: told.append((old and old.value, new and new.value)))
    writer = ObjectWriter(client, lambda: ENDPOINT_SLICES, store, read)

    created = await writer.create(body(), SENT)
    replaced = await writer.replace(created, body(ports=[]), "what was written next")
    patched = await writer.patch(replaced, {"endpoints": []})
    assert told == []
    assert store.get("shop", "web") is patched

    await writer.delete(patched)
    assert told == [(READ, None)]
    assert store.get("shop", "web") is None


async def test_only_the_object_that_is_known_is_deleted_and_one_that_is_gone_is_no_error(
    client: Client,
) -> None:
    writer = ObjectWriter(client, lambda: ENDPOINT_SLICES, Store[str](), read)
    created = await writer.create(body(), SENT)
    with pytest.raises(Conflict):
        await writer.delete(created._replace(uid="another"))
    assert await client.get(ENDPOINT_SLICES, "web", "shop")

    await writer.delete(created)
    await writer.delete(created)
    with pytest.raises(NotFound):
        await client.get(ENDPOINT_SLICES, "web", "shop")


Edit = Callable[[Object], Any]
EDITS: dict[str, Edit] = {
    "a field that was pruned": lambda answer: answer.pop("endpoints"),
    "a field that was added": lambda answer: answer.update(status={}),
    "a field in the place of another": lambda answer: (answer.pop("ports"), answer.update(status={})),
    "another value": lambda answer: answer.update(addressType="IPv6"),
    "a label more": lambda answer: answer["metadata"]["labels"].update(injected="yes"),
    "no labels": lambda answer: answer["metadata"].pop("labels"),
    "annotations": lambda answer: answer["metadata"].update(annotations={"injected": "yes"}),
    "a mark of deletion": lambda answer: answer["metadata"].update(deletionTimestamp="2026-01-01T00:00:00Z"),
    "another owner": lambda answer: answer["metadata"].update(ownerReferences=[{"uid": "1"}]),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
async def test_an_answer_that_says_anything_else_is_read(edit: Edit) -> None:
    class Editing:
        async def create(self, *_: Any, **__: Any) -> Object:
            sent = body()
            metadata = {**sent["metadata"], "labels": {"of": "web"}, "uid": "u1", "resourceVersion": "1"}
            answer = {**sent, "metadata": metadata}
            edit(answer)
            return answer

    writer = ObjectWriter(cast(Client, Editing()), lambda: ENDPOINT_SLICES, Store[str](), read)
    assert (await writer.create(body(), SENT)).value == READ


async def test_what_took_the_place_of_the_deleted_stays_held_when_the_answer_is_late(client: Client) -> None:
    store: Store[str] = Store()
    writer = ObjectWriter(client, lambda: ENDPOINT_SLICES, store, read)
    deleted = await writer.create(body(), SENT)
    newer = deleted._replace(uid="newer", resource_version=str(int(deleted.resource_version) + 5))
    store.remove("shop", "web")
    store.apply(newer)
    await writer.delete(deleted)
    assert store.get("shop", "web") is newer


async def test_whether_a_deletion_was_carried_out_is_found_by_reading(client: Client) -> None:
    store: Store[str] = Store()
    writer = ObjectWriter(client, lambda: ENDPOINT_SLICES, store, read)
    known = await writer.create(body(), SENT)
    assert not await writer.is_gone(known)
    assert store.get("shop", "web") is not None

    await client.delete(ENDPOINT_SLICES, "web", namespace="shop")
    assert await writer.is_gone(known)
    assert store.get("shop", "web") is None

    other = await client.create(ENDPOINT_SLICES, body(), namespace="shop")
    assert await writer.is_gone(known)
    found = store.get("shop", "web")
    assert found is not None
    assert found.uid == other["metadata"]["uid"]
