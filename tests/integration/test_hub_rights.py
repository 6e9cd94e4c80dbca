"""The rights of the hub in the charts are those that it uses, both ways.

All that a hub ever does, on an API server that writes down what it was asked: what no rule allows is refused,
and a rule that nothing used is one too many.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import MEMBER_CLUSTERS, NAMESPACES, cluster_profiles
from mcs_controller.cli.hub import make_hub
from mcs_controller.clusterset.inventory import absence
from mcs_controller.controllers.config import HubConfig
from mcs_controller.install.rights import INVENTORY
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.connection.config import load_kubeconfig
from mcs_controller.kube.errors import NotFound
from tests.api.rbac import Right, granted_by
from tests.integration.conftest import Product
from tests.realkube import product
from tests.realkube.audit import AuditLog
from tests.realkube.controlplane import ControlPlane
from tests.realkube.plugin import BROKER
from tests.support.waiting import eventually

pytestmark = [pytest.mark.realkube, pytest.mark.slow]

HUB = "mcs-system:mcs-hub"
CLUSTERSET = "multicluster.x-k8s.io/clusterset"
CREATE = Right("multicluster.x-k8s.io", "clusterprofiles", "create")
"""Asked for by the API server itself where an apply finds nothing; its log says that it was a patch."""
GRANTED = granted_by("broker-hub") | granted_by("broker-hub-inventory") | granted_by("broker-hub-lease")


class Audit:
    """What the hub has asked for, and whether that was allowed."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log
        self.asked: dict[Right, bool] = {}

    async def unused(self) -> set[Right]:
        """What is granted and was never asked for, until now."""
        for request in self._log.more():
            if request.account == HUB:
                right = Right(request.group, request.resource, request.verb)
                self.asked[right] = self.asked.get(right, True) and request.allowed
        return GRANTED - self.asked.keys() - {CREATE}


@contextlib.asynccontextmanager
async def member_of_one_clusterset(plane: ControlPlane, api: Client) -> AsyncIterator[str]:
    """A member that no cluster is, and all members have the name of their clusterset."""
    name = f"hub-{uuid4().hex[:8]}"
    await plane.kubectl("apply", "-f", "-", stdin=product.member_manifest(name))
    before = (await api.list(MEMBER_CLUSTERS)).items

    async def called(clusterset: str | None) -> None:
        for one in before:
            place = one["metadata"]["namespace"]
            with contextlib.suppress(NotFound):
                spec = {"spec": {"clusterset": clusterset}}
                await api.patch(MEMBER_CLUSTERS, one["metadata"]["name"], spec, namespace=place)

    await called("prod")
    try:
        yield name
    finally:
        await called(None)
        await api.patch(NAMESPACES, INVENTORY, {"metadata": {"labels": {CLUSTERSET: None}}})
        for one in (await api.list(cluster_profiles(), namespace=INVENTORY)).items:
            await api.delete(cluster_profiles(), one["metadata"]["name"], namespace=INVENTORY)
        await plane.kubectl("delete", "-f", "-", "--ignore-not-found", stdin=product.member_manifest(name))


@pytest.mark.timeout(240)
@pytest.mark.requirement("CP-06")
async def test_every_request_of_the_hub_is_allowed_and_every_rule_is_used(
    real_product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = real_product.clusterset[BROKER]
    audit = Audit(AuditLog(plane.audit_log))
    async with contextlib.AsyncExitStack() as stack:
        api = Client(load_kubeconfig(plane.kubeconfig()))
        stack.push_async_callback(api.close)
        member = await stack.enter_async_context(member_of_one_clusterset(plane, api))
        name = f"mcs-controller.{member}"

        async def is_there() -> bool:
            with contextlib.suppress(NotFound):
                await api.get(cluster_profiles(), name, INVENTORY)
                return True
            return False

        hub = await product.start_hub(plane, real_product.work_dir)
        with product.killed_in_the_end(hub):
            await hub.wait_ready()
            assert await eventually(is_there, bool)

            async def label() -> str | None:
                found = await api.get(NAMESPACES, INVENTORY)
                value: str | None = found["metadata"].get("labels", {}).get(CLUSTERSET)
                return value

            await eventually(label, lambda found: found == "prod", 30)

            def only_deletes(left: set[Right]) -> bool:
                return all(right.verb == "delete" for right in left)

            # Its Lease is renewed after seconds.
            await eventually(audit.unused, only_deletes, 30)
        # The profile of who is no member goes after minutes: here a hub with its credential does not wait.
        monkeypatch.setattr(absence, "REMOVED_AFTER_SECONDS", 0.2)
        monkeypatch.setattr(absence, "FORGOTTEN_AFTER_SECONDS", 0.4)
        await api.delete(MEMBER_CLUSTERS, member, namespace=f"mcs-member-{member}")
        file = await plane.service_account_kubeconfig("mcs-system", "mcs-hub")
        own = Client(load_kubeconfig(file), name="broker")
        stack.push_async_callback(own.close)
        quick = make_hub(
            HubConfig(interval_seconds=0.2),
            own,
            clock=SystemClock(),
            random=Random(),
            registry=CollectorRegistry(),
        )
        running = asyncio.create_task(quick.run())
        try:
            await eventually(is_there, lambda found: not found, 60)
        finally:
            running.cancel()
            await asyncio.wait([running])
        await eventually(audit.unused, lambda left: not left)
    assert {right for right, allowed in audit.asked.items() if not allowed} == set()
    assert audit.asked.keys() - GRANTED == set()
