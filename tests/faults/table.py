"""The matrix: every fault that happens to a world on real control planes, once."""

from __future__ import annotations

from typing import Final

from tests.faults import agents, broker, members, services

FAULTS: Final = (*broker.FAULTS, *members.FAULTS, *agents.FAULTS, *services.FAULTS)
