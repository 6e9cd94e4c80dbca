"""What metrics of single services have in common, be they the agent's or the DNS server's.

Apart from `metrics.py`, since DNS workers read their configuration and do without the client library.
"""

from typing import Final

SERVICE_METRICS_MAX: Final = 10_000
"""How many services may have metrics of their own: a Prometheus bears some 100,000 series of one target."""
SERVICE_LABELS: Final = ("service_namespace", "service_name")
"""`namespace` and `service` are what Prometheus calls the target that it scrapes: it would rename ours."""
