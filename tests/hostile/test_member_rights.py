"""With one member's credential on a real broker: all that RBAC refuses, over all that is served.

What the broker serves is asked of the broker itself, subresources included. Each verb on each of them is
tried in the member's own namespace, in another member's, in one of the cluster's, and at cluster scope. What
a member may do is written down once (`ALLOWED`); everything else must be 403. RBAC decides before a body is
looked at, so nothing is written by what is tried, not even by what is allowed.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from itertools import product as every
from typing import NamedTuple
from uuid import uuid4

import aiohttp
import pytest
import yaml

from tests.realkube import product
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane
from tests.realkube.plugin import BROKER

pytestmark = [pytest.mark.realkube, pytest.mark.timeout(240)]

OURS = "broker.mcs-controller.io"
PUBLISHED = (f"{OURS}/exportedservices", f"{OURS}/exportedendpointslices")
OWN, OTHER, SYSTEM, EVERYWHERE = "own namespace", "another member's", "kube-system", "cluster scope"
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")

ALLOWED = {
    *every(("list", "watch"), PUBLISHED, (OWN, OTHER, SYSTEM, EVERYWHERE)),
    *every(("list",), (f"{OURS}/memberclusters",), (OWN, OTHER, SYSTEM, EVERYWHERE)),
    *every(("get", "create", "update", "delete"), PUBLISHED, (OWN,)),
    ("get", f"{OURS}/memberclusters", OWN),
    ("patch", f"{OURS}/memberclusters/status", OWN),
    ("create", f"{OURS}/memberreports", OWN),
}
OF_EVERYBODY = {
    # What the API server lets every authenticated user ask about himself.
    ("create", "authorization.k8s.io/selfsubjectaccessreviews", EVERYWHERE),
    ("create", "authorization.k8s.io/selfsubjectrulesreviews", EVERYWHERE),
    ("create", "authentication.k8s.io/selfsubjectreviews", EVERYWHERE),
}
DANGEROUS = {
    "secrets", "configmaps", "events", "nodes", "nodes/proxy", "namespaces", "namespaces/finalize", "pods",
    "pods/exec", "pods/portforward", "serviceaccounts", "serviceaccounts/token", "services", "services/proxy",
    "resourcequotas", "coordination.k8s.io/leases", "events.k8s.io/events",
    "rbac.authorization.k8s.io/clusterrolebindings", "rbac.authorization.k8s.io/rolebindings",
    "rbac.authorization.k8s.io/clusterroles", "rbac.authorization.k8s.io/roles",
    "apiextensions.k8s.io/customresourcedefinitions",
    "apiextensions.k8s.io/customresourcedefinitions/status",
    "admissionregistration.k8s.io/validatingwebhookconfigurations",
    "admissionregistration.k8s.io/mutatingwebhookconfigurations",
    "admissionregistration.k8s.io/validatingadmissionpolicies",
    "certificates.k8s.io/certificatesigningrequests",
    "certificates.k8s.io/certificatesigningrequests/approval",
    "authentication.k8s.io/tokenreviews", "authorization.k8s.io/subjectaccessreviews",
    "apiregistration.k8s.io/apiservices", "flowcontrol.apiserver.k8s.io/flowschemas",
    "apps/deployments", "batch/jobs", "discovery.k8s.io/endpointslices",
    f"{OURS}/memberclusters", f"{OURS}/memberclusters/status",
}  # fmt: skip
"""Must be among what was tried: a discovery that lists too little would prove too little."""


class Tried(NamedTuple):
    verb: str
    resource: str
    place: str


class Served(NamedTuple):
    """A resource or subresource that the broker serves, at `base` (`/api/v1`)."""

    base: str
    group: str
    name: str
    namespaced: bool

    @property
    def id(self) -> str:
        return f"{self.group}/{self.name}" if self.group else self.name

    def path(self, namespace: str, name: str) -> str:
        plural, _, subresource = self.name.partition("/")
        parts = [self.base, f"namespaces/{namespace}" if namespace else "", plural, name, subresource]
        return "/".join(filter(None, parts))


class Intruder:
    """Whoever has the member's credential; each answer is a status."""

    def __init__(self, session: aiohttp.ClientSession, context: ssl.SSLContext, url: str, token: str) -> None:
        self._session, self._context, self._url = session, context, url
        self._headers = {"Authorization": f"Bearer {token}"}

    async def sends(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
        data = None if body is None else json.dumps(body)
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        async with self._session.request(
            method,
            self._url + path,
            headers={**self._headers, "Content-Type": kind, **headers},
            data=data,
            ssl=self._context,
        ) as answer:
            # An allowed watch goes on: its status is enough.
            text = "" if "watch=1" in path and answer.status == 200 else await answer.text()
            return answer.status, text

    async def tries(self, verb: str, served: Served, namespace: str) -> int:
        named = served.path(namespace, "no-such")
        at_all = served.path(namespace, "no-such" if "/" in served.name else "")
        match verb:
            case "get":
                return (await self.sends("GET", named))[0]
            case "list":
                return (await self.sends("GET", at_all))[0]
            case "watch":
                return (await self.sends("GET", f"{at_all}?watch=1&timeoutSeconds=1"))[0]
            case "create":
                return (await self.sends("POST", at_all, {}))[0]
            case "update":
                return (await self.sends("PUT", named, {}))[0]
            case "patch":
                return (await self.sends("PATCH", named, {}))[0]
            case "delete":
                return (await self.sends("DELETE", named))[0]
        return (await self.sends("DELETE", at_all))[0]


class Setting(NamedTuple):
    broker: ControlPlane
    own: str
    other: str
    intruder: Intruder


@pytest.fixture
async def setting(real_clusterset: RealClusterset) -> AsyncIterator[Setting]:
    """A broker with two members more; the intruder has the service account of one of them."""
    broker = real_clusterset[BROKER]
    members = [f"hostile-{number}-{uuid4().hex[:8]}" for number in (1, 2)]
    own, other = (f"mcs-member-{name}" for name in members)
    await product.install_broker(broker, members)
    kubeconfig = yaml.safe_load((await broker.service_account_kubeconfig(own, "member")).read_text())
    context = ssl.create_default_context(cafile=str(broker.ca_file))
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=8)) as session:
            token = kubeconfig["users"][0]["user"]["token"]
            yield Setting(broker, own, other, Intruder(session, context, broker.url, token))
    finally:
        manifests = "---\n".join(map(product.member_manifest, members))
        await broker.kubectl("delete", "-f", "-", "--wait=false", stdin=manifests)


