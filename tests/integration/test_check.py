"""`mcs-controller check` on real control planes where agents, a DNS server and a CoreDNS run.

All is well first. Then one thing after the other is broken, and exactly the checks tell it that look at it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.naming import derived_service_name
from tests.api.rbac import as_yaml
from tests.cli.checking import check, found, wrong
from tests.cli.program import Ended, run
from tests.dns.coredns import CoreDns
from tests.install.cluster_dns.corefiles import KUBEADM
from tests.realkube.binaries import locate_binaries
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane, ControlPlaneSpec
from tests.realkube.process import ServerProcess
from tests.realkube.product import (
    PROGRAM,
    Component,
    free_port,
    install_member,
    killed_in_the_end,
    start_dns,
)
from tests.realkube.rest import MERGE_PATCH
from tests.support.objects import endpoint, slice_body
from tests.support.waiting import eventually
from tests.support.wrong_clock import WrongClock, can_be_wrong

pytestmark = [pytest.mark.realkube, pytest.mark.slow, pytest.mark.timeout(300)]

MEMBERS = ("east", "west")
NETWORKS = {"east": "10.1.0.0/16", "west": "10.2.0.0/16"}
STANZA = "clusterset.local:53 {\n    errors\n    forward . 10.96.0.53\n}\n"
SYSTEM = "/api/v1/namespaces/mcs-system"
KUBE_SYSTEM = "/api/v1/namespaces/kube-system"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/mcs-system/leases/mcs-agent"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
BROKER_API = "/apis/broker.mcs-controller.io/v1alpha1"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/mcs-system/endpointslices"
IMPORT = "/apis/multicluster.x-k8s.io/v1beta1/namespaces/shop/serviceimports/web"
WELL_WITHIN_SECONDS = 120
OURS = {"mcs-controller.io/managed-by": "mcs-controller.io"}


@dataclass
class Site:
    """A broker and two members, of which east is looked at."""

    clusterset: RealClusterset
    folder: Path
    files: dict[str, Path]
    agents: dict[str, Component]
    dns: Component
    dns_port: int
    front: CoreDns

    @property
    def broker(self) -> ControlPlane:
        return self.clusterset["broker"]

    @property
    def east(self) -> ControlPlane:
        return self.clusterset["east"]

    async def check(self, *words: str | Path, again_after_seconds: int = 0) -> Ended:
        """Of east, with all that its administrator and the broker's could name."""
        named = (
            f"--dns-server=127.0.0.1:{self.dns_port}",
            f"--cluster-dns=127.0.0.1:{self.front.port}",
            f"--again-after-seconds={again_after_seconds}",
        )
        east = ("--kubeconfig", self.east.kubeconfig())
        broker = ("--broker-kubeconfig", self.broker.kubeconfig())
        return await check(*east, *broker, *named, *words)

    async def start_agent(self, name: str) -> None:
        """With the credential of `create-member`, and the rights that we ship."""
        http = f"127.0.0.1:{free_port()}"
        own = await self.clusterset[name].service_account_kubeconfig("mcs-system", "mcs-agent")
        argv: list[str | Path] = [
            PROGRAM,
            "agent",
            f"--cluster-id={name}",
            f"--kubeconfig={own}",
            f"--broker-kubeconfig={self.files[name]}",
            "--heartbeat-interval-seconds=2",
            f"--http={http}",
        ]
        process = ServerProcess(f"agent-{name}", argv, self.folder)
        process.start()
        self.agents[name] = Component(process, f"http://{http}")
        await self.agents[name].wait_ready()

    async def end_agent(self, name: str, number: signal.Signals) -> None:
        agent = self.agents[name].process
        agent.signal(number)
        await eventually(agent.has_ended)
        agent.kill()


async def well(site: Site) -> dict[str, Any]:
    """All checks, as soon as nothing is wrong."""
    deadline = asyncio.get_running_loop().time() + WELL_WITHIN_SECONDS
    while True:
        ended = await site.check(again_after_seconds=3)
        if not wrong(ended):
            return found(ended)
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError([found(ended)[id] for id in wrong(ended)])


