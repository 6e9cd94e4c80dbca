"""`mcs-controller explain` as people run it: a cluster, the broker and DNS are served over HTTP."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import (
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    SECRETS,
)
from mcs_controller.clusterset.services import encode
from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.server.dns_server import DnsServer
from mcs_controller.install.objects import join_objects
from mcs_controller.kube.tasks import Tasks
from mcs_controller.simcluster.cluster import SimCluster
from tests.cli.program import Ended, run
from tests.clusterset.builders import record, source_slice
from tests.dns.cluster import Importer
from tests.support import crds
from tests.support.kubeconfigs import kubeconfig, write
from tests.support.objects import member_cluster
from tests.support.waiting import until

pytestmark = pytest.mark.slow


class Scene:
    """West, which imports shop/web of east, its DNS server, and the broker."""

    def __init__(self, folder: Path) -> None:
        self.west = SimCluster("west", random=Random(1))
        self.broker = SimCluster("broker", random=Random(2))
        self.api, self.broker_api = self.west.client(), self.broker.client()
        self.importer = Importer(self.api)
        self.server = DnsServer(
            DnsConfig(listen=(("127.0.0.1", 0),)),
            self.west.client("dns"),
            registry=CollectorRegistry(),
            random=Random(2),
        )
        self.folder = folder

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Scene"]:
        async with self.west, self.west.serve(), self.broker, self.broker.serve(), Tasks("dns") as tasks:
            await self.importer.install()
            await crds.install(self.broker_api, *crds.BROKER_CRDS)
            uid = (await self.api.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
            for name in ("east", "west"):
                namespace = f"mcs-member-{name}"
                await self.broker_api.create(NAMESPACES, {"metadata": {"name": namespace}})
                await self.broker_api.create(MEMBER_CLUSTERS, member_cluster(name))
                status = {"clusterUID": uid if name == "west" else "another"}
                await self.broker_api.patch(
                    MEMBER_CLUSTERS, name, {"status": status}, namespace=namespace, subresource="status"
                )
            await self.broker_api.create(EXPORTED_SERVICES, encode.exported_service(record("east"), 1.0))
            await self.broker_api.create(
                EXPORTED_ENDPOINT_SLICES, encode.exported_slice(source_slice("east"), 1.0)
            )
            await self.server.start()
            tasks.start(self.server.run(), name="server")
            await until(self.server.synced)
            yield self
            tasks.stop()

    @property
    def kubeconfig(self) -> Path:
        return write(self.folder, "west.kubeconfig", self.west.kubeconfig())

    @property
    def broker_kubeconfig(self) -> Path:
        return write(self.folder, "broker.kubeconfig", self.broker.kubeconfig())

    async def explain(self, *words: str | Path) -> Ended:
        """With the broker's kubeconfig, unless another way to it is in the words."""
        return await run("explain", "shop/web", "--kubeconfig", self.kubeconfig, *words)

    async def json(self, *words: str | Path) -> dict[str, Any]:
        ended = await self.explain("-o", "json", *words)
        assert (ended.exit_code, ended.stderr) == (0, "")
        found: dict[str, Any] = json.loads(ended.stdout)
        return found


def ids(found: dict[str, Any]) -> list[str]:
    return [one["id"].removeprefix("MCS-WHY-") for one in found["findings"]]