async def served_by(broker: ControlPlane) -> list[Served]:
    """Everything, in every version."""
    groups = (await broker.call("GET", "/apis"))["groups"]
    bases = [("/api/v1", "")]
    for group in groups:
        bases += [(f"/apis/{version['groupVersion']}", group["name"]) for version in group["versions"]]
    found = []
    for base, group in bases:
        for one in (await broker.call("GET", base))["resources"]:
            found.append(Served(base, group, one["name"], one["namespaced"]))
    return found


async def test_of_all_that_the_broker_serves_a_member_may_do_what_is_written_here_and_nothing_else(
    setting: Setting,
) -> None:
    served = await served_by(setting.broker)
    places = {OWN: setting.own, OTHER: setting.other, SYSTEM: "kube-system", EVERYWHERE: ""}
    todo = iter([one for one in every(VERBS, served, places) if makes_sense(*one)])
    statuses: dict[Tried, set[int]] = {}

    async def work() -> None:
        for verb, one, place in todo:
            status = await setting.intruder.tries(verb, one, places[place])
            statuses.setdefault(Tried(verb, one.id, place), set()).add(status)

    async with asyncio.TaskGroup() as workers:
        for _ in range(8):
            workers.create_task(work())

    assert {one.resource for one in statuses} >= DANGEROUS
    assert len(statuses) > 1500
    assert {tried for tried, found in statuses.items() if found != {403}} == ALLOWED | OF_EVERYBODY
    assert all(status < 500 for found in statuses.values() for status in found)


