"""The derived Service of an import: where the clusterset IP comes from (MCS-IMP-18, MCS-IMP-19).

It is created once and then reconciled in full, never recreated while an export remains, so that the
clusterset IP lives as long as the import. One that was deleted by hand comes back with the IPs that the
import recorded (MCS-LIFE-12). Which families this cluster can serve is learnt from its API server's refusal:
no object tells it in every Kubernetes version.
"""

import logging

from mcs_controller.api.resources import SERVICES
from mcs_controller.clusterset import decode, desired, encode
from mcs_controller.clusterset.families import servable
from mcs_controller.clusterset.model import (
    AddressFamily,
    LocalImport,
    LocalService,
    MergedService,
    ServiceKey,
)
from mcs_controller.controllers.local import LocalState
from mcs_controller.controllers.writer import Writer
from mcs_controller.kube.errors import Invalid
from mcs_controller.kube.store import Entry

_log = logging.getLogger(__name__)

_ALL_FAMILIES: tuple[AddressFamily, ...] = ("IPv4", "IPv6")


class DerivedServices:
    """Creates, reconciles and removes derived Services. All methods raise `KubeError`."""

    def __init__(self, local: LocalState) -> None:
        self._local = local
        self._services = Writer(local.client, lambda: SERVICES, local.services, decode.service)
        self._unserved: set[AddressFamily] = set()

    def served_families(self) -> tuple[AddressFamily, ...]:
        """The families that this cluster is known to serve; none while nothing is known."""
        if not self._unserved:
            return ()
        return tuple(family for family in _ALL_FAMILIES if family not in self._unserved)

    async def ensure(
        self, key: ServiceKey, merged: MergedService, imported: Entry[LocalImport]
    ) -> tuple[str, ...]:
        """The clusterset IPs of an import of type ClusterSetIP; none where no family of it is served."""
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
        if observed is None:
            return await self._create(merged, imported, wanted)
        if desired.differs(observed.value, wanted):
            observed = await self._services.replace(observed, self._body(wanted))
        return observed.value.cluster_ips

    async def remove(self, key: ServiceKey) -> None:
        """Delete every derived Service of an import."""
        for entry in self._local.services.indexed(key):
            await self._services.delete(entry)

    def _observed(self, key: ServiceKey) -> Entry[LocalService] | None:
        found = self._local.services.indexed(key)
        return found[0] if found else None

    async def _create(
        self, merged: MergedService, imported: Entry[LocalImport], wanted: desired.DerivedService
    ) -> tuple[str, ...]:
        try:
            created = await self._services.create(self._body(wanted))
        except Invalid as refusal:
            if wanted.cluster_ips and _blames(refusal, "spec.clusterIP"):
                # Somebody else was given the recorded IP meanwhile: a new one is better than none.
                fresh = desired.derived_service(merged, owner_uid=imported.uid)
                if fresh is not None:
                    return await self._create(merged, imported, fresh)
            if not _blames(refusal, "spec.ipFamilies"):
                raise
            _log.warning("this cluster does not serve %s: %s", ", ".join(wanted.ip_families), refusal)
            self._unserved.update(wanted.ip_families)
            return ()
        return created.value.cluster_ips

    def _body(self, wanted: desired.DerivedService) -> encode.Body:
        return encode.derived_service(wanted, self._local.imports_resource().api_version)


def _blames(refusal: Invalid, field: str) -> bool:
    return any(cause[0].startswith(field) for cause in refusal.causes)
