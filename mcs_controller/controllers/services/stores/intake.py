"""Limits how much is taken from each member, for one kind of object (`clusterset/membership/limits.py`).

A reflector asks before it decodes an object (`admit`), and once more for endpoints after decoding (`takes`).
An object that is held stays while it fits. Objects that do not fit are left out, in the order in which they
arrive. Only a bounded number of their names is remembered. So when there is room, the member's namespace is
read again to find objects that fit now: `due` names the member.

The accounts follow the store's changes. An object that was admitted but could not be decoded counts until the
next complete list. An object that vanished and is retained elsewhere (`retained.py`) counts until it is
released: a member must not get room by deleting objects that others retain, and neither by writing others of
the same names, which may not take their place. Of both, the larger one counts.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from mcs_controller.clusterset.identity import cluster_of_namespace, member_namespace
from mcs_controller.clusterset.membership.limits import ENDPOINTS, Allowance, Usage, over
from mcs_controller.kube.errors import KubeError
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Entry, Store

LEFT_OUT_NAMES_MAX: Final = 1000
"""How many names of one member's left-out objects are remembered."""

CHECK_SECONDS: Final = 1.0
READ_AGAIN_SECONDS: Final = 300.0
"""How often left-out objects are read again, even if no room is known."""

READ_AGAIN_SPACING_SECONDS: Final = 10.0
READ_AGAIN_SHARE: Final = 0.05
"""The largest part of the time to spend on reading one member again, so that no member can keep us busy."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Account:
    """One member's account.

    `held` has bytes and endpoints by name of what was admitted, `retained` those of what vanished and is
    retained, and `counted` what counts of both; `dropped` is what was last taken off `held`; `left_out` has
    the limit that each object exceeds.
    `asked`: somebody needs all objects read again. `read_at_seconds`: when the last complete read began.
    Left-out objects are read again at `soon_at_seconds` if there is room (`has_room`), else at
    `late_at_seconds`.
    """

    held: dict[str, tuple[int, int]] = field(default_factory=dict)
    retained: dict[str, tuple[int, int]] = field(default_factory=dict)
    counted: dict[str, tuple[int, int]] = field(default_factory=dict)
    dropped: tuple[str, tuple[int, int]] | None = None
    size_bytes: int = 0
    endpoints: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    left_out_before: dict[str, str] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)
    has_room: bool = False
    soon_at_seconds: float = 0.0
    late_at_seconds: float = 0.0
    asked: bool = False
    read_at_seconds: float = -math.inf

    def put(self, name: str, size_bytes: int, endpoints: int) -> None:
        self.held[name] = (size_bytes, endpoints)
        self._count(name)

    def drop(self, name: str) -> None:
        held = self.held.pop(name, None)
        if held is not None:
            self.dropped = name, held
            self._count(name)

    def retain(self, name: str) -> None:
        """What was last dropped is retained, or what is retained already under its name."""
        if self.dropped is not None and self.dropped[0] == name:
            self.retained.setdefault(name, self.dropped[1])
            self.dropped = None
            self._count(name)

    def let_go(self, name: str) -> None:
        if self.retained.pop(name, None) is not None:
            self._count(name)

    def _count(self, name: str) -> None:
        """What is there under `name` has changed."""
        held, retained = self.held.get(name), self.retained.get(name)
        if held is not None and retained is not None:
            held = max(held[0], retained[0]), max(held[1], retained[1])
        now, before = held or retained, self.counted.get(name, (0, 0))
        if now is None:
            self.counted.pop(name, None)
        else:
            self.counted[name] = now
        size_bytes, endpoints = now or (0, 0)
        self.size_bytes += size_bytes - before[0]
        self.endpoints += endpoints - before[1]
        if now is None or size_bytes < before[0] or endpoints < before[1]:
            self.has_room = bool(self.left_out)


class Intake:
    """The accounts of one kind; `kind` is its name in metrics and logs.

    `allowed` gives a member's limits: objects, bytes, and endpoints in all. Without `enforce` (for objects
    that we wrote) it only keeps the accounts.
    """

    def __init__(self, kind: str, allowed: Callable[[str], Allowance], *, enforce: bool = True) -> None:
        self.kind = kind
        self._enforce = enforce
        self._allowed = allowed
        self._store: Store[Any] = Store()
        self._accounts: dict[str, _Account] = {}

    def follow(self, store: Store[Any]) -> None:
        """Keep the accounts in step with this store, which holds the admitted objects."""
        self._store = store
        store.subscribe(self._changed)

    def admit(self, namespace: str, name: str, size_bytes: int) -> bool:
        """Whether to decode an object of that many bytes; if so, it counts from now on."""
        cluster = cluster_of_namespace(namespace)
        if cluster is None:
            return False
        account = self._accounts.setdefault(cluster, _Account())
        held = account.held.get(name)
        reason = self.refuses(cluster, name, size_bytes)
        if reason is not None and self._enforce:
            self._leave_out(cluster, account, name, reason)
            return False
        account.left_out.pop(name, None)
        account.put(name, size_bytes, held[1] if held is not None else 0)
        return True

    def takes(self, cluster: str, name: str, endpoints: int) -> bool:
        """Whether to hold an admitted object, now that the number of its endpoints is known."""
        account = self._accounts.setdefault(cluster, _Account())
        size_bytes, counted = account.held.get(name, (0, 0))
        if self._enforce and self.refuses(cluster, name, size_bytes, endpoints) is not None:
            had_room = account.has_room
            account.drop(name)
            if not counted:
                # The object was not held before, so no room has become free.
                account.has_room = had_room
            self._leave_out(cluster, account, name, ENDPOINTS)
            return False
        account.put(name, size_bytes, endpoints)
        return True

    def reserve(self, cluster: str, name: str, size_bytes: int, endpoints: int) -> None:
        """Count an object that is about to be written."""
        self._accounts.setdefault(cluster, _Account()).put(name, size_bytes, endpoints)

    def retain(self, cluster: str, name: str) -> None:
        """The caller retains an object that was just removed from the store: it counts until `let_go`."""
        account = self._accounts.get(cluster)
        if account is not None:
            account.retain(name)

    def let_go(self, cluster: str, name: str) -> None:
        """An object that vanished is no longer retained: it stops counting."""
        account = self._accounts.get(cluster)
        if account is not None:
            account.let_go(name)

    def refuses(self, cluster: str, name: str, size_bytes: int, endpoints: int = 0) -> str | None:
        """The limit that the object would exceed, None if it fits."""
        account = self._accounts.get(cluster) or _Account()
        allowed, counted = self._allowed(cluster), account.counted.get(name)
        usage = Usage(len(account.counted), account.size_bytes)
        reason = over(usage, allowed, size_bytes, counted[0] if counted is not None else None)
        endpoints_before = counted[1] if counted is not None else 0
        if reason is None and endpoints > endpoints_before:
            return ENDPOINTS if account.endpoints - endpoints_before + endpoints > allowed.endpoints else None
        return reason

    def left_out(self) -> Iterator[tuple[str, str, int]]:
        """Member, limit, and how many objects are left out for it, as far as they are remembered."""
        for cluster, account in self._accounts.items():
            for reason in sorted(set(account.left_out.values())):
                yield cluster, reason, sum(one == reason for one in account.left_out.values())

    def leaves_out(self, cluster: str, name: str) -> bool:
        """Whether this object is left out, as far as its name is remembered."""
        account = self._accounts.get(cluster)
        return account is not None and name in account.left_out

    def allow_more(self, cluster: str) -> None:
        """The member's limits changed."""
        account = self._accounts.get(cluster)
        if account is not None and account.left_out:
            account.has_room = True

    def ask(self, cluster: str) -> None:
        """Have all of a member's objects read again, soon."""
        self._accounts.setdefault(cluster, _Account()).asked = True

    def asked(self, now_seconds: float) -> list[str]:
        """The members whose objects must be read again now, since somebody asked for it."""
        found = self._accounts.items()
        return [one for one, account in found if account.asked and now_seconds >= account.soon_at_seconds]

    def read_since(self, cluster: str, since_seconds: float) -> bool:
        """Whether a complete read of the member's objects has begun, and ended, since then."""
        account = self._accounts.get(cluster)
        return account is not None and account.read_at_seconds >= since_seconds

    def due(self, now_seconds: float) -> str | None:
        """A member whose objects must be read again, since some were left out and may fit by now."""
        for cluster, account in self._accounts.items():
            if not account.left_out:
                continue
            if not account.late_at_seconds:
                account.late_at_seconds = now_seconds + READ_AGAIN_SECONDS
            if now_seconds >= (account.soon_at_seconds if account.has_room else account.late_at_seconds):
                return cluster
        return None

    def reads(self, cluster: str) -> None:
        """The member's objects are about to be read again."""
        account = self._accounts[cluster]
        account.has_room = False
        account.left_out, account.left_out_before = {}, account.left_out

    def has_read(self, cluster: str, now_seconds: float, took_seconds: float, *, complete: bool) -> None:
        """The member's objects have been read again; not `complete` if that failed."""
        account = self._accounts[cluster]
        if complete:
            account.asked, account.read_at_seconds = False, now_seconds - took_seconds
        else:
            account.has_room = True
            account.left_out = {**account.left_out_before, **account.left_out}
        account.left_out_before = {}
        spacing_seconds = max(READ_AGAIN_SPACING_SECONDS, took_seconds / READ_AGAIN_SHARE)
        account.soon_at_seconds = now_seconds + spacing_seconds
        account.late_at_seconds = now_seconds + max(spacing_seconds, READ_AGAIN_SECONDS)

    def settle(self) -> None:
        """After a complete list: objects that are not in the store were never decoded, or are gone."""
        names: dict[str, set[str]] = {}
        for entry in self._store:
            names.setdefault(entry.namespace, set()).add(entry.name)
        for cluster, account in self._accounts.items():
            in_store = names.get(member_namespace(cluster), frozenset[str]())
            for name in account.held.keys() - in_store:
                account.drop(name)

    def _leave_out(self, cluster: str, account: _Account, name: str, reason: str) -> None:
        if name in account.left_out or len(account.left_out) < LEFT_OUT_NAMES_MAX:
            account.left_out[name] = reason
        if reason not in account.reported:
            account.reported.add(reason)
            _log.warning(
                "member %s exceeds the limit on %s: leaving out its objects that do not fit, first %s %s",
                cluster,
                reason,
                self.kind,
                name,
            )

    def _changed(self, old: Entry[Any] | None, new: Entry[Any] | None) -> None:
        if new is not None or old is None:
            return
        cluster = cluster_of_namespace(old.namespace)
        account = self._accounts.get(cluster) if cluster is not None else None
        if account is not None:
            account.drop(old.name)


class Revisit:
    """Reads objects again that an intake left out and that may fit by now, or that somebody asked for."""

    def __init__(self, intake: Intake, reflector: Reflector[Any]) -> None:
        self.kind = intake.kind
        self._intake = intake
        self._reflector = reflector
        self._lists = 0

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self.step()

    async def step(self) -> None:
        """Settle the accounts after a list; read again all members that were asked for, one that is due."""
        if self._reflector.lists != self._lists:
            self._lists = self._reflector.lists
            self._intake.settle()
        now_seconds = asyncio.get_running_loop().time()
        for asked in self._intake.asked(now_seconds):
            await self._read(asked)
        cluster = self._intake.due(now_seconds)
        if cluster is not None:
            await self._read(cluster)

    async def _read(self, cluster: str) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._intake.reads(cluster)
        complete = False
        try:
            await self._reflector.fetch(namespace=member_namespace(cluster))
            complete = True
        except KubeError as error:
            _log.warning("cannot read the objects of member %s again: %s", cluster, error)
        finally:
            self._intake.has_read(cluster, loop.time(), loop.time() - began, complete=complete)
