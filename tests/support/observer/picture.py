"""What one cluster holds of each service, kept up to date object by object; each change is a look.

An address is there when traffic reaches it: its endpoint is ready (or says nothing of it), its slice has the
labels of the import, and, where the slice is kube-proxy's, the derived Service that it belongs to is there
with the import's IPs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from mcs_controller.api.names import LABEL_KUBERNETES_SERVICE_NAME, LABEL_SERVICE_NAME, LABEL_SOURCE_CLUSTER
from tests.support.observer.observer import Import, Observer

Object = dict[str, Any]
IMPORTS, SLICES, SERVICES = PLURALS = ("serviceimports", "endpointslices", "services")


class _Imported(NamedTuple):
    uid: str
    ips: tuple[str, ...]
    clusters: frozenset[str]


class _Slice(NamedTuple):
    derived: str
    ready: frozenset[str]


class Picture:
    """Of one cluster; takes any objects of the three kinds, and passes over what is of no import."""

    def __init__(self, cluster: str, observer: Observer) -> None:
        self._cluster = cluster
        self._observer = observer
        self._service_of: dict[str, dict[str, str]] = {plural: {} for plural in PLURALS}
        """Which service each object belongs to, by kind and namespace/name."""
        self._imports: dict[str, _Imported] = {}
        self._slices: dict[str, dict[str, _Slice]] = {}
        self._derived: dict[str, dict[str, frozenset[str]]] = {}

    def put(self, plural: str, body: Object) -> None:
        """The object is there, as this body says."""
        self._changed(self._put(plural, body))

    def remove(self, plural: str, body: Object) -> None:
        """It is gone."""
        self._changed({self._forget(plural, _key(body))})

    def replace(self, plural: str, bodies: Iterable[Object]) -> None:
        """These are all objects of the kind: one look for each service that has, or had, any."""
        held = {_key(body): body for body in bodies}
        changed = {self._forget(plural, key) for key in list(self._service_of[plural]) if key not in held}
        for body in held.values():
            changed |= self._put(plural, body)
        self._changed(changed)

    def _put(self, plural: str, body: Object) -> set[str]:
        key, metadata = _key(body), body["metadata"]
        service = _service(plural, metadata)
        changed = {service}
        if self._service_of[plural].get(key, service) != service:
            changed.add(self._forget(plural, key))
        if not service:
            return changed
        self._service_of[plural][key] = service
        if plural == IMPORTS:
            clusters = (body.get("status") or {}).get("clusters") or ()
            self._imports[service] = _Imported(
                metadata["uid"],
                tuple(body["spec"].get("ips") or ()),
                frozenset(one["cluster"] for one in clusters),
            )
        elif plural == SLICES:
            derived = metadata["labels"].get(LABEL_KUBERNETES_SERVICE_NAME, "")
            self._slices.setdefault(service, {})[key] = _Slice(derived, _ready(body))
        else:
            ips = body["spec"].get("clusterIPs") or ()
            self._derived.setdefault(service, {})[metadata["name"]] = frozenset(ips)
        return changed

    def _forget(self, plural: str, key: str) -> str:
        """The service that it was of."""
        if service := self._service_of[plural].pop(key, ""):
            if plural == IMPORTS:
                del self._imports[service]
            elif plural == SLICES:
                del self._slices[service][key]
            else:
                del self._derived[service][key.partition("/")[2]]
        return service

    def _changed(self, services: set[str]) -> None:
        for service in sorted(services - {""}):
            self._observer.saw(self._cluster, service, self._shown(service))

    def _shown(self, service: str) -> Import | None:
        imported = self._imports.get(service)
        slices, derived = self._slices.get(service), self._derived.get(service)
        if imported is None and not slices and not derived:
            return None
        found = imported or _Imported("", (), frozenset())
        ips = frozenset(found.ips)
        ready: set[str] = set()
        for one in (slices or {}).values():
            if one.derived:
                reached = derived is not None and one.derived in derived and ips <= derived[one.derived]
            else:
                reached = not ips
            if reached:
                ready |= one.ready
        clusters = found.clusters if imported is not None else None
        return Import(found.uid, found.ips, frozenset(ready), clusters)


def _service(plural: str, metadata: Object) -> str:
    """The service that an object belongs to, "" if it is of no import."""
    if plural == IMPORTS:
        return f"{metadata['namespace']}/{metadata['name']}"
    labels = metadata.get("labels") or {}
    if plural == SLICES and LABEL_SOURCE_CLUSTER not in labels:
        return ""
    name = labels.get(LABEL_SERVICE_NAME, "")
    return f"{metadata['namespace']}/{name}" if name else ""


def _key(body: Object) -> str:
    metadata = body["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}"


def _ready(body: Object) -> frozenset[str]:
    return frozenset(
        address
        for endpoint in body.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for address in endpoint["addresses"]
    )
