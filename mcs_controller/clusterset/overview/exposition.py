"""Reads the metrics that an agent or a DNS server serves, in the text format of Prometheus.

Only what an overview needs is kept. A line that cannot be read is skipped: other programs' metrics may stand
in the same text.
"""

import re
from collections.abc import Collection
from typing import Final, NamedTuple

LAG: Final = "mcs_export_to_import_seconds_bucket"
BROKER_REACHABLE: Final = "mcs_kube_reachable"
MEMBER_HEARTBEAT_AGE: Final = "mcs_member_heartbeat_age_seconds"
DNS_REQUESTS: Final = "mcs_dns_requests_total"
NAMES: Final = frozenset({LAG, BROKER_REACHABLE, MEMBER_HEARTBEAT_AGE, DNS_REQUESTS})

_VALUE_MAX: Final = 1e18
"""No count or time is larger. What is not a number, or infinite, is no value, either."""

_LINE: Final = re.compile(
    r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)(?:\s+-?\d+)?", re.A
)
_LABEL: Final = re.compile(r'(?P<name>[a-zA-Z_]\w*)="(?P<value>(?:[^"\\]|\\.)*)"', re.A)


class Sample(NamedTuple):
    """One line: a metric, its labels, and its value."""

    name: str
    labels: dict[str, str]
    value: float


def read_samples(text: str, names: Collection[str] = NAMES) -> tuple[Sample, ...]:
    """The samples of these metrics, in their order."""
    found = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None or match["name"] not in names:
            continue
        try:
            value = float(match["value"])
        except ValueError:
            continue
        if not abs(value) <= _VALUE_MAX:
            continue
        labels = {one["name"]: one["value"] for one in _LABEL.finditer(match["labels"] or "")}
        found.append(Sample(match["name"], labels, value))
    return tuple(found)
