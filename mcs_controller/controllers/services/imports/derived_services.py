"""The derived Service of an import: where the clusterset IP comes from (MCS-IMP-18, MCS-IMP-19).

It is created once and then updated, and never recreated while an export remains, so that the clusterset IP
lives as long as the import. A derived Service that was deleted by hand is created with the IPs that the
import recorded (MCS-LIFE-12). If the import becomes headless, the derived Service is retained for some time,
so that a type that changes back gets its IP again; an annotation records since when, for a restarted agent.
The families and traffic distributions that this cluster serves are learnt from its API server's answers: no
object shows them in every Kubernetes version.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, NamedTuple

from mcs_controller.api.resources import SERVICES
from mcs_controller.clusterset.model import (
    AddressFamily,
    LocalImport,
    LocalService,
    MergedService,
    ServiceKey,
)
from mcs_controller.clusterset.services import decode, desired, encode
from mcs_controller.clusterset.services.families import servable
from mcs_controller.clusterset.services.naming import derived_service_name
from mcs_controller.controllers.runtime.object_writer import ObjectWriter
from mcs_controller.controllers.services.imports.owners import Owners
from mcs_controller.controllers.services.stores.local import LocalStores
from mcs_controller.kube.clock import Clock, rfc3339
from mcs_controller.kube.errors import Invalid
from mcs_controller.kube.store import Entry

_log = logging.getLogger(__name__)

IP_PATIENCE_SECONDS: Final = 5.0

_ALL_FAMILIES: tuple[AddressFamily, ...] = ("IPv4", "IPv6")

_Write = Callable[[encode.Body], Awaitable[Entry[LocalService]]]


class Ground(NamedTuple):
    """The derived Service, and how many families and distributions are known not to be served here.

    These only ever grow, so equal numbers mean the same families and distributions.
    """

    observed: Entry[LocalService] | None
    unserved: int
    unknown_distributions: int

    def is_same(self, other: "Ground") -> bool:
        """Whether nothing has changed. The Service is compared by identity: a new version is a new object."""
        return (
            self.observed is other.observed
            and self.unserved == other.unserved
            and self.unknown_distributions == other.unknown_distributions
        )


class DerivedServices:
    """Creates, reconciles and removes derived Services. All methods raise `KubeError`."""

    def __init__(self, local: LocalStores, owners: Owners, clock: Clock) -> None:
        self._local = local
        self._owners = owners
        self._clock = clock
        self._services = ObjectWriter(local.client, lambda: SERVICES, local.services, decode.service)
        self._unserved: set[AddressFamily] = set()
        self._unknown_distributions: set[str] = set()
        self._refused_since_seconds: dict[ServiceKey, float] = {}
        self._told: set[ServiceKey] = set()

    def is_taken(self, key: ServiceKey) -> bool:
        """Whether the derived Service of another import has the name that this one's would have.

        The name has a short hash, so a member can search for a service name that leads to the same one (some
        10^15 attempts). Both would share one Service, and each would get the other's endpoints.
        """
        found = self._local.services.get(key.namespace, derived_service_name(key))
        if found is None or not _is_of_another(found.value, key):
            return False
        if key not in self._told:
            self._told.add(key)
            _log.error(
                "%s/%s is not imported: its Service would have the name of that of the import %s, %s",
                *key,
                found.value.import_name,
                found.name,
            )
        return True

    def served_families(self) -> tuple[AddressFamily, ...]:
        """The families that this cluster is known to serve; empty while nothing is known."""
        if not self._unserved:
            return ()
        return tuple(family for family in _ALL_FAMILIES if family not in self._unserved)

    def ground(self, key: ServiceKey) -> Ground:
        """All that `ensure` depends on, beside the merge and the import."""
        return Ground(self._observed(key), len(self._unserved), len(self._unknown_distributions))

    def ips(self, key: ServiceKey) -> tuple[str, ...]:
        """The clusterset IPs already allocated for an import, even if the import itself is gone."""
        observed = self._observed(key)
        return observed.value.cluster_ips if observed is not None else ()

    def changes_ports(self, key: ServiceKey, merged: MergedService) -> bool:
        """Whether there is a derived Service, and it has other ports than the merged service."""
        observed = self._observed(key)
        return observed is not None and frozenset(observed.value.ports) != frozenset(
            desired.derived_ports(merged.ports)
        )

    def ports_given_up(self, key: ServiceKey, merged: MergedService) -> frozenset[tuple[str, str]]:
        """Name and protocol of the ports that kube-proxy uses until the derived Service is written."""
        observed = self._observed(key)
        if observed is None or merged.type == "Headless":
            return frozenset()
        return desired.ports_given_up(observed.value.ports, desired.derived_ports(merged.ports))

    async def ensure(
        self, key: ServiceKey, merged: MergedService, imported: Entry[LocalImport]
    ) -> tuple[str, ...]:
        """Create or update the derived Service; returns its clusterset IPs, none if no family is served."""
        observed = self._observed(key)
        if observed is not None and observed.value.deleting:
            return imported.value.spec.ips
        wanted = desired.derived_service(
            merged,
            owner_uid=imported.uid,
            observed=observed.value if observed else None,
            requested_ips=imported.value.spec.ips,
        )
        if wanted is None or not servable(merged.ip_families, self.served_families()):
            return ()
        if wanted.traffic_distribution in self._unknown_distributions:
            wanted = replace(wanted, traffic_distribution=None)
        if observed is None:
            return await self._create(merged, imported, wanted)
        self._refused_since_seconds.pop(key, None)
        if desired.differs(observed.value, wanted):
            held = observed
            observed = await self._write(lambda body: self._services.replace(held, body), wanted)
        return observed.value.cluster_ips

    async def rest(self, key: ServiceKey, imported: Entry[LocalImport]) -> float | None:
        """Retain the derived Service of an import that is headless now for its IPs, and remove it later.

        Returns the seconds until then, None if there is nothing to remove.
        """
        observed = self._observed(key)
        if observed is None or observed.value.deleting:
            return None
        now = self._clock.now()
        since = observed.value.idle_since
        left_seconds = desired.idle_seconds_left(since, now.timestamp())
        if left_seconds is None:
            since, left_seconds = rfc3339(now), desired.IDLE_SECONDS
        if left_seconds <= 0 or observed.value.unreadable:
            await self.remove(key)
            return None
        wanted = desired.idle_service(observed.value, owner_uid=imported.uid, since=since)
        if desired.differs(observed.value, wanted):
            await self._services.replace(observed, self._body(wanted))
        return left_seconds

    async def remove(self, key: ServiceKey) -> None:
        """Delete the derived Service of an import, if there is one."""
        self._refused_since_seconds.pop(key, None)
        observed = self._observed(key)
        if observed is not None:
            await self._services.delete(observed)

    def _observed(self, key: ServiceKey) -> Entry[LocalService] | None:
        """The derived Service, found by its name; one without our label belongs to somebody else."""
        found = self._local.services.get(key.namespace, derived_service_name(key))
        if found is None or not found.value.managed or _is_of_another(found.value, key):
            return None
        return found

    async def _create(
        self, merged: MergedService, imported: Entry[LocalImport], wanted: desired.DerivedService
    ) -> tuple[str, ...]:
        await self._owners.confirm(merged.service, imported.uid, wanted.service.name)
        try:
            created = await self._write(self._services.create, wanted)
        except Invalid as refusal:
            if wanted.cluster_ips and _blames(refusal, "spec.clusterIP"):
                if not self._is_taken_for_good(key := merged.service):
                    raise
                _log.warning(
                    "the recorded clusterset IP of %s/%s is in use elsewhere; allocating another: %s",
                    *key,
                    refusal,
                )
                fresh = desired.derived_service(merged, owner_uid=imported.uid)
                if fresh is not None:
                    return await self._create(merged, imported, fresh)
            if not _blames(refusal, "spec.ipFamilies"):
                raise
            _log.warning("this cluster does not serve %s: %s", ", ".join(wanted.ip_families), refusal)
            self._unserved.update(wanted.ip_families)
            return ()
        self._refused_since_seconds.pop(merged.service, None)
        return created.value.cluster_ips

    def _is_taken_for_good(self, key: ServiceKey) -> bool:
        """Whether a recorded IP has been refused for so long that another IP must be allocated.

        An API server reports a Service's deletion before it releases the IP; a busy one takes some time.
        """
        now_seconds = asyncio.get_running_loop().time()
        since_seconds = self._refused_since_seconds.setdefault(key, now_seconds)
        return now_seconds - since_seconds >= IP_PATIENCE_SECONDS

    async def _write(self, write: _Write, wanted: desired.DerivedService) -> Entry[LocalService]:
        """Write the Service, without a traffic distribution that this API server refuses."""
        distribution = wanted.traffic_distribution
        try:
            written = await write(self._body(wanted))
        except Invalid as refusal:
            if distribution is None or not _blames(refusal, "spec.trafficDistribution"):
                raise
            written = await write(self._body(replace(wanted, traffic_distribution=None)))
        if distribution is not None and written.value.traffic_distribution != distribution:
            _log.warning("this cluster does not know traffic distribution %s: leaving it out", distribution)
            self._unknown_distributions.add(distribution)
        return written

    def _body(self, wanted: desired.DerivedService) -> encode.Body:
        return encode.derived_service(wanted, self._local.imports_resource().api_version)


def _is_of_another(derived: LocalService, key: ServiceKey) -> bool:
    """Whether it was made for another import. One of which somebody edited the label is still ours."""
    other = derived.import_name
    if other in ("", key.name):
        return False
    return derived_service_name(ServiceKey(key.namespace, other)) == derived_service_name(key)


def _blames(refusal: Invalid, field: str) -> bool:
    return any(cause[0].startswith(field) for cause in refusal.causes)
