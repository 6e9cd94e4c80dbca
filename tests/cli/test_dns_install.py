"""`mcs-controller dns install` and `uninstall` as people run them, on the ConfigMaps of a cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from mcs_controller.api.resources import CONFIG_MAPS, NAMESPACES, SERVICES
from mcs_controller.kube.errors import NotFound
from mcs_controller.simcluster.cluster import SimCluster
from tests.cli.program import Ended, run
from tests.install.cluster_dns.corefiles import KUBEADM, NODE_LOCAL
from tests.support.kubeconfigs import write

pytestmark = pytest.mark.slow

BACKUP = "mcs-controller-dns-backup"
WITHOUT_RELOAD = KUBEADM.replace("    reload\n", "")
CUSTOM = "import custom/*.server\n" + KUBEADM


class Scene:
    """A cluster whose kube-system has these ConfigMaps."""

    def __init__(self, folder: Path) -> None:
        self._cluster = SimCluster("west", random=Random(1))
        self.api = self._cluster.client()
        self._folder = folder

    @asynccontextmanager
    async def serving(self, **config_maps: dict[str, str]) -> AsyncIterator[Scene]:
        async with self._cluster, self._cluster.serve():
            await self.api.create(NAMESPACES, {"metadata": {"name": "mcs-system"}})
            for name, data in config_maps.items():
                body = {
                    "metadata": {"name": name.replace("_", "-"), "namespace": "kube-system"},
                    "data": data,
                }
                await self.api.create(CONFIG_MAPS, body)
            yield self

    async def our_service(self) -> str:
        ports = [{"name": "dns", "port": 53, "protocol": "UDP"}]
        metadata = {"name": "mcs-dns", "namespace": "mcs-system"}
        made = await self.api.create(SERVICES, {"metadata": metadata, "spec": {"ports": ports}})
        return str(made["spec"]["clusterIP"])

    async def dns(self, *words: str) -> Ended:
        return await run(
            "dns", *words, "--kubeconfig", write(self._folder, "west.kubeconfig", self._cluster.kubeconfig())
        )

    async def read(self, name: str) -> dict[str, Any] | None:
        try:
            return await self.api.get(CONFIG_MAPS, name, "kube-system")
        except NotFound:
            return None

    async def data(self, name: str) -> dict[str, str] | None:
        found = await self.read(name)
        return None if found is None else dict(found.get("data") or {})


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_coredns_and_node_local_dns_forward_to_our_service_and_forget_it(scene: Scene) -> None:
    coredns, node_local = {"Corefile": KUBEADM, "other": "kept"}, {"Corefile": NODE_LOCAL}
    async with scene.serving(coredns=coredns, node_local_dns=node_local):
        address = await scene.our_service()
        ended = await scene.dns("install")
        assert ended == Ended(
            0,
            f"ConfigMap kube-system/coredns, Corefile: forwards clusterset.local to {address}\n"
            f"ConfigMap kube-system/node-local-dns, Corefile: forwards clusterset.local to {address}\n",
            "",
        )
        for name, before in (("coredns", coredns), ("node-local-dns", node_local)):
            after = await scene.data(name)
            assert after is not None
            assert f"forward . {address}\n" in after["Corefile"]
            assert after["Corefile"].startswith(before["Corefile"])
            assert {**after, "Corefile": before["Corefile"]} == before
        assert await scene.data(BACKUP) == {
            "coredns.Corefile": KUBEADM,
            "node-local-dns.Corefile": NODE_LOCAL,
        }

        again = await scene.dns("install")
        assert again.stdout.count(f"forwards clusterset.local to {address} already") == 2

        ended = await scene.dns("uninstall")
        assert ended.exit_code == 0
        assert await scene.data("coredns") == coredns
        assert await scene.data("node-local-dns") == node_local
        assert await scene.data(BACKUP) is None

        ended = await scene.dns("uninstall")
        assert ended.stdout.count("does not forward clusterset.local to us already") == 2


async def test_a_dry_run_prints_the_difference_and_writes_nothing(scene: Scene) -> None:
    async with scene.serving(coredns={"Corefile": KUBEADM}):
        ended = await scene.dns("install", "--forward-to", "10.9.9.9,fd00::9", "--dry-run")
        assert ended.exit_code == 0
        assert "+    forward . 10.9.9.9 fd00::9\n" in ended.stdout
        assert "(dry run, nothing was written)" in ended.stdout
        assert await scene.data("coredns") == {"Corefile": KUBEADM}
        assert await scene.data(BACKUP) is None


async def test_a_corefile_that_imports_others_gets_one_of_ours(scene: Scene) -> None:
    async with scene.serving(coredns={"Corefile": CUSTOM}):
        await scene.dns("install", "--forward-to", "10.9.9.9")
        assert await scene.data("coredns") == {"Corefile": CUSTOM}
        custom = await scene.data("coredns-custom")
        assert custom is not None
        assert "forward . 10.9.9.9" in custom["mcs-controller.server"]
        ended = await scene.dns("uninstall")
        assert ended.exit_code == 0, ended
        assert await scene.data("coredns-custom") is None
        assert await scene.data(BACKUP) is None


async def test_what_others_put_into_coredns_custom_stays(scene: Scene) -> None:
    theirs = {"corp.server": "corp.example:53 {\n    forward . 10.0.0.1\n}\n"}
    async with scene.serving(coredns={"Corefile": CUSTOM}, coredns_custom=theirs):
        await scene.dns("install", "--forward-to", "10.9.9.9")
        both = await scene.data("coredns-custom")
        assert both is not None
        assert set(both) == {"corp.server", "mcs-controller.server"}
        await scene.dns("uninstall")
        assert await scene.data("coredns-custom") == theirs


async def test_kube_dns_gets_a_stub_domain(scene: Scene) -> None:
    before = {"stubDomains": '{"corp.example": ["10.0.0.1"]}\n'}
    async with scene.serving(kube_dns=before):
        ended = await scene.dns("install", "--forward-to", "10.9.9.9")
        assert ended.exit_code == 0, ended
        assert await scene.data("kube-dns") == {
            "stubDomains": '{"corp.example": ["10.0.0.1"], "clusterset.local": ["10.9.9.9"]}\n'
        }
        await scene.dns("install", "--forward-to", "10.9.9.8")
        assert '"clusterset.local": ["10.9.9.8"]' in ((await scene.data("kube-dns")) or {})["stubDomains"]
        await scene.dns("uninstall")
        after = await scene.read("kube-dns")
        assert after is not None
        assert after["data"] == before
        assert not after["metadata"].get("annotations")
        assert await scene.data(BACKUP) is None


@pytest.mark.parametrize(
    ("name", "data", "twice"),
    [
        ("coredns", {"Corefile": KUBEADM}, "does not forward clusterset.local to us already"),
        ("kube-dns", {"stubDomains": '{"a.example": ["10.1.1.1"]}'}, "has no ConfigMap that forwards"),
    ],
)
async def test_who_is_killed_before_the_kept_texts_are_gone_gets_rid_of_them_by_a_second_run(
    scene: Scene, name: str, data: dict[str, str], twice: str
) -> None:
    async with scene.serving(**{name.replace("-", "_"): data}):
        await scene.dns("install", "--forward-to", "10.9.9.9")
        # What `dns uninstall` has written by then.
        found = await scene.read(name)
        assert found is not None
        metadata = {**found["metadata"], "annotations": {}}
        await scene.api.update(CONFIG_MAPS, {**found, "metadata": metadata, "data": data})
        assert await scene.data(BACKUP) is not None
        ended = await scene.dns("uninstall")
        assert twice in ended.stdout
        assert "stays" not in ended.stdout
        assert await scene.data(BACKUP) is None


async def test_what_was_there_before_stays_kept_when_it_was_changed_since(scene: Scene) -> None:
    async with scene.serving(coredns={"Corefile": KUBEADM}):
        await scene.dns("install", "--forward-to", "10.9.9.9")
        found = await scene.read("coredns")
        assert found is not None
        longer = found["data"]["Corefile"].replace("ttl 30", "ttl 60")
        await scene.api.update(CONFIG_MAPS, {**found, "data": {"Corefile": longer}})
        ended = await scene.dns("uninstall")
        assert f"ConfigMap kube-system/{BACKUP} stays" in ended.stdout
        assert await scene.data("coredns") == {"Corefile": KUBEADM.replace("ttl 30", "ttl 60")}
        assert await scene.data(BACKUP) == {"coredns.Corefile": KUBEADM}


async def test_who_must_restart_something_is_told(scene: Scene) -> None:
    async with scene.serving(coredns={"Corefile": WITHOUT_RELOAD}):
        ended = await scene.dns("install", "--forward-to", "10.9.9.9")
        assert "its Corefile has no `reload`: restart its pods" in ended.stdout


async def test_what_cannot_be_edited_is_named_and_nothing_is_written(scene: Scene) -> None:
    answers = KUBEADM.replace("ready", "multicluster clusterset.local")
    async with scene.serving(coredns={"Corefile": answers}, node_local_dns={"Corefile": NODE_LOCAL}):
        ended = await scene.dns("install", "--forward-to", "10.9.9.9")
        assert ended.exit_code == 1
        assert ended.stderr.startswith(
            "mcs-controller: ConfigMap coredns, Corefile: CoreDNS itself answers clusterset.local"
        )
        assert await scene.data("node-local-dns") == {"Corefile": NODE_LOCAL}


async def test_a_cluster_without_a_known_dns_or_without_our_service_is_told_so(scene: Scene) -> None:
    async with scene.serving():
        ended = await scene.dns("install")
        assert (ended.exit_code, ended.stderr.count("\n")) == (1, 1)
        assert "there is no Service mcs-system/mcs-dns of our DNS servers" in ended.stderr
        ended = await scene.dns("install", "--forward-to", "10.9.9.9")
        assert ended.exit_code == 1
        assert "has no ConfigMap of a cluster DNS that is known" in ended.stderr


async def test_a_server_may_have_a_port(scene: Scene) -> None:
    async with scene.serving(coredns={"Corefile": KUBEADM}):
        await scene.dns("install", "--forward-to", "10.9.9.9:1053,[fd00::9]:1053")
        after = await scene.data("coredns")
        assert after is not None
        assert "forward . 10.9.9.9:1053 [fd00::9]:1053\n" in after["Corefile"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--forward-to", "dns.example"), "--forward-to: 'dns.example' is no address of a server"),
        (("--dns-service", "mcs-dns"), "--dns-service: 'mcs-dns' is not the namespace and name of a Service"),
        (("--dns-namespace", "Kube"), "--dns-namespace: 'Kube' is not the name of a namespace"),
    ],
)
async def test_bad_options_are_named(words: tuple[str, ...], told: str) -> None:
    ended = await run("dns", "install", *words)
    assert ended.exit_code == 2
    assert told in ended.stderr