async def must(*words: str | Path) -> Ended:
    ended = await run(*words)
    assert ended.exit_code == 0, ended
    return ended


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Set up by the commands that users run."""
    folder = tmp_path_factory.mktemp("check")
    specs = [ControlPlaneSpec(name, controller_manager=False) for name in ("broker", *MEMBERS)]
    clusterset = RealClusterset(folder, specs)
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(clusterset.start())
        try:
            made = runner.run(set_up(clusterset, folder))
            with killed_in_the_end(made.dns, *made.agents.values()):
                yield made
                for component in made.agents.values():
                    component.kill()
            made.front.stop()
        finally:
            clusterset.stop()


async def set_up(clusterset: RealClusterset, folder: Path) -> Site:
    on_broker = ("--broker-kubeconfig", clusterset["broker"].kubeconfig())
    await must("broker", "init", *on_broker)
    files = {name: folder / f"{name}-on-broker.kubeconfig" for name in MEMBERS}

    async def add(name: str) -> None:
        plane = clusterset[name]
        words = ("--output-file", files[name], "--pod-cidrs", NETWORKS[name])
        await must("broker", "create-member", name, *on_broker, *words)
        await install_member(plane)
        await must("join", "--broker-kubeconfig", files[name], "--kubeconfig", plane.kubeconfig())
        await plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})

    await asyncio.gather(*map(add, MEMBERS))
    await clusterset["east"].kubectl("apply", "-f", "-", stdin=as_yaml("credential"))
    await prepare_east(clusterset["east"])
    port = free_port()
    dns = await start_dns(clusterset["east"], folder, port)
    front = CoreDns(locate_binaries().folder / "coredns", folder)
    made = Site(clusterset, folder, files, {}, dns, port, front)
    with contextlib.ExitStack() as undo:
        undo.callback(dns.kill)
        await dns.wait_ready()
        await front.start(STANZA, zone_server=f"127.0.0.1:{port}")
        undo.callback(front.stop)
        for name in MEMBERS:
            await made.start_agent(name)
            undo.callback(made.agents[name].kill)
        await export_web(clusterset["west"])

        async def imported() -> bool:
            answer = await clusterset["east"].request("GET", IMPORT)
            return answer.status == 200 and bool((answer.body.get("spec") or {}).get("ips"))

        await eventually(imported, within_seconds=60)
        undo.pop_all()
    return made


async def prepare_east(east: ControlPlane) -> None:
    """What a whole cluster has besides: its own DNS, a node, kube-proxy, and the Service of ours."""
    config_maps = {"coredns": {"Corefile": KUBEADM}, "kube-proxy": {"config.conf": "mode: nftables\n"}}
    for name, data in config_maps.items():
        await east.call("POST", f"{KUBE_SYSTEM}/configmaps", {"metadata": {"name": name}, "data": data})
    await add_node(east, "node-1", "10.1.0.0/24")
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]
    await east.call("POST", f"{SYSTEM}/services", {"metadata": {"name": "mcs-dns"}, "spec": {"ports": ports}})
    served = [{"name": one["name"], "port": 1053, "protocol": one["protocol"]} for one in ports]
    await east.call(
        "POST", SLICES, slice_body("mcs-dns", [endpoint("10.1.0.9")], name="mcs-dns-a", ports=served)
    )
    await must("dns", "install", "--kubeconfig", east.kubeconfig())


async def add_node(plane: ControlPlane, name: str, cidr: str) -> None:
    await plane.call(
        "POST", "/api/v1/nodes", {"metadata": {"name": name}, "spec": {"podCIDR": cidr, "podCIDRs": [cidr]}}
    )


async def export_web(west: ControlPlane) -> None:
    """A Service with an endpoint, and its export."""
    service = {"metadata": {"name": "web"}, "spec": {"ports": [{"name": "http", "port": 80}]}}
    await west.call("POST", "/api/v1/namespaces/shop/services", service)
    slices = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"
    await west.call("POST", slices, slice_body("web", [endpoint("10.2.0.7")], "shop"))
    exports = "/apis/multicluster.x-k8s.io/v1beta1/namespaces/shop/serviceexports"
    body = {
        "apiVersion": "multicluster.x-k8s.io/v1beta1",
        "kind": "ServiceExport",
        "metadata": {"name": "web"},
    }
    await west.call("POST", exports, body)


async def test_where_all_is_well_every_check_is_ok(site: Site) -> None:
    checks = await well(site)
    assert {one["result"] for one in checks.values()} == {"ok"}
    assert checks["03"]["evidence"][0].startswith("mcs-system/mcs-agent has all ")
    assert checks["08"]["evidence"][0].startswith("this credential has all ")
    assert "this cluster is east, and no other uses that id" in checks["10"]["evidence"]


async def test_with_the_agent_s_own_rights_the_rest_is_skipped(site: Site) -> None:
    """As in the agent's pod: nothing of it is an error."""
    own = await site.east.service_account_kubeconfig("mcs-system", "mcs-agent")
    words = ("--kubeconfig", own, "--broker-kubeconfig", site.files["east"], "--again-after-seconds=0")
    ended = await check(*words, f"--dns-server=127.0.0.1:{site.dns_port}")
    assert ended.exit_code == 0, ended
    results = {id: one["result"] for id, one in found(ended).items()}
    skipped = {"03", "04", "17", "21", "23", "26"}
    assert {id for id, result in results.items() if result == "skipped"} == skipped
    assert {id for id, result in results.items() if result == "ok"} == set(results) - skipped


