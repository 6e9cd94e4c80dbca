"""A member's namespace that finalizers hold, as a real API server has it."""

from __future__ import annotations

import re
import shlex
from uuid import uuid4

import pytest

from mcs_controller.api.resources import EXPORTED_SERVICES, NAMESPACES
from mcs_controller.cli.namespace_end import gone, what_holds_up
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import load_kubeconfig
from tests.controllers.mars import record
from tests.integration.conftest import Product
from tests.realkube.plugin import BROKER
from tests.support.waiting import eventually

EXPORT = {"apiVersion": EXPORTED_SERVICES.api_version, "kind": EXPORTED_SERVICES.kind}
pytestmark = [pytest.mark.realkube, pytest.mark.slow]


async def test_what_holds_a_namespace_up_is_named_and_the_command_that_is_told_lets_it_go(
    real_product: Product,
) -> None:
    broker = real_product.clusterset[BROKER]
    admin = Client(load_kubeconfig(broker.kubeconfig()))
    name = f"mcs-member-held-{uuid4().hex[:8]}"
    try:
        namespace = await admin.create(NAMESPACES, {"metadata": {"name": name}})
        metadata = {"name": "shop.web", "namespace": name, "finalizers": ["example.com/mine"]}
        await admin.create(EXPORTED_SERVICES, {**EXPORT, "metadata": metadata, "spec": record()})
        await admin.delete(NAMESPACES, name)

        async def told() -> str:
            return await what_holds_up(admin, name)

        why = await eventually(told, lambda said: "Some content in the namespace" in said)
        assert "ExportedService shop.web (finalizers: example.com/mine)" in why
        assert "example.com/mine in 1 resource instances" in why
        command = re.search("`kubectl (.*)`", why)
        assert command is not None
        await broker.kubectl(*shlex.split(command[1]))
        assert await gone(admin, namespace)
    finally:
        await admin.close()
