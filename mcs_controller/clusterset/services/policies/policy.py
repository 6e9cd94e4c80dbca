"""One policy of the cluster's administrator: which services, and whether they may be exported or imported.

A policy that cannot be read is a value, too (`problem`): what it meant is not known, so nobody may act as if
it were not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from mcs_controller.api.names import ANNOTATION_WITHDRAW
from mcs_controller.api.policies import MAX_NAMESPACES
from mcs_controller.clusterset.conditions import decode_conditions
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.fields import Json, an_object, bad, child, integer, text, texts
from mcs_controller.clusterset.model import Condition
from mcs_controller.clusterset.services.policies.selector import Selector, decode_selector
from mcs_controller.clusterset.services.preference import SCOPES, MinReady, Scope, min_ready
from mcs_controller.clusterset.syntax import is_dns_label

_ACTIONS: Final = ("Allow", "Forbid", "Prefer")


class Preferred(NamedTuple):
    """Which endpoints an ImportPolicy prefers; `min_ready` is None where it does not say."""

    scope: Scope
    min_ready: MinReady | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """An ExportPolicy or ImportPolicy. What it does not say is empty or None, and then is no condition.

    `service_selector` is only of an ExportPolicy; `services` (their names), `clusters` (those that export)
    and `prefers` are of an ImportPolicy. One that prefers something neither allows nor forbids. `release` is
    the time until which its administrator confirms what it withdraws, "" for none (`membership/release.py`
    says when that is valid). `problem` says why it cannot be read, "" if it can.
    """

    name: str
    forbids: bool = False
    namespaces: tuple[str, ...] = ()
    namespace_selector: Selector | None = None
    service_selector: Selector | None = None
    clusters: tuple[str, ...] = ()
    release: str = ""
    generation: int = 0
    conditions: tuple[Condition, ...] = ()
    problem: str = ""
    services: tuple[str, ...] = ()
    prefers: Preferred | None = None


def decode_policy(raw: Json) -> Policy:
    """A policy of either kind; one that says something else than its kind may is a policy with a `problem`.

    The schema keeps each kind to its own fields.
    """
    metadata = child(an_object(raw, "object"), "metadata")
    name, generation = text(metadata, "name"), integer(metadata, "generation") or 0
    conditions = decode_conditions(child(raw, "status").get("conditions"))
    release = _release(metadata)
    try:
        spec = child(raw, "spec")
        action = text(spec, "action")
        if action not in _ACTIONS:
            raise bad("action", action, "Allow or Forbid (or Prefer, in an ImportPolicy)")
        return Policy(
            name,
            action == "Forbid",
            _labels(spec, "namespaces"),
            decode_selector(spec, "namespaceSelector"),
            decode_selector(spec, "serviceSelector"),
            _labels(spec, "sourceClusters"),
            release,
            generation,
            conditions,
            services=_labels(spec, "services"),
            prefers=_preferred(spec) if action == "Prefer" else None,
        )
    except MalformedObject as error:
        return Policy(name, release=release, generation=generation, conditions=conditions, problem=str(error))


def _labels(spec: Json, field: str) -> tuple[str, ...]:
    found = texts(spec, field, MAX_NAMESPACES)
    if spec.get(field) is not None and not found:
        raise MalformedObject(f"{field} names none: leave it out to mean all")
    for one in found:
        if not is_dns_label(one):
            raise bad(field, one, "a DNS label")
    return found


def _preferred(spec: Json) -> Preferred:
    locality = child(spec, "locality")
    scope, enough = text(locality, "scope"), locality.get("minReady")
    known = next((one for one in SCOPES if one == scope), None)
    if known is None:
        raise bad("scope", scope, f"one of {', '.join(SCOPES)}")
    if enough is None:
        return Preferred(known)
    try:
        return Preferred(known, min_ready(text(locality, "minReady")))
    except ValueError as error:
        raise MalformedObject(f"minReady {error}") from error


def _release(metadata: Json) -> str:
    value = child(metadata, "annotations").get(ANNOTATION_WITHDRAW)
    return value if isinstance(value, str) else ""


def labels_match(selector: Selector | None, labels: Mapping[str, str] | None) -> bool | None:
    """Whether labels fulfil a selector; None if that cannot be said, since the labels are not known."""
    if selector is None:
        return True
    return None if labels is None else selector.matches(labels)