Break = Callable[[Site], AbstractAsyncContextManager[None]]
BREAKS: list[tuple[dict[str, str], str, Break]] = []


def breaks(says: str, **expected: str) -> Callable[[Break], Break]:
    """The checks (`c05="failed"`) that a break makes, and a part of what the first says."""

    def add(make: Break) -> Break:
        BREAKS.append(({id.removeprefix("c"): result for id, result in expected.items()}, says, make))
        return make

    return add


async def replaced(plane: ControlPlane, path: str, change: Callable[[Any], None]) -> Any:
    """An object changed; it as it was."""
    before = await plane.call("GET", path)
    after = json.loads(json.dumps(before))
    change(after)
    await plane.call("PUT", path, after)
    return before


@asynccontextmanager
async def changed(plane: ControlPlane, path: str, change: Callable[[Any], None]) -> AsyncIterator[None]:
    before = await replaced(plane, path, change)
    try:
        yield
    finally:
        now = await plane.call("GET", path)
        before["metadata"]["resourceVersion"] = now["metadata"]["resourceVersion"]
        await plane.call("PUT", path, before)


@asynccontextmanager
async def deleted(plane: ControlPlane, path: str) -> AsyncIterator[None]:
    before = await plane.call("GET", path)
    await plane.call("DELETE", path)
    try:
        yield
    finally:
        for field in ("resourceVersion", "uid"):
            del before["metadata"][field]
        await plane.call("POST", path.rpartition("/")[0], before)


@asynccontextmanager
async def created(plane: ControlPlane, path: str, body: Any) -> AsyncIterator[None]:
    await plane.call("POST", path, body)
    try:
        yield
    finally:
        await plane.request("DELETE", f"{path}/{body['metadata']['name']}")


def in_secret(text: str) -> Callable[[Any], None]:
    def change(secret: Any) -> None:
        secret["data"] = {"kubeconfig": b64encode(text.encode()).decode()}

    return change


def with_token(file: Path, token: str) -> str:
    config = yaml.safe_load(file.read_text())
    config["users"][0]["user"]["token"] = token
    return yaml.safe_dump(config)


@breaks("older than ours", c02="warning")
def a_definition_is_older(site: Site) -> AbstractAsyncContextManager[None]:
    def change(crd: Any) -> None:
        crd["metadata"]["labels"]["multicluster.x-k8s.io/release-version"] = "v0.4.0"

    return changed(site.east, f"{CRDS}/serviceimports.multicluster.x-k8s.io", change)


@breaks("mcs-system/mcs-agent lacks 1 right: delete services", c03="failed")
def the_agent_lacks_a_right(site: Site) -> AbstractAsyncContextManager[None]:
    def change(role: Any) -> None:
        for rule in role["rules"]:
            if rule["resources"] == ["services"]:
                rule["verbs"].remove("delete")

    return changed(site.east, f"{RBAC}/clusterroles/mcs-agent", change)


@breaks("mcs-system/mcs-dns has none of the 4 rights", c04="failed")
def the_dns_server_has_no_rights(site: Site) -> AbstractAsyncContextManager[None]:
    return deleted(site.east, f"{RBAC}/clusterrolebindings/mcs-dns")


@breaks("no Secret mcs-system/mcs-broker", c05="failed", c06="skipped", c08="ok")
def there_is_no_credential(site: Site) -> AbstractAsyncContextManager[None]:
    return deleted(site.east, f"{SYSTEM}/secrets/mcs-broker")


@breaks("does not accept it", c05="failed", c08="skipped")
def the_credential_is_not_valid(site: Site) -> AbstractAsyncContextManager[None]:
    text = with_token(site.files["east"], "made-up")
    return changed(site.east, f"{SYSTEM}/secrets/mcs-broker", in_secret(text))


