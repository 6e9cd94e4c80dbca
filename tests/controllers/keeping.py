"""The others' records and slices as a broker holds them, and what is kept here of what vanishes."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from mcs_controller.clusterset.membership.statement import Heard, statement
from mcs_controller.clusterset.model import ExportRecord, Member, ServiceKey, SourceSlice
from mcs_controller.clusterset.services.naming import imported_slice_name
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.services.stores.broker import BrokerStores
from mcs_controller.controllers.services.stores.retained import Retained
from mcs_controller.kube.store import Entry, Store
from tests.clusterset.builders import WEB, record, source_slice

API = ServiceKey("shop", "api")
AT = "2026-01-01T00:{:02d}:{:02d}.000000Z"
SLICE = imported_slice_name("web", "east", "web-abc")


class World:
    """What a broker holds of east and north, what they say, and what is kept here of what they exported."""

    def __init__(self) -> None:
        self.records: Store[ExportRecord] = Store(index=lambda entry: entry.value.service)
        self.slices: Store[SourceSlice] = Store(index=lambda entry: entry.value.service)
        self.members = {name: Member(name) for name in ("east", "north")}
        self.removed: set[str] = set()
        self.released: set[str] = set()
        self.heard: dict[str, Heard] = {}
        self.current = True
        self.believed_until_seconds = math.inf
        self.read_at_seconds = -math.inf
        self.unread: set[str] = set()
        self.left_out: set[str] = set()
        self.told: list[str] = []
        self.hurried = 0
        self._looks, self._version = 0, 10
        membership = SimpleNamespace(
            heard=self.heard,
            member=lambda cluster: self.members.get(cluster),
            removed=lambda cluster: cluster in self.removed,
            released=self.released,
            others=lambda: frozenset(self.members),
            hurry=self._hurry,
            on_read=self._on_read,
        )
        broker = SimpleNamespace(
            records=self.records,
            slices=self.slices,
            let_go=lambda entry: self.told.append(f"let go {entry.namespace} {entry.name}"),
            retain=lambda entry: self.told.append(f"retain {entry.namespace} {entry.name}"),
            leaves_out=lambda entry: entry.name in self.left_out,
            stamps=SimpleNamespace(is_believed=lambda seconds: seconds <= self.believed_until_seconds),
            imports_current=lambda: self.current,
            relist_imports=lambda: self.told.append("list again"),
            read_again=lambda entry: self.told.append(f"read again {entry.namespace} {entry.name}"),
            read_since=lambda entry, since_seconds: (
                entry.name not in self.unread and self.read_at_seconds >= since_seconds
            ),
        )
        self.retained = Retained(cast(BrokerStores, broker), cast(Membership, membership))
        self.retained.on_release(lambda key: self.told.append(f"released {key.name}"))
        self.retained.on_accounted(lambda cluster: self.told.append(f"accounted {cluster}"))

    def _hurry(self) -> None:
        self.hurried += 1

    def _on_read(self, listener: Any) -> None:
        self._read = listener

    def record(self, cluster: str = "east", *, version: int = 0, uid: str = "", **fields: Any) -> None:
        """A record comes, in a newer version unless one is given; all of a cluster have one UID, or `uid`."""
        self._version += 1
        entry = Entry(
            f"mcs-member-{cluster}",
            "shop.web",
            uid or cluster,
            str(version or self._version),
            record(cluster, **fields),
        )
        self._put(self.records, entry, bool(version))

    def slice(
        self,
        cluster: str = "east",
        name: str = "web-abc",
        *,
        version: int = 0,
        at_seconds: float = 0.0,
        **of: Any,
    ) -> None:
        self._version += 1
        value = replace(source_slice(cluster, name, **of), changed_at_seconds=at_seconds)
        entry = Entry(f"mcs-member-{cluster}", f"shop.{name}", cluster, str(version or self._version), value)
        self._put(self.slices, entry, bool(version))

    def _put(self, store: Store[Any], entry: Entry[Any], by_list: bool) -> None:
        if not by_list:
            store.apply(entry)
            return
        others = [one for one in store if one.key != entry.key]
        store.begin_list()
        store.replace([*others, entry], entry.resource_version)

    def lose_record(self, cluster: str = "east") -> None:
        self.records.remove(f"mcs-member-{cluster}", "shop.web")

    def lose_slice(self, cluster: str = "east", name: str = "web-abc") -> None:
        self.slices.remove(f"mcs-member-{cluster}", f"shop.{name}")

    def look(self, cluster: str = "", *, records: int = 0, slices: int = 0) -> None:
        """One look at the members; `cluster` states so many of the names that it exports."""
        self._looks += 1
        at = AT.format(self._looks // 60, self._looks % 60)
        for name in self.members:
            self.heard[name] = Heard(name)
        if cluster:
            names = ["shop.web"][:records], ["shop.web-abc", "shop.web-def"][:slices]
            self.members[cluster] = replace(self.members[cluster], exported=statement(at, *names))
            self.heard[cluster] = Heard(cluster, newest=at, last=at, fresh=True)
            self.stating = cluster, at
        self._read()
        for name, heard in self.heard.items():
            self.heard[name] = replace(heard, fresh=False)

    def look_again(self, times: int = 1) -> None:
        """Looks that find nothing new of those who have stated something."""
        for _ in range(times):
            self._read()

    def kept(self) -> dict[tuple[str, str], int]:
        """How many by kind and reason, where there are any."""
        return {key: number for key, number in self.retained.counts().items() if number}

    def sources(self, key: ServiceKey = WEB) -> list[tuple[str, str]]:
        """Cluster and name of the slices of a service, kept ones included."""
        return [(one.cluster, one.name) for one in self.retained.slices(key)]

    def news(self) -> list[str]:
        told, self.told[:] = list(self.told), []
        return told


def exported(*clusters: str) -> World:
    """Each of these clusters exports web, with one slice."""
    world = World()
    for cluster in clusters or ("east",):
        world.record(cluster)
        world.slice(cluster)
    return world
