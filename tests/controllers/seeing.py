"""What a user sees of a clusterset: `explain` and `status` as text, conditions of objects, and Events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mcs_controller.api.resources import EXPORTED_SERVICES, MEMBER_CLUSTERS
from mcs_controller.cli.explaining.text import Style, as_text
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.overview.model import BrokerSeen, ClusterSeen, NoAnswer, Overview, Unknown
from mcs_controller.clusterset.overview.reading import broker_seen, exports_seen, imports_seen
from mcs_controller.clusterset.overview.text import screen
from mcs_controller.clusterset.services import decode
from mcs_controller.kube.errors import TransportError
from tests.controllers.explaining import WEB, explained
from tests.support.agents import LoopClock
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import EXPORTS, IMPORTS

MEMBER_TIMEOUT_SECONDS = 60.0
_NOT_ASKED = Unknown("not asked")


@dataclass(frozen=True, slots=True)
class Seen:
    """Each in one line, so that no wrapped line hides what is looked for."""

    explain: str
    status: str
    describe: str
    """The conditions of the service's ServiceExport and ServiceImport in the cluster that is looked at."""
    events: str
    """What its agent has told about these two, the newest last."""


async def seen(world: Clusterset, cluster: str, key: ServiceKey = WEB) -> Seen:
    """What somebody sees who looks at a service from a cluster."""
    told = as_text(await explained(world, cluster, key), Style())
    overview = Overview(
        "now", await _broker(world), tuple([await _cluster(one) for one in world]), MEMBER_TIMEOUT_SECONDS
    )
    return Seen(
        _joined(told),
        _joined(line.text for line in screen(overview)),
        await _described(world[cluster], key),
        _told(world[cluster], key),
    )


async def _broker(world: Clusterset) -> BrokerSeen | Unknown:
    try:
        members = (await world.broker_api.list(MEMBER_CLUSTERS)).items
        records = (await world.broker_api.list(EXPORTED_SERVICES)).items
    except TransportError as error:
        return NoAnswer(str(error))
    return broker_seen(
        [decode_member(one) for one in members],
        [decode.exported_service(one) for one in records],
        LoopClock().now().timestamp(),
    )


async def _cluster(cluster: Cluster) -> ClusterSeen:
    exports = [decode.service_export(one) for one in await cluster.all_of(EXPORTS)]
    imports = [decode.service_import(one) for one in await cluster.all_of(IMPORTS)]
    return ClusterSeen(
        cluster.name,
        cluster.name,
        "",
        _NOT_ASKED,
        exports_seen(exports, cluster.name),
        imports_seen(imports),
        _NOT_ASKED,
        _NOT_ASKED,
    )


async def _described(cluster: Cluster, key: ServiceKey) -> str:
    objects = (await cluster.export_of(*key), await cluster.import_of(*key))
    conditions = [one for held in objects if held for one in held.get("status", {}).get("conditions", ())]
    return _joined(f"{one['type']} {one['status']} {one['reason']}: {one['message']}" for one in conditions)


def _told(cluster: Cluster, key: ServiceKey) -> str:
    if cluster.process is None:
        return ""
    told = zip(cluster.agent.told.events, cluster.agent.told.notes, strict=True)
    return _joined(
        f"{kind} {type} {reason}: {note}" for (kind, name, type, reason), note in told if name == key.name
    )


def _joined(lines: Iterable[str]) -> str:
    return " ".join(" ".join(lines).split())