@breaks("does not accept it", c05="failed", c06="failed", c08="skipped")
def the_credential_has_ended(site: Site) -> AbstractAsyncContextManager[None]:
    claims = urlsafe_b64encode(b'{"iat": 1700000000, "exp": 1700086400}').decode().rstrip("=")
    text = with_token(site.files["east"], f"e30.{claims}.c2ln")
    return changed(site.east, f"{SYSTEM}/secrets/mcs-broker", in_secret(text))


@breaks("this credential lacks 8 rights", c08="failed")
def the_member_lacks_rights(site: Site) -> AbstractAsyncContextManager[None]:
    def change(role: Any) -> None:
        role["rules"] = [one for one in role["rules"] if "exportedservices" not in one["resources"]]

    return changed(site.broker, f"{RBAC}/clusterroles/mcs-broker-member", change)


@breaks("this credential has more rights than a member may have", c08="failed")
def the_member_has_too_many_rights(site: Site) -> AbstractAsyncContextManager[None]:
    binding = {
        "metadata": {"name": "too-much"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "member", "namespace": "mcs-member-east"}],
    }
    return created(site.broker, f"{RBAC}/clusterrolebindings", binding)


@breaks("namespaces of no member: gone", c16="warning")
@asynccontextmanager
async def a_namespace_on_the_broker_is_of_no_member(site: Site) -> AsyncIterator[None]:
    path = "/api/v1/namespaces/mcs-member-gone"
    async with created(site.broker, "/api/v1/namespaces", {"metadata": {"name": "mcs-member-gone"}}):
        yield
    # No controller does it here.
    body = await site.broker.call("GET", path)
    await site.broker.call("PUT", f"{path}/finalize", {**body, "spec": {"finalizers": []}})


@breaks("clusterset.local to another address", c17="failed")
def the_stub_has_an_old_address(site: Site) -> AbstractAsyncContextManager[None]:
    def change(config_map: Any) -> None:
        text: str = config_map["data"]["Corefile"]
        before, forward, after = text.rpartition("forward . ")
        config_map["data"]["Corefile"] = f"{before}{forward}10.96.77.77\n{after.partition(chr(10))[2]}"

    return changed(site.east, f"{KUBE_SYSTEM}/configmaps/coredns", change)


@breaks("is ready over TCP", c18="failed")
def no_dns_server_is_ready_over_tcp(site: Site) -> AbstractAsyncContextManager[None]:
    def change(piece: Any) -> None:
        piece["ports"] = [one for one in piece["ports"] if one["protocol"] == "UDP"]

    return changed(site.east, f"{SLICES}/mcs-dns-a", change)


@breaks("west exports 1 endpoint in this cluster's pod network: 10.2.0.7", c22="failed")
@asynccontextmanager
async def two_clusters_use_one_network(site: Site) -> AsyncIterator[None]:
    await add_node(site.east, "node-2", "10.2.0.0/24")
    try:
        yield
    finally:
        await site.east.call("DELETE", "/api/v1/nodes/node-2")


@breaks("mode ipvs", c23="warning")
def kube_proxy_uses_ipvs(site: Site) -> AbstractAsyncContextManager[None]:
    def change(config_map: Any) -> None:
        config_map["data"]["config.conf"] = "mode: ipvs\n"

    return changed(site.east, f"{KUBE_SYSTEM}/configmaps/kube-proxy", change)


@breaks("over UDP", c21="failed")
@asynccontextmanager
async def the_clusters_own_dns_is_away(site: Site) -> AsyncIterator[None]:
    site.front.stop()
    try:
        yield
    finally:
        await site.front.start(STANZA, zone_server=f"127.0.0.1:{site.dns_port}")


@pytest.mark.parametrize(
    ("expected", "says", "make"), [pytest.param(*one, id=one[2].__name__) for one in BREAKS]
)
async def test_what_is_broken_is_told_by_its_check_alone(
    site: Site, expected: dict[str, str], says: str, make: Break
) -> None:
    first = next(iter(expected))
    not_ok = {id: result for id, result in expected.items() if result != "ok"}
    async with make(site):
        looks = []

        async def told() -> dict[str, str]:
            looks.append(await site.check())
            return wrong(looks[-1])

        # Rights that changed, the last test's also, are known to an API server a moment later.
        await eventually(told, lambda seen: seen == not_ok, 120, what=lambda: not_ok)
        ended = looks[-1]
        assert any(says in text for text in found(ended)[first]["evidence"]), found(ended)[first]
        assert ended.exit_code == ("failed" in expected.values())


