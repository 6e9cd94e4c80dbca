"""What ServiceExportPolicies ask for of one service: make its ServiceExport, let it be, or remove it.

Only what a policy made is ever removed, and only when it is known that no policy selects the Service
(docs/decisions/0031-bulk-export.md). Whatever is not known changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.policies.bulk.service_policy import (
    Candidate,
    PolicyKey,
    Present,
    ServicePolicy,
)

REMOVE_AFTER_SECONDS: Final = 10.0
"""A Service that is made anew, or a label that is corrected, is back by then."""

UNWITNESSED_SECONDS: Final = 600.0
"""Nobody saw the policy being deleted: others of the same hand may still be on their way back."""

BY_HAND: Final = "its ServiceExport was made by hand"
NO_SERVICE: Final = "there is no Service of this name any more"
NOT_SELECTED: Final = "no ServiceExportPolicy selects it"
NAMESPACE_GOES: Final = "its namespace is being deleted"


@dataclass(frozen=True, slots=True)
class Known:
    """The policies of a cluster, by namespace, each list by name.

    `gone` are those that were seen to be deleted. `doubt` says why there may be others, "" if these are all.
    """

    by_namespace: Mapping[str, tuple[ServicePolicy, ...]] = field(default_factory=dict)
    gone: frozenset[PolicyKey] = frozenset()
    doubt: str = ""

    @classmethod
    def of(
        cls, policies: Iterable[ServicePolicy], gone: Iterable[PolicyKey] = (), doubt: str = ""
    ) -> "Known":
        """The policies, in whatever order they come."""
        by_namespace: dict[str, list[ServicePolicy]] = {}
        for one in sorted(policies, key=lambda one: one.key):
            by_namespace.setdefault(one.key.namespace, []).append(one)
        return cls({name: tuple(found) for name, found in by_namespace.items()}, frozenset(gone), doubt)

    def selecting(self, key: ServiceKey, service: Candidate) -> tuple[ServicePolicy, ...]:
        """The policies that select a Service, also one that is left out."""
        labels = dict(service.labels)
        return tuple(one for one in self.by_namespace.get(key.namespace, ()) if one.selects(labels))


@dataclass(frozen=True, slots=True)
class Decision:
    """`why` is a text for people. `policy` is the one that exports the service, or would.

    What is to be removed goes when it has been so for `after_seconds` without a break.
    """

    action: Literal["make", "keep", "remove", "none"]
    why: str
    policy: ServicePolicy | None = None
    after_seconds: float = 0.0


def decide(
    key: ServiceKey,
    service: Candidate | None,
    export: Present | None,
    known: Known,
    *,
    is_active: bool = True,
) -> Decision:
    """What is to be done about one service; `is_active`: its namespace is not being deleted."""
    selecting = known.selecting(key, service) if service is not None else ()
    policy = selecting[0] if selecting else None
    if export is not None and export.maker is None:
        return Decision("none", BY_HAND, policy)
    wanted = service is not None and not service.left_out and policy is not None
    if export is None:
        return _new(service, policy, known, is_active=is_active, wanted=wanted)
    if export.deleting:
        return Decision("none", "its ServiceExport is being deleted", policy)
    if wanted:
        return Decision("keep", "", policy)
    if not is_active:
        return Decision("none", NAMESPACE_GOES, policy)
    return _old(key, service, export, known)


def _new(
    service: Candidate | None,
    policy: ServicePolicy | None,
    known: Known,
    *,
    is_active: bool,
    wanted: bool,
) -> Decision:
    if service is None or policy is None:
        return Decision("none", NOT_SELECTED)
    if not wanted:
        return Decision("none", service.left_out, policy)
    if service.deleting:
        return Decision("none", "it is being deleted", policy)
    if not is_active:
        return Decision("none", NAMESPACE_GOES, policy)
    if known.doubt:
        return Decision("none", known.doubt, policy)
    return Decision("make", "", policy)


def _old(key: ServiceKey, service: Candidate | None, export: Present, known: Known) -> Decision:
    if known.doubt:
        return Decision("keep", known.doubt)
    here = known.by_namespace.get(key.namespace, ())
    unread = next((one for one in here if one.problem), None)
    if unread is not None:
        return Decision("keep", f"ServiceExportPolicy {unread.key} cannot be read: {unread.problem}")
    why = _why_not(service)
    if export.maker in known.gone or any(one.key == export.maker for one in here):
        return Decision("remove", why, after_seconds=REMOVE_AFTER_SECONDS)
    if not known.by_namespace:
        return Decision("keep", "there is no ServiceExportPolicy, and nobody saw one being deleted")
    return Decision("remove", why, after_seconds=UNWITNESSED_SECONDS)


def _why_not(service: Candidate | None) -> str:
    if service is None:
        return NO_SERVICE
    return service.left_out or NOT_SELECTED


def maker_of(export: Present | None) -> PolicyKey | None:
    """The policy that made what is there and stays; None for nothing, or what a user made."""
    return None if export is None or export.deleting else export.maker
