"""Bugs of DNS servers and of what they are given: forgotten zones, and endpoints that are not ready."""

from __future__ import annotations

from typing import Any

from mcs_controller.clusterset.services import encode
from mcs_controller.dns.zone.source import ZoneSource
from tests.simulation.planted.patching import Patch, bug


def _forgets(original: Any) -> Any:
    def check_stale(self: Any) -> None:
        original(self)
        if self.problems():
            for service in self.services():
                self._sink.update(service, None)

    return check_stale


def _all_ready(original: Any) -> Any:
    def endpoint(one: Any) -> Any:
        body = original(one)
        return {**body, "conditions": {**body.get("conditions", {}), "ready": True}}

    return endpoint


BUGS = {
    "dns-forgets": bug(
        "a DNS server that cannot reach its API server answers that there is nothing",
        Patch(ZoneSource, "check_stale", _forgets),
    ),
    "all-endpoints-are-ready": bug(
        "an imported endpoint is ready, whatever its exporter says",
        Patch(encode, "_endpoint", _all_ready),
    ),
}
