"""What metrics of single services have in common, be they the agent's or the DNS server's.

Apart from `metrics.py`, since DNS workers read their configuration and do without the client library.
"""

from typing import Final

SERVICE_METRICS_MAX: Final = 2_000
"""How many services may have metrics of their own: a scrape keeps the process from everything else for about
0.1 s for each thousand, if three clusters export them."""
SERVICE_LABELS: Final = ("service_namespace", "service_name")
"""`namespace` and `service` are what Prometheus calls the target that it scrapes: it would rename ours."""
