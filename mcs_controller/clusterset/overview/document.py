"""An overview for programs: one object, in which what is not known is null and has its reason beside it."""

from collections.abc import Sequence
from typing import Any

from mcs_controller.clusterset.overview.findings import findings
from mcs_controller.clusterset.overview.model import (
    AgentSeen,
    BrokerSeen,
    ClusterAway,
    ClusterSeen,
    Dispute,
    DnsRate,
    ExportsSeen,
    ImportsSeen,
    Lag,
    Leader,
    Overview,
    Trouble,
    Unknown,
)

JsonObject = dict[str, Any]


def document(overview: Overview) -> JsonObject:
    """The whole of it. `notKnown` has the reason of each null, by the path to it."""
    not_known: dict[str, str] = {}

    def known(path: str, value: Any, told: Any) -> Any:
        if isinstance(value, Unknown):
            not_known[path] = value.reason
            return None
        return told(value)

    def cluster(one: ClusterSeen | ClusterAway) -> JsonObject:
        if isinstance(one, ClusterAway):
            return {"name": one.name, "away": {"seconds": one.away_seconds, "reason": one.reason}}
        where = f"clusters.{one.name}"

        def agent(seen: AgentSeen) -> JsonObject:
            return {
                "lag": known(f"{where}.agent.lag", seen.lag, _lag),
                "reachesBroker": seen.reaches_broker,
                "heartbeatAgeSeconds": dict(seen.members),
            }

        return {
            "name": one.name,
            "id": one.id or None,
            "away": None,
            "leader": known(f"{where}.leader", one.leader, _leader),
            "exports": known(f"{where}.exports", one.exports, _exports),
            "imports": known(f"{where}.imports", one.imports, _imports),
            "agent": known(f"{where}.agent", one.agent, agent),
            "dns": known(f"{where}.dns", one.dns, _dns),
        }

    found: JsonObject = {
        "at": overview.at,
        "broker": known("broker", overview.broker, _broker),
        "clusters": [cluster(one) for one in overview.clusters],
        "findings": [
            {
                "severity": one.severity.name.lower(),
                "what": one.what,
                "place": one.place,
                "service": str(one.services[0]) if one.services else None,
                "services": list(map(str, one.services)),
                "text": one.text,
            }
            for one in findings(overview)
        ],
    }
    return {**found, "notKnown": not_known}


def _broker(seen: BrokerSeen) -> JsonObject:
    return {
        "away": {"seconds": seen.away_seconds, "reason": seen.away} if seen.away else None,
        "exports": seen.exports,
        "services": seen.services,
        "conflicts": _disputes(seen.disputes),
        "members": [
            {
                "name": one.name,
                "heartbeatAgeSeconds": one.heartbeat_age_seconds,
                "services": one.services,
                "version": one.version or None,
            }
            for one in seen.members
        ],
    }


def _disputes(disputes: Sequence[Dispute]) -> list[JsonObject]:
    return [{**_service(one), "reason": one.reason, "clusters": list(one.clusters)} for one in disputes]


def _troubles(troubles: Sequence[Trouble]) -> list[JsonObject]:
    return [
        {**_service(one), "what": one.what, "reason": one.reason, "message": one.message} for one in troubles
    ]


def _service(one: Dispute | Trouble) -> JsonObject:
    return {"namespace": one.service.namespace, "name": one.service.name}


def _leader(seen: Leader) -> JsonObject:
    return {"holder": seen.holder or None, "lateSeconds": seen.late_seconds}


def _exports(seen: ExportsSeen) -> JsonObject:
    return {
        "count": seen.count,
        "conflicts": _disputes(seen.conflicts),
        "notWell": _troubles(seen.troubles),
    }


def _imports(seen: ImportsSeen) -> JsonObject:
    return {"count": seen.count, "held": seen.held, "notWell": _troubles(seen.troubles)}


def _lag(seen: Lag) -> JsonObject:
    return {
        "p50Seconds": seen.p50_seconds,
        "p99Seconds": seen.p99_seconds,
        "changes": seen.changes,
        "overSeconds": seen.over_seconds,
    }


def _dns(seen: DnsRate) -> JsonObject:
    return {"perSecond": seen.per_second, "servfailPerSecond": seen.servfail_per_second}
