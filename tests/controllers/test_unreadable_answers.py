"""What a writer makes of an answer that its rules cannot read."""

from collections.abc import Mapping
from typing import Any

import pytest

from mcs_controller.api.resources import SERVICES
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.controllers.runtime.object_writer import ObjectWriter
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import DecodeError
from mcs_controller.kube.store import Store

pytestmark = pytest.mark.looptime

BODY = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"ports": [{"port": 80}]}}


def malformed(raw: Mapping[str, Any]) -> str:
    raise MalformedObject("ports has 101 items")


async def test_an_object_that_comes_back_malformed_is_an_error_that_costs_this_object_only(
    client: Client,
) -> None:
    store: Store[str] = Store()
    with pytest.raises(DecodeError, match="web cannot be read as the server holds it: ports has 101 items"):
        await ObjectWriter(client, lambda: SERVICES, store, malformed).create(BODY)
    assert store.get("shop", "web") is None


async def test_an_object_that_the_server_made_another_of_is_an_error_of_the_server(client: Client) -> None:
    with pytest.raises(DecodeError, match="the server answered with web as an object that is not ours"):
        await ObjectWriter(client, lambda: SERVICES, Store[str](), lambda _: None).create(BODY)
