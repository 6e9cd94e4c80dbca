"""What is decoded anew, and which failure to decode is named again."""

import asyncio
from typing import Any

import pytest

from mcs_controller.kube.decoding.entries import ObjectDecoder
from mcs_controller.kube.errors import TEXT_MAX_CHARS
from mcs_controller.kube.store import Entry, Store
from tests.kube.fakes import FakeKind
from tests.kube.reflectors import contents, decode, make, running, settle

pytestmark = pytest.mark.looptime


def ignored(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "is ignored" in record.getMessage()]


async def list_anew(kind: FakeKind) -> None:
    """The server has forgotten what happened, so that the reflector takes a list."""
    kind.compact()
    kind.version += 1
    kind.oldest = kind.version
    kind.cut()
    await asyncio.sleep(10)


async def test_an_object_of_a_known_version_is_decoded_all_the_same_if_it_is_another_one() -> None:
    kind, store = FakeKind(), Store[str]()
    first = kind.put("a", value="first")
    async with running(make(kind, store)):
        await asyncio.sleep(60)
        kind.objects["shop", "a"] = {"metadata": {**first["metadata"], "uid": "other"}, "value": "second"}
        await list_anew(kind)

        assert contents(store) == {"a": "second"}


async def test_an_unreadable_object_that_went_and_came_again_is_named_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kind, store = FakeKind(), Store[str]()
    unreadable = kind.put("a")
    async with running(make(kind, store)):
        await settle()
        await list_anew(kind)
        assert len(ignored(caplog)) == 1
        del kind.objects["shop", "a"]
        await list_anew(kind)
        kind.objects["shop", "a"] = unreadable
        await list_anew(kind)

        assert len(ignored(caplog)) == 2


async def test_a_version_that_was_unreadable_is_named_again_once_another_could_be_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    decoder = ObjectDecoder("widgets", Store[str](), decode)

    def body(version: str, **fields: Any) -> dict[str, Any]:
        return {"metadata": {"namespace": "shop", "name": "a", "resourceVersion": version}, **fields}

    decoder.read(body("5"))
    decoder.read(body("5"))
    assert len(ignored(caplog)) == 1
    assert decoder.read(body("6", value="good")).entry == Entry("shop", "a", "", "6", "good")
    # As after a restore from a backup.
    decoder.read(body("5"))

    assert len(ignored(caplog)) == 2


async def test_of_a_long_reason_not_to_read_an_object_only_the_beginning_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(body: dict[str, Any]) -> str:
        raise ValueError("x" * 100_000)

    kind = FakeKind()
    kind.put("a")
    async with running(make(kind, Store[str](), decode=refuse)):
        await settle()

    assert [one.count("x") for one in ignored(caplog)] == [TEXT_MAX_CHARS - len("ValueError: ")]
