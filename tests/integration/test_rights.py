"""The rights in the charts are those that the components use, both ways.

One story in which agents and DNS servers do all that they ever do, on API servers that write down what they
were asked: what no rule allows is refused, and a rule that nothing used is one too many.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from mcs_controller.api.names import CLUSTERSET_PROPERTY
from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    ENDPOINT_SLICES,
    EVENTS,
    EXPORT_POLICIES,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    IMPORT_POLICIES,
    MEMBER_CLUSTERS,
    MEMBER_REPORTS,
    SERVICE_EXPORT_POLICIES,
    SERVICES,
    Resource,
    cluster_properties,
)
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import load_kubeconfig
from mcs_controller.kube.errors import NotFound
from tests.api.rbac import Right, granted_by
from tests.controllers.test_identity import about_crd, cluster_property
from tests.integration.conftest import Product, World, real
from tests.integration.real_site import RealSite
from tests.integration.sites import EAST, WEST, StorySite
from tests.realkube.audit import AuditLog
from tests.realkube.mounting import MountedSecret
from tests.realkube.plugin import BROKER, MEMBERS
from tests.realkube.tokens import token_for_seconds
from tests.support import crds
from tests.support.objects import EXPORTS, IMPORTS, body, service_body
from tests.support.site import DERIVED_SERVICE
from tests.support.waiting import eventually

pytestmark = [pytest.mark.realkube, pytest.mark.slow]

AGENT, DNS, MEMBER = "mcs-system:mcs-agent", "mcs-system:mcs-dns", "mcs-member-east:member"
PORTS_HOLD_SECONDS = 0.5
POLICY_CRDS = tuple(one.crd_name for one in (EXPORT_POLICIES, IMPORT_POLICIES, SERVICE_EXPORT_POLICIES))
BULK = {"bulk": "yes"}
GRANTED = {
    AGENT: granted_by("agent")
    | granted_by("agent-lease")
    | granted_by("agent-properties")
    | granted_by("agent-managed-properties")
    | granted_by("agent-reports")
    | granted_by("agent-policies")
    | granted_by("agent-service-export-policies")
    | granted_by("agent-credential"),
    DNS: granted_by("dns"),
    MEMBER: granted_by("broker-reader") | granted_by("broker-member"),
}


class Asked(NamedTuple):
    account: str
    right: Right
    allowed: bool


class Audit:
    """What the components that GRANTED names have asked since the API servers were started."""

    def __init__(self, product: Product) -> None:
        self._logs = [AuditLog(product.clusterset[name].audit_log) for name in (BROKER, *MEMBERS)]
        self.asked: list[Asked] = []
        self.written_services: list[Any] = []

    async def unused(self) -> dict[str, set[Right]]:
        """By account, what is granted and was never asked for, until now."""
        for request in (request for log in self._logs for request in log.more()):
            if request.account in GRANTED:
                right = Right(request.group, request.resource, request.verb)
                self.asked.append(Asked(request.account, right, request.allowed))
                if right.resource == "services" and request.body is not None:
                    self.written_services.append(request.body)
        used = {(one.account, one.right) for one in self.asked}
        left = {
            account: {right for right in rights if (account, right) not in used}
            for account, rights in GRANTED.items()
        }
        return {account: rights for account, rights in left.items() if rights}


def only_deletes(rights: set[Right]) -> bool:
    return all(right.verb == "delete" for right in rights)


@contextlib.asynccontextmanager
async def cluster_id_from_property(site: StorySite) -> AsyncIterator[None]:
    """The cluster has a ClusterProperty while the block runs; the agent is started anew, and so reads it."""
    version = "v1alpha1"
    await site.api.create(CUSTOM_RESOURCE_DEFINITIONS, about_crd(version))
    try:
        said = cluster_property(version, site.name)
        await crds.create_once_served(site.api, cluster_properties(version), said)
        await site.restart_agent()
        yield
    finally:
        await site.api.delete(CUSTOM_RESOURCE_DEFINITIONS, about_crd(version)["metadata"]["name"])


async def clusterset_is_called(broker: Client, name: str | None) -> None:
    spec = {"spec": {"clusterset": name}}
    await broker.patch(MEMBER_CLUSTERS, "east", spec, namespace="mcs-member-east")


async def clusterset_is_put_back(site: StorySite) -> None:
    """The agent has set the property, and changes it back when somebody edits it; both of real servers."""
    properties = cluster_properties("v1alpha1")

    async def value() -> str | None:
        with contextlib.suppress(NotFound):
            found = await site.api.get(properties, CLUSTERSET_PROPERTY)
            return str(found["spec"]["value"])
        return None

    await eventually(value, lambda found: found == "prod")
    await site.api.patch(properties, CLUSTERSET_PROPERTY, {"spec": {"value": "other"}})
    await eventually(value, lambda found: found == "prod")

    async def reasons() -> set[str]:
        told = (await site.api.list(EVENTS, namespace="default")).items
        return {one["reason"] for one in told if one["regarding"].get("name") == CLUSTERSET_PROPERTY}

    await eventually(reasons, lambda found: found == {"PropertyPutBack"})


async def policies_decide(site: RealSite) -> None:
    """The next agent of the site asks policies, which allow everything."""
    await site.install(*POLICY_CRDS)
    for kind in (EXPORT_POLICIES, IMPORT_POLICIES):
        await crds.create_once_served(site.api, kind, body(kind, "all", spec={"action": "Allow"}))
    site.agent_options = (*site.agent_options, "--export-policies", "--import-policies")


async def policies_export(site: RealSite, namespace: str) -> None:
    """The next agent of the site exports what is labelled, as does a new Service of the namespace."""
    selector = {"serviceSelector": {"matchLabels": BULK}}
    policy = body(SERVICE_EXPORT_POLICIES, "bulk", namespace, spec=selector)
    await crds.create_once_served(site.api, SERVICE_EXPORT_POLICIES, policy)
    made = service_body("bulk", namespace)
    made["metadata"]["labels"] = BULK
    await site.api.create(SERVICES, made)
    site.agent_options = (*site.agent_options, "--service-export-policies")


async def credential_is_due(site: RealSite, product: Product) -> MountedSecret:
    """The next agent of the site has a token of which most is over, and renews it in a Secret."""
    folder = product.work_dir / f"mounted-{uuid4().hex[:8]}"
    folder.mkdir()
    broker, namespace = product.clusterset[BROKER], f"mcs-member-{site.name}"
    whole = await broker.service_account_kubeconfig(namespace, "member")
    old = await token_for_seconds(broker, namespace, "member", 1200, age_seconds=3000)
    config = json.loads(whole.read_text())
    config["users"][0]["user"]["token"] = old
    secret = MountedSecret(site.plane, "mcs-system", "mcs-broker", folder)
    await secret.create(kubeconfig=json.dumps(config).encode())
    site.credential = folder / "kubeconfig"
    site.agent_options = ("--broker-renew-in=mcs-system/mcs-broker",)
    return secret


@contextlib.asynccontextmanager
async def trouble(world: World, broker: Client) -> AsyncIterator[None]:
    """While the block runs, whoever writes what follows from east's export meets conflicts.

    Its ports change, sometimes to those of west, and somebody else writes all these objects, without a pause.
    """
    namespace, east, west = world.namespace, world["east"], world["west"]
    derived = (await west.ready_import(namespace, "web", ["east", "west"]))["metadata"]["annotations"][
        DERIVED_SERVICE
    ]
    selector = "multicluster.kubernetes.io/service-name=web,multicluster.kubernetes.io/source-cluster=east"
    await eventually(lambda: west.ready_addresses_of(namespace, "web"), lambda seen: len(seen) == 3)
    (imported,) = (await west.api.list(ENDPOINT_SLICES, namespace=namespace, label_selector=selector)).items
    own = (await broker.list(EXPORTED_ENDPOINT_SLICES, namespace="mcs-member-east")).items
    (exported,) = (
        one["metadata"]["name"] for one in own if one["metadata"]["name"].startswith(f"{namespace}.web")
    )
    objects = [
        (east.api, EXPORTS, namespace, "web"),
        (west.api, IMPORTS, namespace, "web"),
        (west.api, SERVICES, namespace, derived),
        (west.api, ENDPOINT_SLICES, namespace, imported["metadata"]["name"]),
        (broker, EXPORTED_SERVICES, "mcs-member-east", f"{namespace}.web"),
        (broker, EXPORTED_ENDPOINT_SLICES, "mcs-member-east", exported),
    ]

    async def change_ports() -> None:
        for step in itertools.count():
            ports = [{"name": "http", "port": 80 + step % 2, "targetPort": 8080 + step % 2}]
            await east.api.patch(SERVICES, "web", {"spec": {"ports": ports}}, namespace=namespace)
            await asyncio.sleep(PORTS_HOLD_SECONDS)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(touch(*one)) for one in objects]
        tasks.append(group.create_task(change_ports()))
        yield
        for task in tasks:
            task.cancel()


async def touch(api: Client, resource: Resource, namespace: str, name: str) -> None:
    for number in itertools.count():
        seen = {"metadata": {"annotations": {"example.com/seen": str(number)}}}
        with contextlib.suppress(NotFound):
            await api.patch(resource, name, seen, namespace=namespace)


@pytest.mark.timeout(300)
@pytest.mark.requirement(
    "MCS-RBAC-03", "MCS-RBAC-05", "MCS-RBAC-06", "MCS-IMP-20", "ABT-08", "ABT-14", "CP-12", "CP-16"
)
async def test_every_request_is_allowed_by_our_rules_and_every_rule_is_used(real_product: Product) -> None:
    async with contextlib.AsyncExitStack() as stack:
        world = await stack.enter_async_context(real(real_product, f"rights-{uuid4().hex[:8]}"))
        broker = Client(load_kubeconfig(real_product.clusterset[BROKER].kubeconfig()))
        stack.push_async_callback(broker.close)
        audit = Audit(real_product)
        await audit.unused()
        asked_before = len(audit.asked)
        east = world["east"]
        assert isinstance(east, RealSite)
        mounted = await credential_is_due(east, real_product)
        stack.push_async_callback(mounted.delete)
        stack.push_async_callback(crds.remove, east.api, *POLICY_CRDS)
        await policies_decide(east)
        stack.push_async_callback(clusterset_is_called, broker, None)
        await clusterset_is_called(broker, "prod")
        east.agent_options = (*east.agent_options, "--manage-properties", "--report-to-inventory")
        await policies_export(east, world.namespace)
        before = await mounted.read()
        async with mounted.followed(), cluster_id_from_property(east):
            assert await eventually(mounted.read, lambda found: found != before)
            await clusterset_is_put_back(east)
            for name, backends in (("east", EAST), ("west", WEST)):
                await world[name].service(world.namespace, "web", *backends)
                await world[name].export(world.namespace, "web")

        async with trouble(world, broker):
            await eventually(audit.unused, lambda left: all(map(only_deletes, left.values())), 120)
        said = (await broker.get(MEMBER_REPORTS, "report", "mcs-member-east"))["spec"]
        assert said["kubernetesVersion"] == (await east.api.get_raw("/version"))["gitVersion"]
        assert (said["controlPlane"]["status"], said["controlPlane"]["reason"]) == ("True", "Healthy")
        # Made for the policy; with its Service it goes.
        assert await east.export_of(world.namespace, "bulk") is not None
        await east.api.delete(SERVICES, "bulk", namespace=world.namespace)
        await eventually(lambda: east.export_of(world.namespace, "bulk"), lambda found: found is None, 60)
        for name in ("east", "west"):
            await world[name].unexport(world.namespace, "web")
        for site in world:
            await site.no_import(world.namespace, "web")

        await eventually(audit.unused, lambda left: not left)
    assert [one for one in audit.asked[asked_before:] if not one.allowed] == []
    # An API server lets everybody ask what it serves, which is about no resource.
    assert {(one.account, one.right) for one in audit.asked if one.right not in GRANTED[one.account]} == set()
    # Sent bodies have what the API server's types fill in, so an empty status is nobody's.
    assert audit.written_services
    assert {str(one.get("status")) for one in audit.written_services} == {"{'loadBalancer': {}}"}
