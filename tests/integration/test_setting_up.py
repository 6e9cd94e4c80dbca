"""A clusterset is set up by the commands alone, on real control planes, and its agent exports a service.

The agent gets nothing for the broker but what `join` has put into its cluster.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.installing import results, told
from tests.cli.program import Ended, run
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane, ControlPlaneSpec
from tests.realkube.process import ServerProcess
from tests.realkube.product import PROGRAM, Component, free_port, killed_in_the_end
from tests.support.waiting import eventually

pytestmark = [pytest.mark.realkube, pytest.mark.slow]

SHOP = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"ports": [{"port": 80}]},
    },
    {
        "apiVersion": "multicluster.x-k8s.io/v1beta1",
        "kind": "ServiceExport",
        "metadata": {"name": "web", "namespace": "shop"},
    },
]


@pytest.fixture
async def planes(tmp_path: Path) -> AsyncIterator[RealClusterset]:
    specs = [ControlPlaneSpec(name, controller_manager=False) for name in ("broker", "east")]
    async with RealClusterset(tmp_path, specs) as clusterset:
        yield clusterset


async def start_agent(east: ControlPlane, credential: Path, folder: Path, *options: str) -> Component:
    """With the rights that we ship for it in its own cluster."""
    http = f"127.0.0.1:{free_port()}"
    process = ServerProcess(
        "agent",
        [
            PROGRAM,
            "agent",
            "--cluster-id=east",
            f"--kubeconfig={await east.service_account_kubeconfig('mcs-system', 'mcs-agent')}",
            f"--broker-kubeconfig={credential}",
            f"--http={http}",
            *options,
        ],
        folder,
    )
    process.start()
    return Component(process, f"http://{http}")


async def test_a_cluster_joins_with_what_the_commands_made_and_its_export_arrives(
    planes: RealClusterset, tmp_path: Path
) -> None:
    broker, east = planes["broker"], planes["east"]
    on_broker = ("--broker-kubeconfig", broker.kubeconfig())
    in_east = ("--kubeconfig", east.kubeconfig())
    file = tmp_path / "east-on-broker.kubeconfig"

    assert results(await run("broker", "init", *on_broker)) == ["created"] * 7
    assert results(await run("broker", "init", *on_broker)) == ["unchanged"] * 7
    created = await run("broker", "create-member", "east", *on_broker, "--output-file", file)
    assert results(created) == ["created"] * 5
    joined = await run("join", "--broker-kubeconfig", file, *in_east)
    assert results(joined) == ["created"] * 2
    assert results(await run("join", "--broker-kubeconfig", file, *in_east)) == ["unchanged"] * 2
    token = json.loads(
        (await east.kubectl("config", "view", "--raw", "-o=json", f"--kubeconfig={file}")).stdout
    )["users"][0]["user"]["token"]
    for ended in (created, joined):
        assert token not in ended.stdout + ended.stderr

    await install(east, in_east)
    secret = await east.call("GET", "/api/v1/namespaces/mcs-system/secrets/mcs-broker")
    credential = tmp_path / "mounted.kubeconfig"
    credential.write_bytes(b64decode(secret["data"]["kubeconfig"]))
    agent = await start_agent(east, credential, tmp_path)
    with killed_in_the_end(agent):
        await east.kubectl("apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, SHOP)))

        async def services() -> Any:
            ended = await run("members", "--broker-kubeconfig", file, "-o", "json")
            assert ended.exit_code == 0, ended
            (member,) = json.loads(ended.stdout)["members"]
            return member["services"]

        assert await eventually(services, lambda found: found == 1, 60) == 1
    path = "/apis/broker.mcs-controller.io/v1alpha1/namespaces/mcs-member-east/exportedservices"
    (exported,) = (await broker.call("GET", path))["items"]
    assert (exported["spec"]["serviceNamespace"], exported["spec"]["serviceName"]) == ("shop", "web")

    await check_that_the_id_is_taken(broker, on_broker, file)


async def install(east: ControlPlane, in_east: tuple[str, Path]) -> None:
    """The MCS API and the agent's rights."""
    ended = await run("crds", "--apply", "--for=member", *in_east)
    assert ended.exit_code == 0, ended
    await east.kubectl(
        "apply", "-f", "-", stdin=(await run("rbac", "--for=agent,properties,credential")).stdout
    )
    await east.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")


async def check_that_the_id_is_taken(broker: ControlPlane, on_broker: tuple[str, Path], file: Path) -> None:
    """Neither another cluster nor another administrator gets it by accident."""
    other: Ended = await run("join", "--broker-kubeconfig", file, "--kubeconfig", broker.kubeconfig())
    assert "cluster id east belongs to another cluster" in told(other)
    assert "member east is in use" in told(await run("broker", "create-member", "east", *on_broker))
    renewed = await run(
        *("broker", "create-member", "east", "--renew", *on_broker, "--output-file", file, "--force")
    )
    assert renewed.exit_code == 0, renewed
    members, denied = await asyncio.gather(
        run("members", "--broker-kubeconfig", file), run("broker", "init", "--broker-kubeconfig", file)
    )
    assert members.exit_code == 0
    assert "forbidden" in told(denied)