async def test_cluster_broker_and_dns_are_put_together(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        host, port = scene.server.addresses()[0]
        words = ("--broker-kubeconfig", scene.broker_kubeconfig, "--dns", f"{host}:{port}")
        found = await scene.json(*words)
        assert ids(found) == ["46"]
        assert found["here"]["cluster"] == "west"
        assert [(one["cluster"], one["rank"]) for one in found["exporters"]] == [("east", 1)]
        (answer,) = found["dns"]["answers"]
        assert (answer["said"], answer["right"]) == ("no such name", True)

        await scene.importer.vip("shop/web", "10.96.0.1")
        await until(lambda: bool(scene.server.synced()))
        shown = await scene.explain(*words)
        assert shown.exit_code == 0
        # Written by nobody's agent.
        assert "MCS-WHY-43 in west" in shown.stdout
        assert f"DNS, {host}:{port}" in shown.stdout
        assert "\x1b" not in shown.stdout


async def test_the_broker_is_read_with_the_credential_of_the_cluster_s_agent(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        without = await scene.json()
        assert without["unknown"][0]["what"] == "what the broker holds"
        assert "this cluster has no Secret mcs-system/mcs-broker" in without["unknown"][0]["why"]
        for wanted in join_objects("mcs-system", scene.broker.kubeconfig()):
            await scene.api.create(wanted.resource, wanted.body)
        found = await scene.json()
        assert ids(found) == ["46", "70"]
        assert found["exporters"][0]["cluster"] == "east"


async def test_a_credential_that_would_run_a_program_is_not_used(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        made = yaml.safe_load(scene.broker.kubeconfig())
        ran = tmp_path / "ran"
        made["users"][0]["user"] = {
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": "touch",
                "args": [str(ran)],
                "interactiveMode": "Never",
            }
        }
        await scene.api.create(NAMESPACES, {"metadata": {"name": "mcs-system"}})
        secret = {
            "metadata": {"name": "mcs-broker", "namespace": "mcs-system"},
            "data": {"kubeconfig": b64encode(yaml.safe_dump(made).encode()).decode()},
        }
        await scene.api.create(SECRETS, secret)
        found = await scene.json()
        assert "its user has exec, which is of no use elsewhere" in found["unknown"][0]["why"]
        assert not ran.exists()


async def test_from_the_broker_alone_nothing_is_said_of_a_cluster(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        ended = await run("explain", "shop/web", "--from", scene.broker_kubeconfig)
        assert (ended.exit_code, ended.stderr) == (0, "")
        assert ended.stdout.startswith("shop/web works: 1 endpoint of east takes traffic\n")
        assert "Here" not in ended.stdout


async def test_a_cluster_that_is_no_broker_is_not_only_a_page_that_is_not_found(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        ended = await run("explain", "shop/web", "--from", write(tmp_path, "west", scene.west.kubeconfig()))
        assert (ended.exit_code, ended.stdout) == (1, "")
        assert "the broker cannot be read: this API server does not serve the kind: is it the" in ended.stderr


async def test_a_broker_that_is_away_is_said_and_the_rest_is_explained(tmp_path: Path) -> None:
    nobody = write(tmp_path, "nobody.kubeconfig", kubeconfig())
    async with Scene(tmp_path).serving() as scene:
        found = await scene.json("--broker-kubeconfig", nobody)
        assert ids(found)[0] in ("01", "60")
        assert "the MemberClusters, on the broker" in found["unknown"][0]["what"]
        assert "cannot connect" in found["unknown"][0]["why"]
        assert found["here"]["namespace"] == "active"


async def test_answers_of_dns_are_not_judged_by_what_could_not_be_read(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        host, port = scene.server.addresses()[0]
        scene.west.faults.fail(403, verbs=("get",), resources=("serviceimports", "services"))
        words = ("--broker-kubeconfig", scene.broker_kubeconfig)
        found = await scene.json(*words, "--dns", f"{host}:{port}")
        assert (ids(found), found["dns"]) == (["60"], None)
        assert found["here"]["unread"] == ["Service", "ServiceImport", "derived Service"]
        shown = await scene.explain(*words)
        assert "the Service could not be read, no ServiceExport\n  ServiceImport: not read" in shown.stdout


async def test_a_dns_service_that_may_not_be_read_is_not_missing(tmp_path: Path) -> None:
    async with Scene(tmp_path).serving() as scene:
        scene.west.faults.fail(403, verbs=("get",), resources=("services",))
        found = await scene.json("--broker-kubeconfig", scene.broker_kubeconfig)
        assert found["dns"]["problem"].startswith("Service mcs-system/mcs-dns could not be read: ")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("web",), 2, "'web' is not the namespace and name of a Service"),
        (("shop/web", "--dns", "here"), 2, "'here' is no address of a DNS server"),
        (("shop/web", "--from", "nowhere"), 2, "--from: nowhere is no file"),
        (("shop/web", "--lease-name", "a b"), 2, "not the name of a Lease"),
        ((), 2, "NAMESPACE/NAME"),
    ],
)
async def test_a_mistake_is_told_in_one_line(words: tuple[str, ...], code: int, says: str) -> None:
    ended = await run("explain", *words)
    assert (ended.exit_code, ended.stdout, len(ended.stderr.splitlines())) == (code, "", 1)
    assert says in ended.stderr


async def test_a_cluster_that_is_away_is_an_error(tmp_path: Path) -> None:
    nobody = write(tmp_path, "nobody.kubeconfig", kubeconfig())
    ended = await run("explain", "shop/web", "--kubeconfig", nobody)
    assert (ended.exit_code, ended.stdout, len(ended.stderr.splitlines())) == (1, "", 1)
