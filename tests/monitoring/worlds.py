"""Series of a cluster whose agents, DNS servers and hubs are well, and what changes when something is not.

Each series is a function from the minute to its value, None where it is not there. Before a fault everything
is well, and what happens in every cluster happens: another agent leads, and a DNS server is restarted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

LEADER_CHANGES_MINUTE = 3
RESTART_MINUTE = 6
FAULT_MINUTE = 12
END_MINUTE = 200

Value = Callable[[int], float | None]
World = dict[tuple[str, str], Value]
"""By the name of the series, and the instance that serves it."""


def steady(value: float) -> Value:
    """Always the same."""
    return lambda minute: value


def growing(per_minute: float) -> Value:
    """A counter."""
    return lambda minute: per_minute * minute


def absent(minute: int) -> None:
    """Not there."""


def slower(seconds: float) -> dict[str, Value]:
    """The buckets of a histogram of which 100 a minute take so long."""
    name = "mcs_export_to_import_seconds_bucket"
    limits = (0.1, 10, 30, 300)
    buckets = {f'{name}{{le="{limit}"}}': growing(100 * (seconds <= limit)) for limit in limits}
    return {**buckets, f'{name}{{le="+Inf"}}': growing(100)}


def lagging(seconds: float) -> dict[str, Value]:
    """The same of the event loop."""
    name = "mcs_event_loop_lag_seconds_bucket"
    limits = (0.001, 0.25, 1, 2.5)
    buckets = {f'{name}{{le="{limit}"}}': growing(120 * (seconds <= limit)) for limit in limits}
    return {**buckets, f'{name}{{le="+Inf"}}': growing(120)}


def ready_of_web(member: str) -> str:
    """The series of a service that a member exports."""
    return (
        'mcs_service_import_endpoints{service_namespace="shop",service_name="web",state="ready",'
        f'member="{member}"}}'
    )


EVERY_PROCESS: Mapping[str, Value] = {
    "up": steady(1),
    "mcs_ready": steady(1),
    'mcs_build_info{version="1"}': steady(1),
    **lagging(0.001),
}
EVERY_AGENT: Mapping[str, Value] = {**EVERY_PROCESS, "mcs_heartbeat_age_seconds": steady(5)}
LEADER: Mapping[str, Value] = {
    'mcs_kube_credential_issued_timestamp_seconds{client="broker"}': steady(0),
    'mcs_kube_credential_expires_timestamp_seconds{client="broker"}': steady(86_400),
    'mcs_kube_credential_issued_timestamp_seconds{client="local"}': growing(60),
    'mcs_kube_credential_expires_timestamp_seconds{client="local"}': lambda minute: minute * 60 + 3600,
    'mcs_kube_reachable{client="broker"}': steady(1),
    'mcs_kube_reachable{client="local"}': steady(1),
    'mcs_member_alive{member="east"}': steady(1),
    'mcs_member_missing{member="east"}': steady(0),
    'mcs_member_heartbeat_age_seconds{member="east"}': steady(9),
    'mcs_fuse_tripped{fuse="imports"}': steady(0),
    'mcs_fuse_tripped{fuse="members"}': steady(0),
    'mcs_retained_objects{kind="record",reason="missing"}': steady(0),
    "mcs_broker_history_breaks_total": steady(0),
    "mcs_exports_unread": steady(0),
    **slower(0.05),
    'mcs_queue_failing_keys{queue="imports"}': steady(0),
    'mcs_queue_oldest_age_seconds{queue="imports"}': steady(0),
    "mcs_foreign_imports_total": steady(0),
    "mcs_former_ids": steady(0),
    'mcs_exports{condition="Conflict",status="True"}': steady(0),
    ready_of_web("east"): steady(2),
    ready_of_web("west"): steady(0),
}
"""What only the agent serves that leads."""
DNS_SERVER: Mapping[str, Value] = {
    **EVERY_PROCESS,
    'mcs_kube_reachable{client="local"}': steady(1),
    "mcs_dns_zone_synced": steady(1),
    "mcs_dns_zone_age_seconds": steady(20),
    'mcs_dns_requests_total{rcode="NOERROR"}': growing(6000),
    'mcs_dns_requests_total{rcode="SERVFAIL"}': steady(0),
    "mcs_dns_faults_total": steady(0),
    'mcs_dns_dropped_total{reason="response"}': growing(600),
    'mcs_dns_dropped_total{reason="send"}': steady(0),
    "mcs_dns_worker_restarts_total": steady(0),
    'mcs_dns_snapshot_writes_total{result="failure"}': steady(0),
    "mcs_dns_zone_services_over_bounds": steady(0),
}

HUB: Mapping[str, Value] = {**EVERY_PROCESS, "mcs_hub_leading": steady(0)}
LEADING_HUB: Mapping[str, Value] = {
    **HUB,
    "mcs_hub_leading": steady(1),
    "mcs_hub_members": steady(2),
    "mcs_hub_members_silent": steady(0),
    'mcs_hub_heartbeat_age_seconds{member="east"}': steady(9),
    "mcs_hub_profiles": steady(2),
    "mcs_hub_profile_names_taken": steady(0),
    'mcs_hub_profile_writes_total{what="status"}': growing(1),
}

AGENTS, DNS_SERVERS, HUBS = ("agent-1", "agent-2"), ("dns-1", "dns-2"), ("hub-1", "hub-2")


@dataclass(frozen=True)
class Fault:
    """From `FAULT_MINUTE` on, series of some instances have other values.

    Then `alert` fires, once for each of `times` things: within `late_minutes` after the time for which its
    rule waits, since rates take time to grow.
    """

    alert: str
    changes: Mapping[str, Value]
    instances: tuple[str, ...] = ("agent-2",)
    times: int = 1
    late_minutes: int = 2


def well() -> World:
    """Two agents, two DNS servers and two hubs in which nothing is wrong."""
    first, second = AGENTS
    world = {(name, instance): value for name, value in EVERY_AGENT.items() for instance in AGENTS}
    world["mcs_agent_leading", first] = lambda minute: float(minute < LEADER_CHANGES_MINUTE)
    world["mcs_agent_leading", second] = lambda minute: float(minute >= LEADER_CHANGES_MINUTE)
    for name, value in LEADER.items():
        world[name, first] = _between(0, LEADER_CHANGES_MINUTE, value)
        world[name, second] = _between(LEADER_CHANGES_MINUTE, END_MINUTE + 1, value)
    for name, value in DNS_SERVER.items():
        world[name, DNS_SERVERS[0]] = value
        world[name, DNS_SERVERS[1]] = _restarted(value)
    for served, hub in zip((LEADING_HUB, HUB), HUBS, strict=True):
        world.update({(name, hub): value for name, value in served.items()})
    return world


def well_until(*faults: Fault, mended_minute: int = END_MINUTE + 1) -> World:
    """The same, and then these, until they are mended."""
    world = well()
    for fault in faults:
        for name, value in fault.changes.items():
            for instance in fault.instances:
                world[name, instance] = _while(world.get((name, instance), absent), value, mended_minute)
    return world


def _between(begin: int, end: int, value: Value) -> Value:
    return lambda minute: value(minute - begin) if begin <= minute < end else None


def _restarted(value: Value) -> Value:
    def of(minute: int) -> float | None:
        if minute == RESTART_MINUTE:
            return None
        return value(minute if minute < RESTART_MINUTE else minute - RESTART_MINUTE)

    return of


def _while(well: Value, ill: Value, mended_minute: int) -> Value:
    return lambda minute: (
        ill(minute - FAULT_MINUTE) if FAULT_MINUTE <= minute < mended_minute else well(minute)
    )


def input_series(world: World, minutes: int) -> list[dict[str, str]]:
    """As promtool reads them, one value a minute."""
    return [
        {"series": _labelled(name, instance), "values": " ".join(_written(value, minutes))}
        for (name, instance), value in world.items()
    ]


def _written(value: Value, minutes: int) -> list[str]:
    written: list[str] = []
    for minute in range(minutes + 1):
        number = value(minute)
        gone = "stale" if written and written[-1] not in ("stale", "_") else "_"
        written.append(gone if number is None else f"{number:g}" if number < 1e5 else str(int(number)))
    return written


def _labelled(name: str, instance: str) -> str:
    """As Prometheus labels what it scrapes of one target."""
    metric, _, labels = name.rstrip("}").partition("{")
    target = f'cluster="west",job="mcs-{instance[:-2]}",instance="{instance}"'
    return f"{metric}{{{target}{',' + labels if labels else ''}}}"
