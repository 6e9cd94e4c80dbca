"""A real kube-apiserver holds each component to the rights in the charts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import yaml

from mcs_controller.api import resources
from mcs_controller.api.resources import Resource
from mcs_controller.install.rights import COMPONENTS, rights_of
from tests.api.documents import (
    EXPORT_POLICY,
    EXPORTED_ENDPOINT_SLICE,
    EXPORTED_SERVICE,
    MEMBER_CLUSTER,
    MICRO_NOW,
    RESOURCES,
    SERVICE_EXPORT,
    SERVICE_EXPORT_POLICY,
    SERVICE_IMPORT,
    JsonObject,
)
from tests.api.rbac import rights, roles
from tests.realkube import rest
from tests.realkube.controlplane import ControlPlane
from tests.realkube.rest import MERGE_PATCH, Response

pytestmark = pytest.mark.realkube

BULK_ROLE = "mcs-agent-service-export-policies"
SECRETS = Resource("", "v1", "secrets", "Secret")
CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap")
PROPERTIES = resources.cluster_properties()
LEASE: JsonObject = {"metadata": {"name": "mcs-agent"}, "spec": {"holderIdentity": "a"}}
SLICE: JsonObject = {
    "metadata": {"name": "web-east", "labels": {"multicluster.kubernetes.io/source-cluster": "east"}},
    "addressType": "IPv4",
    "ports": [],
    "endpoints": [{"addresses": ["10.1.0.1"]}],
}
DERIVED: JsonObject = {"metadata": {"name": "derived-web"}, "spec": {"ports": [{"port": 80}]}}
EVENT: JsonObject = {
    "metadata": {"name": "web.1"},
    "eventTime": MICRO_NOW,
    "reportingController": "mcs-controller.io/agent",
    "reportingInstance": "agent-0",
    "action": "Export",
    "reason": "Conflict",
    "type": "Warning",
}
HEARTBEAT = {"status": {"heartbeat": MICRO_NOW}}


class Someone:
    """A caller of the API, known by user name or by token. Its methods give the HTTP status of the answer."""

    def __init__(self, plane: ControlPlane, *, user: str = "", token: str = "") -> None:
        self._plane, self._user, self._token = plane, user, token

    async def ask(
        self, method: str, path: str, body: Any = None, content_type: str | None = None
    ) -> Response:
        if self._user:
            return await self._plane.request(method, path, body, user=self._user, content_type=content_type)
        return await rest.send(
            self._plane.url,
            method,
            path,
            ca_file=self._plane.ca_file,
            token=self._token,
            body=body,
            content_type=content_type,
        )

    async def may(self, verb: str, resource: Resource, namespace: str = "", subresource: str = "") -> bool:
        """What the API server says when asked about the caller's own rights."""
        attributes = {
            "verb": verb,
            "group": resource.group,
            "resource": resource.plural,
            "subresource": subresource,
            "namespace": namespace,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = await self.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        allowed: bool = answer.body["status"]["allowed"]
        return allowed

    async def creates(self, resource: Resource, namespace: str, body: JsonObject) -> int:
        head = {"apiVersion": resource.api_version, "kind": resource.kind}
        metadata = {**({"namespace": namespace} if namespace else {}), **body["metadata"]}
        document = {**head, **body, "metadata": metadata}
        return (await self.ask("POST", resource.path(namespace), document)).status

    async def patches(
        self, resource: Resource, namespace: str, name: str, change: JsonObject, subresource: str = ""
    ) -> int:
        path = resource.path(namespace, name, subresource)
        return (await self.ask("PATCH", path, change, MERGE_PATCH)).status

    async def updates(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        change: JsonObject,
        *,
        reader: Someone | None = None,
    ) -> int:
        """Replaces the object with what `reader` (or the caller) reads, changed at the top."""
        path = resource.path(namespace, name)
        held = await (reader or self).ask("GET", path)
        return (await self.ask("PUT", path, {**held.body, **change})).status

    async def lists(self, resource: Resource, namespace: str = "") -> int:
        return (await self.ask("GET", resource.path(namespace))).status

    async def gets(self, resource: Resource, namespace: str, name: str) -> int:
        return (await self.ask("GET", resource.path(namespace, name))).status

    async def deletes(self, resource: Resource, namespace: str, name: str) -> int:
        return (await self.ask("DELETE", resource.path(namespace, name))).status

    async def deletes_all(self, resource: Resource, namespace: str) -> int:
        return (await self.ask("DELETE", resource.path(namespace))).status


def binding_of(role: str) -> JsonObject:
    bound = [one for one in rights_of(*COMPONENTS) if one.get("roleRef", {}).get("name") == role]
    assert len(bound) == 1
    return bound[0]


@pytest.fixture(scope="module")
def rbac(crds: ControlPlane) -> ControlPlane:
    """The API server with what `mcs-controller rbac` prints, and what that leaves unbound given to users.

    The account `bulk` has what the agent has more with --service-export-policies, and the agent is without.
    """

    async def install() -> None:
        printed = [one for one in rights_of(*COMPONENTS) if one != binding_of(BULK_ROLE)]
        await crds.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(printed))
        await crds.kubectl("create", "serviceaccount", "bulk", "--namespace=mcs-system")
        await crds.kubectl(
            "create",
            "clusterrolebinding",
            "bulk",
            f"--clusterrole={BULK_ROLE}",
            "--serviceaccount=mcs-system:bulk",
        )
        for member in ("east", "west"):
            space, user = f"--namespace=mcs-member-{member}", f"--user=member-{member}"
            await crds.kubectl("create", "namespace", f"mcs-member-{member}")
            await crds.kubectl(
                "create", "rolebinding", "member", "--clusterrole=mcs-broker-member", space, user
            )
            await crds.kubectl(
                "create", "clusterrolebinding", f"member-{member}", "--clusterrole=mcs-broker-reader", user
            )
        for user in ("viewer", "editor"):
            await crds.kubectl(
                "create", "clusterrolebinding", user, f"--clusterrole=mcs-{user}", f"--user={user}"
            )

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(install())
    return crds


