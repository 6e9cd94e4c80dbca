"""What one cluster imports, which of that is exported, and what the fuse of imports makes of it."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import cast

from mcs_controller.api.names import ANNOTATION_WITHDRAW, CONDITION_HELD, WITHDRAW_ALLOWED
from mcs_controller.clusterset.fuse import MASS_WITHDRAWAL
from mcs_controller.clusterset.model import Condition, ImportSpec, LocalImport, ServiceKey, StringMap
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.imports.import_fuse import ImportFuse
from mcs_controller.controllers.services.stores.stores import Stores
from mcs_controller.kube.store import Entry, Store
from tests.support.agents import LoopClock

SHARE, MINIMUM, HOLD_SECONDS = 0.5, 3, 1800.0
RELEASED = ((ANNOTATION_WITHDRAW, WITHDRAW_ALLOWED),)
HELD = Condition(CONDITION_HELD, "True", MASS_WITHDRAWAL)


class World:
    """Imports s0, s1, ... of one cluster, and which of the services are exported."""

    def __init__(self) -> None:
        self.imports: Store[LocalImport] = Store()
        self.exports: Store[object] = Store()
        self.exported: set[ServiceKey] = set()
        self.unaccounted: set[ServiceKey] = set()
        self.removed: set[str] = set()
        self.released: set[str] = set()
        self.refused: set[str] = set()
        self.words: Counter[str] = Counter()
        self.synced = self.complete = self.loaded = True
        local = SimpleNamespace(
            imports=self.imports,
            exports=self.exports,
            synced=lambda: self.synced,
            loaded=lambda key: self.loaded,
        )
        view = SimpleNamespace(
            complete=lambda: self.complete,
            exported=lambda key: key in self.exported,
            unaccounted=lambda key, imported: {"east"} if key in self.unaccounted else set(),
            refuses=lambda cluster, key: cluster in self.refused,
        )
        members = SimpleNamespace(
            removed=lambda cluster: cluster in self.removed,
            released=self.released,
            word_seconds=lambda cluster: self.words[cluster],
        )
        self.fuse = a_fuse(local, view, members)

    def imported(
        self,
        *numbers: int,
        clusters: tuple[str, ...] = ("east",),
        annotations: StringMap = (),
        conditions: tuple[Condition, ...] = (),
        managed: bool = True,
        deleting: bool = False,
        exported: bool = True,
    ) -> None:
        """These are imported, of services that these clusters exported."""
        for number in numbers:
            key = service(number)
            value = LocalImport(
                key,
                key.name,
                1,
                ImportSpec("ClusterSetIP", ()),
                annotations=annotations,
                clusters=clusters,
                conditions=conditions,
                managed=managed,
                deleting=deleting,
            )
            self.imports.remove(*key)
            self.imports.apply(Entry(key.namespace, key.name, key.name, "1", value))
            if exported:
                self.exported.add(key)
            self.fuse.look(key)

    def vanish(self, *numbers: int) -> None:
        """Nobody exports these any more."""
        for number in numbers:
            self.exported.discard(service(number))
            self.fuse.look(service(number))

    def withdraw(self, *numbers: int) -> None:
        """The importer withdraws these, as it may."""
        for number in numbers:
            key = service(number)
            assert not self.fuse.holds(key)
            entry = self.imports.get(*key)
            assert entry is not None
            self.fuse.withdraws(key, entry.value)
            self.imports.remove(*key)
            self.fuse.look(key)

    def state(self) -> tuple[bool, int]:
        """Whether it holds, and how many."""
        return self.fuse.holding, self.fuse.held

    def holds(self, *numbers: int) -> list[bool]:
        return [self.fuse.holds(service(number)) for number in numbers]


def a_fuse(local: SimpleNamespace, view: SimpleNamespace, members: SimpleNamespace) -> ImportFuse:
    config = SimpleNamespace(fuse_share=SHARE, fuse_minimum=MINIMUM, fuse_hold_seconds=HOLD_SECONDS)
    return ImportFuse(
        cast(Context, SimpleNamespace(config=config, clock=LoopClock())),
        cast(Stores, SimpleNamespace(local=local, view=view)),
        cast(Membership, members),
    )


def service(number: int) -> ServiceKey:
    return ServiceKey("shop", f"s{number}")
