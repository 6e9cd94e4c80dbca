"""Hypothesis strategies: records of a clusterset that disagree in every way, and JSON of no sense."""

from typing import Any, cast

from hypothesis import strategies as st

from mcs_controller.clusterset.model import AddressFamily, AffinityConfig, ExportRecord, ServicePort
from tests.clusterset.builders import SECONDS, WEB

FAMILIES: tuple[tuple[AddressFamily, ...], ...] = (
    ("IPv4",),
    ("IPv6",),
    ("IPv4", "IPv6"),
    ("IPv6", "IPv4"),
)
CLUSTERS = [f"c{number}" for number in range(8)]

service_ports = st.builds(
    ServicePort,
    port=st.integers(80, 83),
    name=st.sampled_from(["", "http", "web", "dns", "tcp-80", "udp-81"]),
    protocol=st.sampled_from(["TCP", "UDP"]),
    app_protocol=st.sampled_from([None, "http"]),
)

port_lists = st.lists(
    service_ports, min_size=1, max_size=4, unique_by=(lambda p: p.name, lambda p: (p.protocol, p.port))
).map(tuple)

affinities = st.one_of(
    st.just(AffinityConfig()),
    st.builds(AffinityConfig, affinity=st.just("ClientIP"), timeout_seconds=st.sampled_from([10, 10_800])),
)

string_maps = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["1", "2"])).map(
    lambda pairs: tuple(sorted(pairs.items()))
)


def records_of(cluster: str) -> st.SearchStrategy[ExportRecord]:
    return st.builds(
        ExportRecord,
        cluster=st.just(cluster),
        service=st.just(WEB),
        exported_at=st.integers(0, 3).map(SECONDS.format),
        type=st.sampled_from(["ClusterSetIP", "Headless"]),
        ports=port_lists,
        affinity=affinities,
        internal_traffic_policy=st.sampled_from(["Cluster", "Local"]),
        traffic_distribution=st.sampled_from([None, "PreferClose", "PreferSameZone"]),
        ip_families=st.sampled_from(FAMILIES),
        labels=string_maps,
        annotations=string_maps,
    )


record_sets = st.sets(st.sampled_from(CLUSTERS), min_size=1, max_size=6).flatmap(
    lambda clusters: st.tuples(*(records_of(cluster) for cluster in sorted(clusters)))
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["IPv4", "IPv6", "TCP", "web", "shop", "None", "ClientIP", "10.0.0.1", "fd00::1"]),
)
json_values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=10,
)


def mutated(value: Any) -> st.SearchStrategy[Any]:
    """The object with any of its parts, at any depth, dropped or replaced by nonsense."""
    if isinstance(value, dict):
        kept = st.fixed_dictionaries({}, optional={key: mutated(item) for key, item in value.items()})
        parts = st.one_of(st.fixed_dictionaries({k: mutated(v) for k, v in value.items()}), kept)
    elif isinstance(value, list):
        parts = cast(Any, st.lists(mutated(value[0]), max_size=3) if value else st.just([]))
    else:
        parts = cast(Any, st.just(value))
    return st.integers(0, 7).flatmap(lambda roll: json_values if roll == 0 else parts)
