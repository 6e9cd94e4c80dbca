"""`mcs-controller explain` against real API servers: what they let each kind of user read is enough."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mcs_controller.api.resources import ROLE_BINDINGS
from tests.cli.program import run
from tests.integration.conftest import Product, real
from tests.integration.sites import EAST
from tests.realkube.plugin import BROKER
from tests.support.objects import body
from tests.support.waiting import eventually

pytestmark = [pytest.mark.realkube, pytest.mark.slow]


async def explained(service: str, kubeconfig: Path, *words: str | Path) -> dict[str, Any]:
    ended = await run("explain", service, "--kubeconfig", kubeconfig, "-o", "json", *words)
    assert (ended.exit_code, ended.stderr) == (0, "")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


async def test_a_member_s_credential_and_the_view_role_say_why_a_service_works(real_product: Product) -> None:
    broker, north = real_product.clusterset[BROKER], real_product.clusterset["north"]
    member = await broker.service_account_kubeconfig("mcs-member-north", "member")
    dns = ("--dns", real_product.dns_addresses["north"])
    async with real(real_product, "explained") as world:
        service = f"{world.namespace}/web"
        await world["east"].service(world.namespace, "web", *EAST)
        await world["east"].export(world.namespace, "web")
        await world["north"].ready_import(world.namespace, "web", ["east"])
        await world["north"].has_addresses(world.namespace, "web", *(one.ip for one in EAST))

        seen = await explained(service, north.kubeconfig(), "--broker-kubeconfig", member, *dns)
        assert seen["verdict"]["state"] == "works", seen["findings"]
        assert seen["here"]["cluster"] == "north"
        assert [(one["cluster"], one["rank"]) for one in seen["exporters"]] == [("east", 1)]
        assert seen["dns"]["answers"]
        assert all(one["right"] for one in seen["dns"]["answers"])
        assert [one["id"] for one in seen["findings"]] == []

        # Who may only view one namespace is told what could not be read, and sees the rest.
        binding = body(
            ROLE_BINDINGS,
            "viewer",
            world.namespace,
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            subjects=[{"kind": "ServiceAccount", "name": "default", "namespace": world.namespace}],
        )
        await world["north"].api.create(ROLE_BINDINGS, binding)
        viewer = await north.service_account_kubeconfig(world.namespace, "default")
        words = ("--broker-kubeconfig", member, "--cluster-id", "north", *dns)

        # The API server authorizes by what it has watched, a moment after it was written.
        seen = await eventually(
            lambda: explained(service, viewer, *words), lambda found: found["here"]["namespace"] == "active"
        )
        assert seen["verdict"]["state"] == "works", seen["findings"]
        assert seen["here"]["cluster"] == "north"
        (lease,) = seen["unknown"]
        assert "Lease" in lease["what"]
