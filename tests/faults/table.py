"""The matrix: every fault that happens to a world on real control planes, once."""

from __future__ import annotations

from typing import Final

from tests.faults import agents, broker, clocks, credentials, links, members, services, storms

FAULTS: Final = (
    *broker.FAULTS,
    *members.FAULTS,
    *agents.FAULTS,
    *services.FAULTS,
    *links.FAULTS,
    *storms.FAULTS,
    *credentials.FAULTS,
    *clocks.FAULTS,
)