def makes_sense(verb: str, served: Served, place: str) -> bool:
    """Whether there is such a path: a resource without namespaces has one place, and one with them cannot be
    written without."""
    if not served.namespaced:
        return place == EVERYWHERE
    return place != EVERYWHERE or (verb in ("list", "watch") and "/" not in served.name)


async def test_a_member_gets_tokens_for_itself_and_for_no_other_account(setting: Setting) -> None:
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    path = "/api/v1/namespaces/{}/serviceaccounts/{}/token"
    for namespace, account, status in (
        (setting.own, "member", 201),
        (setting.own, "default", 403),
        (setting.other, "member", 403),
        ("kube-system", "default", 403),
        ("kube-system", "namespace-controller", 403),
    ):
        assert (await setting.intruder.sends("POST", path.format(namespace, account), asked))[0] == status
    # Nor can it make others of its account, or take its end away.
    for method in ("PUT", "PATCH", "DELETE"):
        account = f"/api/v1/namespaces/{setting.own}/serviceaccounts/member"
        assert (await setting.intruder.sends(method, account, {}))[0] == 403


def impersonations(setting: Setting) -> Iterator[dict[str, str]]:
    yield {"Impersonate-User": "admin"}
    yield {"Impersonate-User": "system:admin", "Impersonate-Group": "system:masters"}
    yield {"Impersonate-User": f"system:serviceaccount:{setting.other}:member"}
    yield {"Impersonate-User": "system:kube-controller-manager"}
    yield {"Impersonate-User": "admin", "Impersonate-Extra-scopes": "all"}
    yield {"Impersonate-User": "admin", "Impersonate-Uid": "1"}


async def test_a_member_can_act_as_nobody_else_on_the_broker(setting: Setting) -> None:
    for headers in impersonations(setting):
        for path in ("/api/v1/secrets", f"/apis/{OURS}/v1alpha1/exportedservices"):
            status, text = await setting.intruder.sends("GET", path, None, **headers)
            assert status == 403, (headers, path)
            assert "impersonate" in text


async def test_a_member_reads_nothing_of_the_broker_itself(setting: Setting) -> None:
    closed = ("/metrics", "/logs", "/debug/pprof/", "/debug/flags/v", "/configz", "/metrics/slis", "/statusz")
    for path in closed:
        assert (await setting.intruder.sends("GET", path))[0] in (403, 404), path
    for path in ("/metrics", "/debug/pprof/", "/logs"):
        assert (await setting.intruder.sends("GET", path))[0] == 403, path


async def test_what_a_body_says_of_its_namespace_opens_no_other_namespace(
    setting: Setting,
) -> None:
    """The path decides; a body that names another namespace, or another object, is refused."""
    path = f"/apis/{OURS}/v1alpha1/namespaces/{{}}/exportedservices"
    body = {
        "apiVersion": f"{OURS}/v1alpha1",
        "kind": "ExportedService",
        "metadata": {"name": "shop.web", "namespace": setting.other},
        "spec": {
            "serviceNamespace": "shop",
            "serviceName": "web",
            "exportedAt": "2020-01-01T00:00:00Z",
            "type": "ClusterSetIP",
            "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
            "ipFamilies": ["IPv4"],
        },
    }
    status, _ = await setting.intruder.sends("POST", path.format(setting.own), body)
    assert status == 400
    status, _ = await setting.intruder.sends("POST", path.format(setting.other), body)
    assert status == 403
    status, _ = await setting.intruder.sends(
        "POST", path.format(f"{setting.own}%2f..%2f{setting.other}"), body
    )
    assert status in (400, 403, 404)
    listed = await setting.broker.call("GET", path.format(setting.other))
    assert listed["items"] == []