async def test_an_id_of_another_cluster_is_told(site: Site) -> None:
    words = ("--kubeconfig", site.clusterset["west"].kubeconfig(), "--cluster-id=east")
    ended = await site.check(*words)
    evidence = found(ended)["10"]["evidence"]
    assert "--cluster-id says east; the credential in Secret mcs-system/mcs-broker says west" in evidence
    assert any(text.startswith("east is used by another cluster") for text in evidence)


@pytest.mark.skipif(not can_be_wrong(), reason="the Debian package faketime is not installed")
async def test_a_clock_that_is_wrong_is_told(site: Site, tmp_path: Path) -> None:
    clock = WrongClock(tmp_path / "clock", 300.0)
    process = await asyncio.create_subprocess_exec(
        *clock.around,
        PROGRAM,
        *("check", "-o", "json", "--again-after-seconds=0", "--kubeconfig", site.east.kubeconfig()),
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin"},
    )
    stdout, _ = await process.communicate()
    clocks = found(Ended(process.returncode or 0, stdout.decode(), ""))["09"]
    assert clocks["result"] == "warning"
    assert any("behind this machine" in text for text in clocks["evidence"])


async def test_a_member_that_dies_is_told_and_its_old_version_too(site: Site) -> None:
    await site.end_agent("west", signal.SIGKILL)
    path = f"{BROKER_API}/namespaces/mcs-member-west/memberclusters/west/status"
    old = {"status": {"version": "0.0.1"}}
    await site.broker.call("PATCH", path, old, content_type=MERGE_PATCH)

    async def dead() -> Ended:
        return await site.check("--member-timeout-seconds=5", again_after_seconds=4)

    ended = await eventually(dead, lambda seen: wrong(seen).get("11") == "failed", 60)
    assert wrong(ended) == {"11": "failed", "12": "warning"}
    assert found(ended)["11"]["evidence"][0].startswith("west is dead: its last heartbeat was ")
    await site.start_agent("west")
    await well(site)


async def test_without_a_leader_what_is_left_over_and_held_is_told(site: Site) -> None:
    await site.end_agent("east", signal.SIGTERM)
    ended = await site.check()
    assert wrong(ended) == {"13": "failed"}
    assert found(ended)["13"]["evidence"] == ["Lease mcs-system/mcs-agent has no holder: no agent leads now"]

    labels = {**OURS, "multicluster.kubernetes.io/service-name": "gone"}
    name = derived_service_name(ServiceKey("shop", "gone"))
    derived = {"metadata": {"name": name, "labels": labels}, "spec": {"ports": [{"port": 80}]}}
    held = {
        "type": "mcs-controller.io/Held",
        "status": "True",
        "reason": "MassWithdrawal",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    await site.east.call("POST", "/api/v1/namespaces/shop/services", derived)
    await site.east.call(
        "PATCH", f"{IMPORT}/status", {"status": {"conditions": [held]}}, content_type=MERGE_PATCH
    )
    ended = await site.check(again_after_seconds=1)
    assert {id: wrong(ended).get(id) for id in ("14", "15")} == {"14": "warning", "15": "warning"}
    assert found(ended)["15"]["evidence"][0] == f"1 derived Service without an import: shop/{name}"

    # The agent takes away what nothing wants, and says that nothing is held.
    await site.start_agent("east")
    await well(site)


async def test_a_dns_server_that_is_away_is_told(site: Site) -> None:
    site.dns.kill()
    ended = await site.check()
    assert {id: wrong(ended).get(id) for id in ("19", "20", "21")} == dict.fromkeys(
        ("19", "20", "21"), "failed"
    )
    # Where cluster IPs are not reached, nothing is known.
    ended = await check("--kubeconfig", site.east.kubeconfig())
    for id in ("19", "20"):
        one = found(ended)[id]
        assert one["result"] == "skipped"
        assert "kubectl -n mcs-system exec deploy/mcs-agent -- mcs-controller check" in one["evidence"][0]


async def test_kinds_that_are_missing_and_an_api_server_that_is_away_are_told(site: Site) -> None:
    """Last: what goes with the kinds does not come back by itself."""
    await site.broker.call("DELETE", f"{CRDS}/exportedendpointslices.broker.mcs-controller.io")
    await site.east.call("DELETE", f"{CRDS}/serviceimports.multicluster.x-k8s.io")

    async def told() -> dict[str, str]:
        return wrong(await site.check())

    seen = await eventually(told, lambda seen: {"02", "07"} <= set(seen), 60)
    assert (seen["02"], seen["07"]) == ("failed", "failed")
    await site.east.stop_api_server()
    seen = wrong(await site.check())
    assert (seen["01"], seen["03"]) == ("failed", "skipped")