@pytest.fixture
def admin(rbac: ControlPlane) -> Someone:
    return Someone(rbac, user="admin")


@pytest.fixture
def east(rbac: ControlPlane) -> Someone:
    """The member `east`, on the broker."""
    return Someone(rbac, user="member-east")


async def account(plane: ControlPlane, name: str) -> Someone:
    path = f"/api/v1/namespaces/mcs-system/serviceaccounts/{name}/token"
    answer = await plane.call("POST", path, {"spec": {"expirationSeconds": 3600}})
    return Someone(plane, token=answer["status"]["token"])


@pytest.fixture
async def agent(rbac: ControlPlane) -> Someone:
    return await account(rbac, "mcs-agent")


@pytest.fixture
async def dns(rbac: ControlPlane) -> Someone:
    return await account(rbac, "mcs-dns")


async def test_the_api_server_keeps_every_role_as_written(rbac: ControlPlane) -> None:
    for role in (role for component in COMPONENTS for role in roles(component)):
        metadata = role["metadata"]
        where = f"namespaces/{metadata['namespace']}/roles" if "namespace" in metadata else "clusterroles"
        found = await rbac.call("GET", f"/apis/rbac.authorization.k8s.io/v1/{where}/{metadata['name']}")
        assert rights(found) == rights(role)


async def test_the_agent_answers_policies_and_neither_makes_nor_changes_nor_deletes_one(
    rbac: ControlPlane, admin: Someone, agent: Someone
) -> None:
    resource, name = resources.EXPORT_POLICIES, EXPORT_POLICY["metadata"]["name"]
    await admin.deletes(resource, "", name)
    assert await admin.creates(resource, "", EXPORT_POLICY) == 201

    assert await agent.lists(resource) == 200
    assert await agent.patches(resource, "", name, {"status": {"conditions": []}}, "status") == 200
    assert await agent.patches(resource, "", name, {"spec": {"action": "Allow"}}) == 403
    assert await agent.deletes(resource, "", name) == 403
    assert await agent.creates(resource, "", EXPORT_POLICY) == 403
    assert await Someone(rbac, user="editor").lists(resource) == 403


