"""What only a real API server shows of a hub: what is applied no more goes; a killed leader is followed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcs_controller.api.resources import LEASES, MEMBER_CLUSTERS, cluster_profiles
from mcs_controller.clusterset.identity import member_namespace
from tests.api.test_inventory_on_kube_apiserver import SERVER, apply_report, member, running_hub
from tests.realkube.controlplane import ControlPlane
from tests.realkube.process import ServerProcess
from tests.realkube.product import PROGRAM
from tests.realkube.rest import MERGE_PATCH
from tests.support.waiting import eventually

pytestmark = pytest.mark.realkube

PROFILES = cluster_profiles()
CERTIFICATE = "QSBjZXJ0aWZpY2F0ZQ=="
LAX = {
    "insecureSkipTLSVerify": True,
    "proxyUrl": "http://old.example.com:3128",
    "certificateAuthorityData": CERTIFICATE,
    "tlsServerName": "old.example.com",
}
AS_WRITTEN = {
    "insecure-skip-tls-verify": True,
    "proxy-url": "http://old.example.com:3128",
    "certificate-authority-data": CERTIFICATE,
    "tls-server-name": "old.example.com",
}


async def profile_of(plane: ControlPlane, namespace: str, name: str) -> dict[str, Any]:
    """The member's profile, empty while there is none."""
    answer = await plane.request("GET", PROFILES.path(namespace, f"mcs-controller.{name}"))
    return dict(answer.body) if answer.status == 200 else {}


@pytest.mark.requirement("CP-04")
async def test_each_field_of_a_way_that_is_taken_back_is_gone_from_the_profile(
    crds: ControlPlane, namespace: str
) -> None:
    async def way() -> Any:
        found = await profile_of(crds, namespace, "taken-back")
        return (found.get("status", {}).get("accessProviders") or [{}])[0].get("cluster")

    path = MEMBER_CLUSTERS.path(member_namespace("taken-back"), "taken-back")
    async with member(crds, "taken-back", **LAX):
        async with running_hub(crds, namespace):
            await eventually(way, lambda found: found == {"server": SERVER, **AS_WRITTEN})
            left = [{"name": "corp", "server": SERVER, "certificateAuthorityData": CERTIFICATE}]
            await crds.call("PATCH", path, {"spec": {"access": left}}, content_type=MERGE_PATCH)
            secured = {"server": SERVER, "certificate-authority-data": CERTIFICATE}
            await eventually(way, lambda found: found == secured)
        # A hub that does not remember what the one before applied takes it back as well.
        left = [{"name": "corp", "server": SERVER}]
        await crds.call("PATCH", path, {"spec": {"access": left}}, content_type=MERGE_PATCH)
        async with running_hub(crds, namespace):
            await eventually(way, lambda found: found == {"server": SERVER})


@contextlib.contextmanager
def replicas(
    plane: ControlPlane, namespace: str, folder: Path, *names: str
) -> Iterator[dict[str, ServerProcess]]:
    """Hubs as a user runs them, which elect a leader."""
    running = {
        name: ServerProcess(
            f"hub-{name}",
            plane.place.command(
                [
                    PROGRAM,
                    "hub",
                    f"--kubeconfig={plane.kubeconfig()}",
                    "--http=127.0.0.1:0",
                    f"--inventory-namespace={namespace}",
                    f"--lease-namespace={namespace}",
                    f"--lease-identity={name}",
                ]
            ),
            folder,
        )
        for name in names
    }
    try:
        for one in running.values():
            one.start()
        yield running
    finally:
        for one in running.values():
            one.kill()


@pytest.mark.requirement("CP-01", "CP-08")
@pytest.mark.timeout(180)
async def test_the_second_replica_of_a_hub_goes_on_with_the_same_profiles_when_the_leader_is_killed(
    crds: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    async def holder() -> str:
        found = await crds.request("GET", LEASES.path(namespace, "mcs-hub"))
        spec = found.body.get("spec", {}) if found.status == 200 else {}
        return str(spec.get("holderIdentity") or "").rpartition("_")[2]

    async def profile() -> dict[str, Any]:
        return await profile_of(crds, namespace, "led")

    def says(found: dict[str, Any], name: str) -> bool:
        return [one["name"] for one in found.get("status", {}).get("properties", ())] == [name]

    async with member(crds, "led"):
        await apply_report(crds, "a.example.com", member="led")
        with replicas(crds, namespace, tmp_path, "one", "two") as hubs:
            before = await eventually(profile, lambda found: says(found, "a.example.com"), 60)
            leader = await holder()
            hubs[leader].kill()
            await apply_report(crds, "b.example.com", member="led")
            after = await eventually(profile, lambda found: says(found, "b.example.com"), 90)
            assert {leader, await holder()} == {"one", "two"}
            assert after["metadata"]["uid"] == before["metadata"]["uid"]
            listed = await crds.call("GET", PROFILES.path(namespace))
            assert [one["metadata"]["name"] for one in listed["items"]] == ["mcs-controller.led"]
