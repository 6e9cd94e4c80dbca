"""The clusterset of docs/helm.md on whole clusters, a step at a time: installed, upgraded, rolled back, gone.

East and west are members, and west has the broker, too. What both the chart and a command can do is done in
east by hooks of the chart, in west by the command: the cluster's DNS is connected, all is checked, and the
cluster leaves. West joins with a token of which most is over, so that its agent renews it at once.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path

import yaml

from mcs_controller import __version__
from tests.realkube.audit import AuditLog
from tests.realkube.controlplane import ControlPlane
from tests.realkube.tokens import claims, token_for_seconds
from tests.realnode import cluster_dns
from tests.realnode.pod_clusters import BROKER, MEMBERS, PodClusters
from tests.realnode.workloads import Json, path
from tests.support.waiting import eventually

CHARTS = Path(__file__).resolve().parents[2] / "charts"
NAMESPACE, BROKER_NAMESPACE = "mcs-system", "mcs-broker"
NEXT = "9.9.9"
"""The version that comes after this one: the same program, as another chart and another image."""
TIMEOUT = "--timeout=300s"
IN_NAMESPACE = (f"--namespace={NAMESPACE}", "--wait", TIMEOUT)
IN_BROKER_NAMESPACE = (f"--namespace={BROKER_NAMESPACE}", "--wait", TIMEOUT)
HEARTBEAT = "--set=agent.config.heartbeatIntervalSeconds=2"
"""With a heartbeat others say that they have let go of a cluster that leaves."""
PAGE_PORT = 8081
PAGE_SEEN_BY = "users"
"""The namespace in east from which the status page may be asked for; in west kubectl forwards to it."""
_SEEN_BY_LABEL = f"kubernetes\\.io/metadata\\.name={PAGE_SEEN_BY}"
VALUES: Mapping[str, tuple[str, ...]] = {
    "east": (
        "--set=agent.config.clusterId=east",
        "--set=clusterDns.install=true",
        "--set=leave.onUninstall=true",
        f"--set=agent.config.statusPage=:{PAGE_PORT}",
        f"--set=networkPolicy.statusPageFrom[0].namespaceSelector.matchLabels.{_SEEN_BY_LABEL}",
        HEARTBEAT,
    ),
    "west": (
        "--set=agent.config.clusterId=west",
        f"--set=agent.config.statusPage=127.0.0.1:{PAGE_PORT}",
        HEARTBEAT,
    ),
}
OLD_SECONDS, GOOD_SECONDS = 7200, 900
"""What is over of the token with which west joins, and for how long it is good still."""
FOLLOWED_WITHIN_SECONDS = 60.0
CHANGED = ("--set=agent.config.heartbeatIntervalSeconds=3", "--set=dns.config.workers=2")


class Installation:
    def __init__(self, clusters: PodClusters, work_dir: Path) -> None:
        self._clusters = clusters
        self._work_dir = work_dir
        self._broker = clusters.plane(BROKER)
        self._audit = AuditLog(self._broker.audit_log)
        self._used: list[str] = []

    async def install(self) -> None:
        """All pods are ready, in namespaces that take no others than restricted ones."""
        await _restricted_namespace(self._broker, BROKER_NAMESPACE)
        chart = CHARTS / "mcs-broker"
        await self._clusters.helm(BROKER, "install", "mcs-broker", chart, *IN_BROKER_NAMESPACE)
        async with asyncio.TaskGroup() as group:
            for name in MEMBERS:
                group.create_task(self._install_member(name))

    async def _install_member(self, name: str) -> None:
        plane, credential = self._clusters.plane(name), self._credential(name)
        await _restricted_namespace(plane, NAMESPACE)
        mcs = self._clusters.mcs
        on_broker = ("--broker-kubeconfig", self._broker.kubeconfig())
        await mcs("broker", "create-member", name, *on_broker, "--output-file", credential)
        if name == "west":
            old = await token_for_seconds(
                self._broker, "mcs-member-west", "member", GOOD_SECONDS, age_seconds=OLD_SECONDS
            )
            _replace_token(credential, old)
        await mcs("join", "--broker-kubeconfig", credential, "--kubeconfig", plane.kubeconfig())
        chart = CHARTS / "mcs-controller"
        await self._clusters.helm(name, "install", "mcs-controller", chart, *IN_NAMESPACE, *VALUES[name])
        if name == "west":
            await mcs("dns", "install", "--kubeconfig", plane.kubeconfig())
        await cluster_dns.restart(plane)

    def _credential(self, name: str) -> Path:
        return self._work_dir / f"{name}-on-broker.kubeconfig"

    async def check_by_helm(self) -> str:
        """What `helm test` told of east."""
        where = (f"--namespace={NAMESPACE}", TIMEOUT)
        return await self._clusters.helm("east", "test", "mcs-controller", "--logs", *where)

    async def check_in_agents_pod(self) -> Json:
        """What the command told in a pod of west's agent."""
        command = ("exec", f"--namespace={NAMESPACE}", "deploy/mcs-agent", "--")
        told = await self._clusters.plane("west").kubectl(
            *command, "mcs-controller", "check", "--output=json", check=False
        )
        found: Json = json.loads(told.stdout)
        return found

    async def renewed(self) -> list[str]:
        """Ids of the tokens with which west came to the broker, as soon as one is the renewed one."""
        first = _token_id(self._credential("west").read_bytes())

        async def look() -> bool:
            came = [one for one in self._audit.more() if one.account == "mcs-member-west:member"]
            self._used = list(dict.fromkeys([*self._used, *(one.credential for one in came)]))
            secret = await self._clusters.plane("west").call("GET", path("Secret", NAMESPACE, "mcs-broker"))
            present = _token_id(b64decode(secret["data"]["kubeconfig"]))
            return present != first and present in self._used

        await eventually(look, bool, FOLLOWED_WITHIN_SECONDS)
        return self._used

    async def upgrade(self) -> None:
        """To the next chart and image, with some other values, in all clusters at once."""
        await self._clusters.offer_image(NEXT)
        charts = self._work_dir / "next"
        for name in ("mcs-broker", "mcs-controller"):
            shutil.copytree(CHARTS / name, charts / name)
            about = charts / name / "Chart.yaml"
            about.write_text(about.read_text().replace(__version__, NEXT))
        helm = self._clusters.helm
        async with asyncio.TaskGroup() as group:
            broker = helm(BROKER, "upgrade", "mcs-broker", charts / "mcs-broker", *IN_BROKER_NAMESPACE)
            group.create_task(broker)
            for name in MEMBERS:
                chart = charts / "mcs-controller"
                values = (*VALUES[name], *CHANGED)
                group.create_task(helm(name, "upgrade", "mcs-controller", chart, *IN_NAMESPACE, *values))

    async def roll_back(self) -> None:
        """To what was installed first."""
        helm = self._clusters.helm
        async with asyncio.TaskGroup() as group:
            group.create_task(helm(BROKER, "rollback", "mcs-broker", *IN_BROKER_NAMESPACE))
            for name in MEMBERS:
                group.create_task(helm(name, "rollback", "mcs-controller", *IN_NAMESPACE))

    async def pods(self, name: str) -> list[Json]:
        """Ours in that member cluster, without those that are ending."""
        listed = await self._clusters.plane(name).call("GET", path("Pod", NAMESPACE))
        return [one for one in listed["items"] if "deletionTimestamp" not in one["metadata"]]

    async def leader(self, name: str) -> str:
        """The pod of the agent that leads in that member cluster, read as docs/status-page.md says."""
        holder = "--output=jsonpath={.spec.holderIdentity}"
        told = await self._clusters.plane(name).kubectl(
            "get", "lease", "mcs-agent", f"--namespace={NAMESPACE}", holder
        )
        return told.stdout.partition("_")[0]

    async def take_away(self) -> None:
        """First the member whose service is in use leaves, then the other; kinds and namespaces go, too."""
        mcs, helm = self._clusters.mcs, self._clusters.helm
        in_west = ("--kubeconfig", self._clusters.plane("west").kubeconfig())
        on_broker = ("--broker-kubeconfig", self._broker.kubeconfig())
        await mcs("leave", *in_west)
        await mcs("broker", "remove-member", "west", *on_broker)
        async with asyncio.TaskGroup() as group:
            group.create_task(mcs("dns", "uninstall", *in_west))
            for name in MEMBERS:
                group.create_task(helm(name, "uninstall", "mcs-controller", *IN_NAMESPACE))
        await mcs("broker", "remove-member", "east", *on_broker)
        await helm(BROKER, "uninstall", "mcs-broker", *IN_BROKER_NAMESPACE)
        async with asyncio.TaskGroup() as group:
            for name in MEMBERS:
                plane = self._clusters.plane(name)
                group.create_task(_delete_kinds(plane))
                namespaces = (NAMESPACE, BROKER_NAMESPACE) if name == BROKER else (NAMESPACE,)
                group.create_task(plane.kubectl("delete", "namespace", *namespaces))


def _token_id(kubeconfig: bytes) -> str:
    found: str = claims(yaml.safe_load(kubeconfig)["users"][0]["user"]["token"])["jti"]
    return found


def _replace_token(file: Path, token: str) -> None:
    config = yaml.safe_load(file.read_text())
    config["users"][0]["user"]["token"] = token
    file.write_text(yaml.safe_dump(config))


async def _restricted_namespace(plane: ControlPlane, name: str) -> None:
    await plane.kubectl("create", "namespace", name)
    await plane.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")


async def _delete_kinds(plane: ControlPlane) -> None:
    """And all objects of them."""
    listed = await plane.kubectl("get", "crd", "--output=name")
    groups = ("multicluster.x-k8s.io", "mcs-controller.io", "about.k8s.io")
    await plane.kubectl("delete", *(one for one in listed.stdout.split() if one.endswith(groups)))
