"""What is foretold of a clusterset, as `explain --what-if` does it, and what is done then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    EXPORT_POLICIES,
    IMPORT_POLICIES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    SERVICE_EXPORT_POLICIES,
    SERVICES,
    Resource,
)
from mcs_controller.cli.explaining.bulk import read_services
from mcs_controller.cli.explaining.manifests import Manifest, changes_of, kinds_of
from mcs_controller.cli.explaining.policies import read_live
from mcs_controller.cli.explaining.reading import Reading
from mcs_controller.clusterset.explain.changes import BULK_KIND, POLICY_KINDS
from mcs_controller.clusterset.explain.explanation import Explanation
from mcs_controller.clusterset.explain.what_if import WhatIf, what_if
from mcs_controller.kube.client import Client
from tests.controllers.explaining import picture
from tests.support.clusterset import Clusterset
from tests.support.objects import EXPORTS, Object
from tests.support.users import put

REFUSED = "MCS-WHY-05"
KINDS: Mapping[str, Resource] = {
    "ServiceExport": EXPORTS,
    "Service": SERVICES,
    "EndpointSlice": ENDPOINT_SLICES,
    "Namespace": NAMESPACES,
    "MemberCluster": MEMBER_CLUSTERS,
    "ExportPolicy": EXPORT_POLICIES,
    "ImportPolicy": IMPORT_POLICIES,
    "ServiceExportPolicy": SERVICE_EXPORT_POLICIES,
}


class Case(NamedTuple):
    """Something done in a cluster, and effects that must be foretold: what would be otherwise, and how."""

    cluster: str
    body: Object
    effects: Mapping[str, str | None]
    deleted: bool = False


async def foretold(world: Clusterset, case: Case) -> WhatIf:
    seen = await picture(world, case.cluster)
    manifests = [Manifest(case.body, case.deleted)]
    kinds, here = kinds_of(manifests), seen.here
    reading = Reading(world[case.cluster].api, "in this cluster")
    if here is not None and kinds & {*POLICY_KINDS}:
        here = replace(here, live=await read_live(reading))
    if here is not None and BULK_KIND in kinds:
        here = replace(here, bulk=await read_services(reading, here.bulk))
    seen = replace(seen, here=here)
    return what_if(seen, changes_of(manifests, seen))


async def do(api: Client, case: Case) -> None:
    kind, metadata = KINDS[case.body["kind"]], case.body["metadata"]
    if case.deleted:
        await api.delete(kind, metadata["name"], namespace=metadata.get("namespace", ""))
        if case.body["kind"] == "Service":
            # As the cluster's own controllers do.
            await api.delete(ENDPOINT_SLICES, "web-abc", namespace="shop")
    elif case.body["kind"] == "MemberCluster":
        spec = {"spec": case.body["spec"]}
        await api.patch(kind, metadata["name"], spec, namespace=metadata["namespace"])
    elif case.body["kind"] == "Service":
        # The IP that it has stays.
        await api.patch(kind, metadata["name"], {"spec": case.body["spec"]}, namespace="shop")
    else:
        await put(api, kind, case.body)


def essence(seen: Explanation) -> Any:
    """Without times and what only the API server or the agent's clock knows.

    An export that is refused is told of; once its cluster has withdrawn it, nothing here shows it any more.
    """
    here = seen.here
    assert here is not None
    return {
        "exporters": [
            (one.cluster, one.rank, one.why_not, one.type, one.ports, one.endpoints)
            for one in seen.exporters
            if one.rank
        ],
        "decisions": [(one.field, one.value, one.decided_by) for one in seen.decisions],
        "ports": seen.ports,
        "findings": [(one.id, one.severity, one.cluster) for one in seen.findings if one.id != REFUSED],
        "here": (here.namespace, here.place, here.has_import, here.ready, here.missing, here.left_over),
    }
