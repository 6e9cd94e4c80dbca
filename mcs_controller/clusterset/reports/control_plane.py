"""How the control plane of this cluster is, from what its API server says of itself (CP-12).

The API server's readiness covers etcd. The scheduler and the controller manager each renew a Lease while they
work. One that never changes is told by how long it has been unchanged for the reader: clocks do not matter. A
component without a Lease is not judged, since many clusters run theirs where nobody can see them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mcs_controller.clusterset.errors import shortened
from mcs_controller.clusterset.fields import Json, child, integer, text

COMPONENTS: Final = ("kube-controller-manager", "kube-scheduler")
"""Whose Leases are read, in the namespace kube-system."""

STALE_AFTER_SECONDS: Final = 60.0
STALE_AFTER_DURATIONS: Final = 3
LONGEST_DURATION_SECONDS: Final = 600
"""A Lease is stale after a minute, or three times its own duration; no duration counts as more than this."""

MESSAGE_MAX_CHARS: Final = 512
VERSION_MAX_CHARS: Final = 64
_FAILED_MAX: Final = 8
_FAILED_CHECK: Final = re.compile(r"^\[-\]([A-Za-z0-9_./-]{1,80}) failed", re.MULTILINE)
_NOT_SHOWN: Final = re.compile(r"[^ -~]")

_HEALTHY: Final = "Healthy"
_SILENT: Final = "ComponentSilent"

Health = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class ApiServer:
    """What came of asking the API server whether it is ready; `told` is its own text, or the error."""

    answer: Literal["ready", "not ready", "no answer", "refused"]
    told: str = ""


@dataclass(frozen=True, slots=True)
class LeaseOf:
    """A component's Lease: what says that it was renewed, and after how long unchanged it is stale."""

    mark: str
    stale_after_seconds: float


@dataclass(frozen=True, slots=True)
class Component:
    """A component of which there is a Lease, unchanged for so long."""

    name: str
    unchanged_seconds: float
    stale_after_seconds: float


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """The finding; `reason` is a word for programs."""

    status: Health
    reason: str
    message: str


def decode_lease(raw: Json) -> LeaseOf:
    """The Lease of a component. Raises `MalformedObject`."""
    spec = child(raw, "spec")
    duration_seconds = min(max(integer(spec, "leaseDurationSeconds") or 0, 0), LONGEST_DURATION_SECONDS)
    mark = f"{text(child(raw, 'metadata'), 'uid')} {text(spec, 'holderIdentity')} {text(spec, 'renewTime')}"
    return LeaseOf(mark, max(STALE_AFTER_SECONDS, float(STALE_AFTER_DURATIONS * duration_seconds)))


def judge(api_server: ApiServer, components: Sequence[Component]) -> ControlPlane:
    """How the control plane is; `components` are those of which there is a Lease."""
    if api_server.answer == "no answer":
        return _found("False", "ApiServerUnreachable", f"no answer of the API server: {api_server.told}")
    if api_server.answer == "not ready":
        return _found("False", "ApiServerNotReady", f"API server not ready: {_failed(api_server.told)}")
    stale = [one for one in components if one.unchanged_seconds >= one.stale_after_seconds]
    if stale:
        told = ", ".join(f"{one.name} (for {one.stale_after_seconds:.0f} s)" for one in stale)
        return _found("False", _SILENT, f"not renewing its Lease any more: {told}")
    if api_server.answer == "refused":
        return _found("Unknown", "NotAllowed", f"the agent may not ask /readyz: {api_server.told}")
    return _found("True", _HEALTHY, f"the API server is ready{_alive([one.name for one in components])}")


def carried_over(found: ControlPlane, told: ControlPlane | None, *, proven: bool) -> ControlPlane:
    """What is to be told, given what an earlier leader told.

    Whoever has just begun to lead has not seen a Lease change yet (`proven`): that a component is silent is
    not taken back before that.
    """
    silent = told is not None and told.reason == _SILENT
    return told if told is not None and silent and not proven and found.reason == _HEALTHY else found


def version_of(raw: Json) -> str:
    """The version that the API server says, "" if it says none that could be told."""
    found = raw.get("gitVersion")
    if not isinstance(found, str) or len(found) > VERSION_MAX_CHARS or _NOT_SHOWN.search(found):
        return ""
    return found


def unchanged(
    seen: Mapping[str, tuple[LeaseOf, float]], found: Mapping[str, LeaseOf], now_seconds: float
) -> dict[str, tuple[LeaseOf, float]]:
    """By component its Lease, and since when it has been what it is, by the clock of `now_seconds`."""
    return {
        name: (lease, seen[name][1] if name in seen and seen[name][0].mark == lease.mark else now_seconds)
        for name, lease in found.items()
    }


def _alive(names: Sequence[str]) -> str:
    if not names:
        return "; no Lease says how its controllers are"
    return f"; Leases are renewed: {', '.join(names)}"


def _failed(told: str) -> str:
    """The checks that failed, or what was said instead."""
    names = _FAILED_CHECK.findall(told)
    if not names:
        return told
    return ", ".join(names[:_FAILED_MAX]) + (" and more" if len(names) > _FAILED_MAX else "")


def _found(status: Health, reason: str, message: str) -> ControlPlane:
    # The broker's schema takes what any terminal shows.
    return ControlPlane(status, reason, shortened(_NOT_SHOWN.sub("?", message), MESSAGE_MAX_CHARS))