@pytest.mark.requirement("MCS-RBAC-06")
@pytest.mark.parametrize("valid", [EXPORTED_SERVICE, EXPORTED_ENDPOINT_SLICE], ids=lambda one: one["kind"])
async def test_a_member_writes_its_exports_in_its_own_namespace_and_in_no_other(
    admin: Someone, east: Someone, valid: JsonObject
) -> None:
    resource, name = RESOURCES[valid["kind"]], valid["metadata"]["name"]
    assert await east.creates(resource, "mcs-member-east", valid) == 201
    assert await east.updates(resource, "mcs-member-east", name, {}) == 200
    assert await east.deletes(resource, "mcs-member-east", name) == 200

    assert await admin.creates(resource, "mcs-member-west", valid) == 201
    assert await east.creates(resource, "mcs-member-west", {**valid, "metadata": {"name": "new"}}) == 403
    assert await east.gets(resource, "mcs-member-west", name) == 403
    assert await east.updates(resource, "mcs-member-west", name, {}, reader=admin) == 403
    assert await east.patches(resource, "mcs-member-west", name, {}) == 403
    assert await east.deletes(resource, "mcs-member-west", name) == 403
    assert await east.deletes_all(resource, "mcs-member-east") == 403
    assert await admin.deletes(resource, "mcs-member-west", name) == 200


@pytest.mark.requirement("MCS-RBAC-06")
async def test_a_member_says_how_it_is_but_not_what_it_may_do(admin: Someone, east: Someone) -> None:
    resource = resources.MEMBER_CLUSTERS
    assert await east.creates(resource, "mcs-member-east", MEMBER_CLUSTER) == 403
    for member in ("east", "west"):
        document = {**MEMBER_CLUSTER, "metadata": {"name": member}}
        assert await admin.creates(resource, f"mcs-member-{member}", document) == 201
    assert await east.patches(resource, "mcs-member-east", "east", HEARTBEAT, "status") == 200
    assert await east.patches(resource, "mcs-member-east", "east", {"spec": {"podCIDRs": []}}) == 403
    assert await east.patches(resource, "mcs-member-west", "west", HEARTBEAT, "status") == 403
    assert await east.deletes(resource, "mcs-member-east", "east") == 403


@pytest.mark.requirement("MCS-RBAC-06", "CP-09")
async def test_a_member_tells_of_itself_in_one_object_and_of_no_other_member(
    admin: Someone, east: Someone
) -> None:
    resource, own, other = resources.MEMBER_REPORTS, "mcs-member-east", "mcs-member-west"
    body: JsonObject = {"metadata": {"name": "report"}, "spec": {"kubernetesVersion": "v1.36.4"}}
    change = {"spec": {"kubernetesVersion": "v1.36.5"}}
    assert await east.creates(resource, own, body) == 201
    assert await east.updates(resource, own, "report", change) == 200
    assert await east.gets(resource, own, "report") == 200

    assert await admin.creates(resource, other, body) == 201
    assert await east.gets(resource, other, "report") == 403
    assert await east.updates(resource, other, "report", change, reader=admin) == 403
    assert await east.patches(resource, other, "report", change) == 403
    assert await east.deletes(resource, other, "report") == 403
    assert await east.creates(resource, other, {**body, "metadata": {"name": "another"}}) == 403
    assert await east.lists(resource) == 403
    for namespace in (own, other):
        assert await admin.deletes(resource, namespace, "report") == 200


@pytest.mark.requirement("MCS-RBAC-06")
async def test_a_member_reads_what_all_members_publish_and_nothing_else_on_the_broker(
    east: Someone,
) -> None:
    published = (resources.MEMBER_CLUSTERS, resources.EXPORTED_SERVICES, resources.EXPORTED_ENDPOINT_SLICES)
    for resource in published:
        assert await east.lists(resource) == 200
        assert await east.lists(resource, "mcs-member-west") == 200
    for resource in (SECRETS, CONFIGMAPS, resources.SERVICES, resources.LEASES, resources.NAMESPACES):
        assert await east.lists(resource) == 403
        assert await east.lists(resource, "mcs-member-east") == 403
    assert await east.creates(SECRETS, "mcs-member-east", {"metadata": {"name": "s"}}) == 403


