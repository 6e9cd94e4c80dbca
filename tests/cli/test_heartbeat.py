"""A replica that cannot lead, since the Lease lies on an API server that refuses it, goes on beating."""

import asyncio
from pathlib import Path

import pytest

from mcs_controller.api.crd import all_crds
from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.simcluster.cluster import SimCluster
from tests.cli.program import running
from tests.support.objects import member_cluster

pytestmark = pytest.mark.slow


@pytest.mark.requirement("MCS-LIFE-03")
async def test_a_replica_that_does_not_lead_renews_the_heartbeat(tmp_path: Path) -> None:
    async with SimCluster("broker") as broker, SimCluster("east") as east:
        admin = broker.client()
        for crd in all_crds():
            await admin.create(CUSTOM_RESOURCE_DEFINITIONS, crd)
        await admin.create(NAMESPACES, {"metadata": {"name": "mcs-member-east"}})
        await admin.create(MEMBER_CLUSTERS, member_cluster("east"))
        east.faults.fail(503, resources=["leases"])
        async with east.serve(), broker.serve():
            local, of_broker = tmp_path / "local.kubeconfig", tmp_path / "broker.kubeconfig"
            local.write_text(east.kubeconfig("agent"))
            of_broker.write_text(broker.kubeconfig("member-east"))
            for file in (local, of_broker):
                file.chmod(0o600)
            argv: list[str | Path] = ["agent", "--cluster-id", "east", "--kubeconfig", local]
            argv += ["--broker-kubeconfig", of_broker]
            argv += ["--heartbeat-interval-seconds", "0.5", "--member-timeout-seconds", "5"]
            async with running(*argv) as program:
                seen: set[str] = set()
                async with asyncio.timeout(30):
                    while len(seen) < 3:
                        body = await admin.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
                        if heartbeat := (body.get("status") or {}).get("heartbeat"):
                            seen.add(heartbeat)
                        await asyncio.sleep(0.1)
                _, metrics = await program.get("/metrics")
        assert "mcs_agent_leading 0.0" in metrics
