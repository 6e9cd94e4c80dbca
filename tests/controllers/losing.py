"""What lies here of the services that other clusters export, and what their members say now."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import cast

from mcs_controller.clusterset.model import (
    Condition,
    Endpoint,
    ImportedSlice,
    ImportSpec,
    LocalImport,
    Member,
    ServiceKey,
    SliceContent,
    SourceSlice,
    StringMap,
)
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.imports.endpoint_fuse import EndpointFuse
from mcs_controller.controllers.services.stores.stores import Stores
from mcs_controller.kube.store import Entry, Store
from tests.clusterset.builders import record
from tests.support.agents import LoopClock

SHARE, MINIMUM, HOLD_SECONDS = 0.5, 3, 1800.0
READY = (Endpoint(("10.1.0.1",), ready=True),)
UNREADY = (Endpoint(("10.1.0.1",), ready=False),)


def service(number: int) -> ServiceKey:
    return ServiceKey("shop", f"s{number}")


class World:
    """West imports services s0, s1, ... The fuse trips at three services, if they are more than half."""

    def __init__(self) -> None:
        self.lying: Store[ImportedSlice] = Store(index=lambda entry: entry.value.service)
        self.sources: dict[ServiceKey, dict[str, tuple[Endpoint, ...]]] = {}
        self.exporters: dict[ServiceKey, set[str]] = {}
        self.members = {name: Member(name) for name in ("east", "north", "west")}
        self.dead: set[str] = set()
        self.released: set[str] = set()
        self.words: Counter[str] = Counter()
        self.unread: set[ServiceKey] = set()
        self.unaccounted: set[ServiceKey] = set()
        self.synced = self.complete = True
        local = SimpleNamespace(
            imported_slices=self.lying,
            cluster_id="west",
            synced=lambda: self.synced,
            unread=lambda key: key in self.unread,
        )
        view = SimpleNamespace(
            complete=lambda: self.complete,
            records=lambda key: tuple(record(one, service=key) for one in sorted(self.exporters[key])),
            slices=self._slices,
            unaccounted_slices=lambda key: {"some"} if key in self.unaccounted else set(),
        )
        members = SimpleNamespace(
            dead=self.dead,
            released=self.released,
            member=lambda cluster: self.members.get(cluster),
            word_seconds=lambda cluster: self.words[cluster],
        )
        config = SimpleNamespace(fuse_share=SHARE, fuse_minimum=MINIMUM, fuse_hold_seconds=HOLD_SECONDS)
        self.fuse = EndpointFuse(
            cast(Context, SimpleNamespace(config=config, clock=LoopClock())),
            cast(Stores, SimpleNamespace(local=local, view=view)),
            cast(Membership, members),
        )

    def _slices(self, key: ServiceKey) -> tuple[SourceSlice, ...]:
        return tuple(_source(key, cluster, said) for cluster, said in self.sources[key].items())

    def imported(self, *numbers: int, clusters: tuple[str, ...] = ("east",), looked_at: bool = True) -> None:
        """These are exported by these clusters with a ready endpoint, and it lies here."""
        for number in numbers:
            key = service(number)
            self.exporters[key] = set(clusters)
            self.sources[key] = dict.fromkeys(clusters, READY)
            self.lie(number, *clusters)
            if looked_at:
                self.keeps(number)

    def lie(self, number: int, *clusters: str, endpoints: tuple[Endpoint, ...] = READY) -> None:
        """These clusters' endpoints of the service lie here, and no others'."""
        key = service(number)
        for entry in list(self.lying.indexed(key)):
            self.lying.remove(*entry.key)
        for cluster in clusters:
            name = f"{key.name}-{cluster}"
            value = ImportedSlice(key, name, cluster, SliceContent("IPv4", (), endpoints))
            self.lying.apply(Entry(key.namespace, name, name, "1", value))
        self.fuse.count(key)

    def says(
        self,
        *numbers: int,
        cluster: str = "east",
        endpoints: tuple[Endpoint, ...] | None = (),
        told: bool = True,
    ) -> None:
        """The cluster's slice of each has these endpoints now; None: there is no slice any more."""
        for number in numbers:
            key = service(number)
            before = self.sources[key].pop(cluster, None)
            if endpoints is not None:
                self.sources[key][cluster] = endpoints
            if told:
                self.fuse.source_changed(_entry(key, cluster, before), _entry(key, cluster, endpoints))

    def keeps(
        self,
        number: int,
        *,
        annotations: StringMap = (),
        conditions: tuple[Condition, ...] = (),
        writes: bool = True,
    ) -> set[str]:
        """Whose endpoints of the service stay, when it is reconciled.

        Unless it `writes`, all that lies here is still there afterwards.
        """
        key = service(number)
        spec = ImportSpec("ClusterSetIP", ())
        imported = LocalImport(key, key.name, 1, spec, annotations=annotations, conditions=conditions)
        sources = self._slices(key)
        kept = self.fuse.keeps(key, imported, self.exporters[key], sources, self.dead)
        if not writes:
            return set(kept)
        used = {
            one.cluster
            for one in sources
            if one.cluster in self.exporters[key]
            and one.cluster not in self.dead
            and any(endpoint.ready for endpoint in one.content.endpoints)
        }
        self.lie(number, *sorted(used | kept))
        return set(kept)

    def kept_of(self, *numbers: int) -> list[set[str]]:
        return [self.keeps(number) for number in numbers]


def _source(key: ServiceKey, cluster: str, endpoints: tuple[Endpoint, ...]) -> SourceSlice:
    return SourceSlice(cluster, key, f"{key.name}-abc", SliceContent("IPv4", (), endpoints))


def _entry(
    key: ServiceKey, cluster: str, endpoints: tuple[Endpoint, ...] | None
) -> Entry[SourceSlice] | None:
    if endpoints is None:
        return None
    name = f"{key.namespace}.{key.name}-abc"
    return Entry(f"mcs-member-{cluster}", name, name, "1", _source(key, cluster, endpoints))
