"""The ServiceExportPolicies of the cluster that was looked at, and what they make and remove."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from mcs_controller.clusterset.fuse import DEFAULT_SHARE, SERVICES_MINIMUM
from mcs_controller.clusterset.model import LocalService, ServiceKey
from mcs_controller.clusterset.services.policies.bulk.plan import Decision, Known, decide
from mcs_controller.clusterset.services.policies.bulk.preview import after, held_by, makers, preview
from mcs_controller.clusterset.services.policies.bulk.service_policy import (
    Candidate,
    PolicyKey,
    Present,
    ServicePolicy,
    candidate_of,
)

NONE_KNOWN: Final = Known()


@dataclass(frozen=True, slots=True)
class LiveServices:
    """All Services and ServiceExports of the cluster; `inactive` are namespaces that are being deleted."""

    services: Mapping[ServiceKey, Candidate]
    exports: Mapping[ServiceKey, Present]
    inactive: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Making:
    """What ServiceExportPolicies do of all services of a cluster.

    They would make `makes` ServiceExports, and remove `removes` of the `made` that they made. Of what the
    policies in `held` made nothing is removed, since that is too much at once.
    """

    cluster: str
    makes: int
    removes: int
    made: int
    held: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BulkHere:
    """What is known of ServiceExportPolicies.

    `asked`: an agent goes by those that are `known`, as the condition Accepted of one of them shows.
    `export` is the ServiceExport as they see it. `held` are those of whose ServiceExports none is removed for
    now. `live` is all that they are about, None if that was not read: only what changes them needs it.
    """

    known: Known = NONE_KNOWN
    asked: bool = False
    export: Present | None = None
    held: frozenset[PolicyKey] = frozenset()
    live: LiveServices | None = None

    def decided(self, key: ServiceKey, service: LocalService | None, *, is_active: bool) -> Decision:
        """What an agent that goes by them does about a service; `is_active`: its namespace stays."""
        candidate = candidate_of(service) if service is not None else None
        return decide(key, candidate, self.export, self.known, is_active=is_active)

    def with_policy(self, policy: ServicePolicy) -> "BulkHere":
        """With a policy in place of the one of its name; as an agent that goes by them."""
        return replace(self, known=after(self.known, [policy]), asked=True)

    def without_policy(self, key: PolicyKey) -> "BulkHere":
        """Without a policy, of which an agent that goes by them sees that it is deleted."""
        return replace(self, known=after(self.known, [ServicePolicy(key)], deleted=True), asked=True)


NO_BULK: Final = BulkHere()


def making(
    bulk: BulkHere, key: ServiceKey, service: LocalService | None, cluster: str, now_seconds: float
) -> tuple[Making | None, frozenset[PolicyKey]]:
    """What the policies do of all services, by the agents' defaults of the fuse, and which are held.

    The looked-at `service` counts as it is in `bulk`. Where the others were not read, it is as it was.
    """
    live = bulk.live
    if live is None:
        return None, bulk.held
    services = {other: one for other, one in live.services.items() if other != key}
    exports = {other: one for other, one in live.exports.items() if other != key}
    if service is not None:
        services[key] = candidate_of(service)
    if bulk.export is not None:
        exports[key] = bulk.export
    namespaces = {one.namespace for one in (*services, *exports)}
    lines = preview(namespaces, services, exports, bulk.known, live.inactive)
    held = held_by(lines, exports, bulk.known, now_seconds, share=DEFAULT_SHARE, minimum=SERVICES_MINIMUM)
    counts = [line.what for line in lines]
    found = Making(
        cluster,
        counts.count("make"),
        counts.count("remove"),
        len(makers(exports)),
        tuple(map(str, sorted(held))),
    )
    return found, held
