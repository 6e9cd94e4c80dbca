"""A simulated API server of the demo on a loopback port, with the kubeconfig that leads to it.

`admin` is a client of the cluster's administrator. It goes over HTTP and by that kubeconfig, as `kubectl`
and everything else of the demo does: nobody has a way of their own into the simulation.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mcs_controller.cli.connecting import connect
from mcs_controller.cli.demo.kubeconfigs import KubeconfigFolder, with_users
from mcs_controller.kube.client import Client
from mcs_controller.simcluster.cluster import SimCluster


@dataclass(frozen=True, slots=True)
class ApiServer:
    """One that is being served; `simulation` is there for its faults."""

    name: str
    simulation: SimCluster
    kubeconfig: Path
    admin: Client


@asynccontextmanager
async def api_server(
    name: str, service_cidr: str, folder: KubeconfigFolder, *, users: Sequence[str] = ()
) -> AsyncIterator[ApiServer]:
    """Serve until the block ends; each of `users` has a context of its name in the kubeconfig."""
    async with SimCluster(name, service_cidrs=(service_cidr,)) as simulation, simulation.serve():
        kubeconfig = folder.write(name, with_users(simulation.kubeconfig(), users))
        admin = connect(kubeconfig, None, name=name)
        try:
            yield ApiServer(name, simulation, kubeconfig, admin)
        finally:
            await admin.close()