@pytest.mark.requirement("MCS-RBAC-06")
async def test_a_member_cannot_give_itself_or_others_more_rights(east: Someone) -> None:
    group = "rbac.authorization.k8s.io"
    binding = {
        "metadata": {"name": "more"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "mcs-broker-member"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": "member-east"}],
    }
    bindings = Resource(group, "v1", "rolebindings", "RoleBinding")
    assert await east.creates(bindings, "mcs-member-west", binding) == 403
    assert await east.creates(bindings, "mcs-member-east", binding) == 403
    assert await east.creates(resources.NAMESPACES, "", {"metadata": {"name": "mcs-member-north"}}) == 403


@pytest.mark.requirement("MCS-RBAC-03")
async def test_the_agent_follows_exports_and_answers_in_their_status_only(
    admin: Someone, agent: Someone, namespace: str
) -> None:
    resource = resources.service_exports()
    assert await admin.creates(resource, namespace, SERVICE_EXPORT) == 201
    assert await agent.lists(resource) == 200
    assert await agent.may("watch", resource)
    assert await agent.patches(resource, namespace, "web", {"status": {"conditions": []}}, "status") == 200
    assert await agent.patches(resource, namespace, "web", {"spec": {"exportedLabels": {}}}) == 403
    assert await agent.creates(resource, namespace, {**SERVICE_EXPORT, "metadata": {"name": "new"}}) == 403
    assert await agent.deletes(resource, namespace, "web") == 403


@pytest.mark.requirement("MCS-RBAC-03")
async def test_for_service_export_policies_it_makes_and_deletes_exports_and_changes_none(
    rbac: ControlPlane, admin: Someone, namespace: str
) -> None:
    bulk = await account(rbac, "bulk")
    policies, exports = resources.SERVICE_EXPORT_POLICIES, resources.service_exports()
    name = SERVICE_EXPORT_POLICY["metadata"]["name"]
    assert await admin.creates(policies, namespace, SERVICE_EXPORT_POLICY) == 201
    assert await bulk.lists(policies) == 200
    assert await bulk.may("watch", policies)
    assert await bulk.patches(policies, namespace, name, {"status": {"conditions": []}}, "status") == 200
    assert await bulk.patches(policies, namespace, name, {"spec": {"serviceSelector": {}}}) == 403
    assert await bulk.deletes(policies, namespace, name) == 403
    assert await bulk.creates(policies, namespace, SERVICE_EXPORT_POLICY) == 403
    assert await bulk.creates(exports, namespace, SERVICE_EXPORT) == 201
    assert await bulk.patches(exports, namespace, "web", {"spec": {"exportedLabels": {}}}) == 403
    assert await bulk.patches(exports, namespace, "web", {"status": {"conditions": []}}, "status") == 403
    assert await bulk.deletes_all(exports, namespace) == 403
    assert await bulk.deletes(exports, namespace, "web") == 200


@pytest.mark.requirement("MCS-RBAC-03")
async def test_the_agent_writes_imports_derived_services_slices_and_events(
    agent: Someone, namespace: str
) -> None:
    imports = resources.service_imports()
    assert await agent.creates(imports, namespace, SERVICE_IMPORT) == 201
    status = {"status": SERVICE_IMPORT["status"]}
    assert await agent.patches(imports, namespace, "web", status, "status") == 200
    for resource, body in (
        (imports, SERVICE_IMPORT),
        (resources.SERVICES, DERIVED),
        (resources.ENDPOINT_SLICES, SLICE),
    ):
        name = body["metadata"]["name"]
        if resource is not imports:
            assert await agent.creates(resource, namespace, body) == 201
        assert await agent.updates(resource, namespace, name, {}) == 200
        assert await agent.deletes(resource, namespace, name) == 200
    regarding = {"kind": "ServiceExport", "name": "web", "namespace": namespace}
    assert await agent.creates(resources.EVENTS, namespace, {**EVENT, "regarding": regarding}) == 201
    series = {"series": {"count": 2, "lastObservedTime": MICRO_NOW}}
    assert await agent.patches(resources.EVENTS, namespace, "web.1", series) == 200


@pytest.mark.requirement("MCS-RBAC-03")
async def test_the_agent_learns_who_and_where_it_is(agent: Someone) -> None:
    assert await agent.gets(resources.NAMESPACES, "", "kube-system") == 200
    assert await agent.lists(resources.NAMESPACES) == 200
    # Which versions of the MCS API are served is discovery, which needs no right of its own.
    assert (await agent.ask("GET", f"/apis/{resources.MCS_GROUP}")).status == 200
    assert await agent.lists(resources.CUSTOM_RESOURCE_DEFINITIONS) == 403
    # Allowed, though it is not there: not found, and not forbidden.
    assert await agent.gets(PROPERTIES, "", "cluster.clusterset.k8s.io") == 404
    assert await agent.lists(PROPERTIES) == 200


@pytest.mark.requirement("ABT-14")
async def test_an_agent_that_keeps_the_two_well_known_properties_changes_no_others(
    admin: Someone, agent: Someone
) -> None:
    well_known = ("cluster.clusterset.k8s.io", "clusterset.k8s.io")
    value = {"spec": {"value": "east"}}
    await admin.deletes(PROPERTIES, "", "colour.example.com")
    assert await admin.creates(PROPERTIES, "", {**value, "metadata": {"name": "colour.example.com"}}) == 201
    for name in well_known:
        assert await agent.creates(PROPERTIES, "", {**value, "metadata": {"name": name}}) == 201
    change = {"spec": {"value": "west"}}
    for name, status in (*((name, 200) for name in well_known), ("colour.example.com", 403)):
        assert await agent.patches(PROPERTIES, "", name, change) == status
        assert await agent.deletes(PROPERTIES, "", name) == 403
        assert await admin.deletes(PROPERTIES, "", name) == 200


@pytest.mark.requirement("MCS-RBAC-03")
async def test_the_agents_leases_and_reads_end_where_its_work_ends(agent: Someone, namespace: str) -> None:
    assert await agent.creates(resources.LEASES, "mcs-system", LEASE) == 201
    path = resources.LEASES.path("mcs-system", "mcs-agent")
    held = await agent.ask("GET", path)
    assert (await agent.ask("PUT", path, held.body)).status == 200
    assert await agent.deletes(resources.LEASES, "mcs-system", "mcs-agent") == 403
    assert await agent.creates(resources.LEASES, namespace, LEASE) == 403
    # Read for reports (--report-to-inventory), wherever they are; nothing else is.
    for component in ("kube-scheduler", "kube-controller-manager"):
        assert await agent.gets(resources.LEASES, "kube-system", component) in (200, 404)
        assert await agent.patches(resources.LEASES, "kube-system", component, {}) == 403
    assert await agent.gets(resources.LEASES, "kube-system", "another") == 403
    assert await agent.gets(resources.LEASES, "mcs-system", "another") == 403
    for resource in (SECRETS, CONFIGMAPS, resources.EXPORTED_SERVICES):
        assert await agent.lists(resource) == 403
        assert await agent.lists(resource, "mcs-system") == 403


@pytest.mark.requirement("MCS-RBAC-03")
async def test_the_agent_writes_the_secret_of_its_credential_and_no_other(
    admin: Someone, agent: Someone, namespace: str
) -> None:
    data = {"data": {"kubeconfig": "bmV3"}}
    for place, name, status in (
        ("mcs-system", "mcs-broker", 200),
        ("mcs-system", "another", 403),
        (namespace, "mcs-broker", 403),
    ):
        assert await admin.creates(SECRETS, place, {"metadata": {"name": name}}) == 201
        assert await agent.patches(SECRETS, place, name, data) == status
        assert await agent.gets(SECRETS, place, name) == 403
        assert await agent.deletes(SECRETS, place, name) == 403
        assert await admin.deletes(SECRETS, place, name) == 200


@pytest.mark.requirement("MCS-RBAC-04")
async def test_the_agent_may_own_slices_by_their_import_where_the_cluster_checks_that(
    agent: Someone, admin: Someone, namespace: str
) -> None:
    """OwnerReferencesPermissionEnforcement is on; only what blocks the import's deletion is refused."""
    imports = resources.service_imports()
    assert await agent.creates(imports, namespace, SERVICE_IMPORT) == 201
    owner = (await admin.ask("GET", imports.path(namespace, "web"))).body
    reference = {
        "apiVersion": imports.api_version,
        "kind": imports.kind,
        "name": "web",
        "uid": owner["metadata"]["uid"],
    }

    def owned(name: str, **more: bool) -> JsonObject:
        return {**SLICE, "metadata": {"name": name, "ownerReferences": [{**reference, **more}]}}

    assert await agent.creates(resources.ENDPOINT_SLICES, namespace, owned("owned", controller=False)) == 201
    blocking = owned("blocking", blockOwnerDeletion=True)
    assert await agent.creates(resources.ENDPOINT_SLICES, namespace, blocking) == 403


@pytest.mark.requirement("MCS-RBAC-05")
async def test_the_dns_server_lists_and_watches_and_cannot_write(dns: Someone, namespace: str) -> None:
    imports, slices = resources.service_imports(), resources.ENDPOINT_SLICES
    for resource in (imports, slices):
        assert await dns.lists(resource) == 200
        assert await dns.may("watch", resource)
    assert await dns.creates(imports, namespace, SERVICE_IMPORT) == 403
    assert await dns.creates(slices, namespace, SLICE) == 403
    for resource in (SECRETS, resources.SERVICES, resources.NAMESPACES, resources.service_exports()):
        assert await dns.lists(resource) == 403


@pytest.mark.requirement("MCS-RBAC-01", "MCS-RBAC-02")
async def test_a_user_who_may_edit_exports_services_and_cannot_touch_imports(
    rbac: ControlPlane, admin: Someone, namespace: str
) -> None:
    viewer, editor = Someone(rbac, user="viewer"), Someone(rbac, user="editor")
    exports, imports = resources.service_exports(), resources.service_imports()
    assert await editor.creates(exports, namespace, SERVICE_EXPORT) == 201
    assert await editor.patches(exports, namespace, "web", {"spec": {"exportedLabels": {"a": "b"}}}) == 200
    assert await editor.patches(exports, namespace, "web", {"status": {}}, "status") == 403
    assert await editor.deletes(exports, namespace, "web") == 200
    policies, name = resources.SERVICE_EXPORT_POLICIES, SERVICE_EXPORT_POLICY["metadata"]["name"]
    assert await viewer.creates(policies, namespace, SERVICE_EXPORT_POLICY) == 403
    assert await editor.creates(policies, namespace, SERVICE_EXPORT_POLICY) == 201
    assert await editor.patches(policies, namespace, name, {"spec": {"serviceSelector": {}}}) == 200
    assert await editor.patches(policies, namespace, name, {"status": {}}, "status") == 403
    assert await editor.deletes(policies, namespace, name) == 200
    assert await admin.creates(imports, namespace, SERVICE_IMPORT) == 201
    for user in (viewer, editor):
        assert await user.creates(imports, namespace, {**SERVICE_IMPORT, "metadata": {"name": "new"}}) == 403
        assert await user.patches(imports, namespace, "web", {"spec": {"ips": []}}) == 403
        assert await user.patches(imports, namespace, "web", {"status": {}}, "status") == 403
        assert await user.deletes(imports, namespace, "web") == 403
    for resource in (exports, imports):
        assert await viewer.lists(resource, namespace) == 200
    assert await viewer.creates(exports, namespace, SERVICE_EXPORT) == 403


@pytest.mark.requirement("MCS-RBAC-01")
async def test_who_was_given_nothing_sees_nothing_of_ours(rbac: ControlPlane) -> None:
    nobody = Someone(rbac, user="nobody")
    for resource in RESOURCES.values():
        assert await nobody.lists(resource) == 403
