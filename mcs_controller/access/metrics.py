"""How often plugins handed out credentials, and how long that took, by access provider (CP-29).

The names of the provider file are the label's values: nothing that a ClusterProfile says becomes a label.
"""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

FETCH_BUCKETS_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
RESULTS: Final = ("ok", "error")


class AccessMetrics:
    """For one registry of a consumer's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._fetches = Counter(
            "mcs_access_credential_fetches",
            "Runs of credential plugins that ended.",
            ("provider", "result"),
            registry=registry,
        )
        self._seconds = Histogram(
            "mcs_access_credential_fetch_duration_seconds",
            "How long runs of credential plugins took.",
            ("provider",),
            buckets=FETCH_BUCKETS_SECONDS,
            registry=registry,
        )

    def observer(self, provider: str) -> Callable[[bool, float], None]:
        """What is to be told of each run of the provider's plugin: its success, and its seconds."""
        results = {one: self._fetches.labels(provider, one) for one in RESULTS}
        seconds = self._seconds.labels(provider)

        def observe(success: bool, took_seconds: float) -> None:
            results["ok" if success else "error"].inc()
            seconds.observe(took_seconds)

        return observe
