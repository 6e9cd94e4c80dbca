"""What is told of a namespace that does not go."""

from __future__ import annotations

from random import Random
from typing import Any

from mcs_controller.api.resources import EXPORTED_SERVICES, NAMESPACES
from mcs_controller.cli.namespace_end import what_holds_up
from mcs_controller.simcluster.cluster import SimCluster
from tests.controllers.mars import record
from tests.support.crds import install

NAMESPACE = "mcs-member-east"
EXPORT = {"apiVersion": EXPORTED_SERVICES.api_version, "kind": EXPORTED_SERVICES.kind}


async def told(*, finalizers: dict[str, list[str]], conditions: tuple[dict[str, Any], ...] = ()) -> str:
    """Of a namespace with these conditions, and ExportedServices of these names."""
    cluster = SimCluster("broker", random=Random(1))
    async with cluster:
        client = cluster.client()
        await install(client, EXPORTED_SERVICES.crd_name)
        await client.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
        for name, held in finalizers.items():
            metadata = {"name": name, "namespace": NAMESPACE, "finalizers": held}
            await client.create(EXPORTED_SERVICES, {**EXPORT, "metadata": metadata, "spec": record()})
        status = {"status": {"conditions": list(conditions)}}
        await client.patch(NAMESPACES, NAMESPACE, status, subresource="status")
        return await what_holds_up(client, NAMESPACE)


def condition(kind: str, status: str, message: str) -> dict[str, Any]:
    """As the namespace controller writes one."""
    return {"type": kind, "status": status, "message": message, "reason": "R"}


async def test_what_the_api_server_says_is_told_and_not_what_it_says_of_parts_that_went_well() -> None:
    said = await told(
        finalizers={},
        conditions=(
            condition("NamespaceDeletionContentFailure", "False", "All content successfully deleted"),
            condition(
                "NamespaceContentRemaining", "True", "Some resources: pods. has 1 resource instances\n"
            ),
            condition("OfSomebodyElse", "True", "blue"),
        ),
    )
    assert said == (
        r"Some resources: pods. has 1 resource instances\n. Look at `kubectl get namespace mcs-member-east "
        "-o yaml` on the broker"
    )


async def test_of_many_objects_some_are_named_and_the_rest_is_counted() -> None:
    said = await told(
        finalizers={
            "free": [],
            **{f"held{number}": [f"example.com/f{n}" for n in range(9)] for number in range(7)},
        }
    )
    assert said.count("ExportedService held") == 5
    assert ", 2 more. " in said
    assert "free" not in said
    assert "f4)" in said
    assert "kubectl patch exportedservices.broker.mcs-controller.io held0 -n mcs-member-east " in said


async def test_a_namespace_of_which_nothing_is_said_is_still_told_of() -> None:
    assert "the API server does not say why" in await told(finalizers={})
