"""What is taken of each member's objects of one kind, within its limits (`clusterset/membership/limits.py`).

A reflector asks before it decodes an object (`admit`), and for endpoints once it has (`takes`). What is held
stays while it fits where it is; what does not fit is left out, the newest in the order in which it comes.
Since only so many of their names are remembered, what fits once there is room is found by reading the
member's namespace anew: `due` says whose.

The accounts follow the store's listeners. What was admitted and never came to be held (it could not be
decoded) counts until the next complete list. What vanished and is retained elsewhere (`retained.py`) counts
until it is let go: a member must not get room by deleting what others keep for it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from mcs_controller.clusterset.identity import cluster_of_namespace, member_namespace
from mcs_controller.clusterset.membership.limits import ENDPOINTS, Allowance, Usage, over
from mcs_controller.kube.errors import KubeError
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Entry, Store

LEFT_OUT_NAMES_MAX: Final = 1000
"""So many names of one member's objects are remembered as left out."""

CHECK_SECONDS: Final = 1.0
READ_AGAIN_SECONDS: Final = 300.0
"""What is left out is read anew that often, even if nothing says that there is room."""

READ_AGAIN_SPACING_SECONDS: Final = 10.0
READ_AGAIN_SHARE: Final = 0.05
"""Reading one member anew may take this part of the time, so that nobody can keep us at it."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Account:
    """One member's.

    `held` has bytes and endpoints by name, `retained` the names among them that are in the store no more,
    `dropped` what was taken off the account last, `left_out` the bound that each went over. What was left out
    is to be looked at again `soon_at_seconds` if there is room (`has_room`), `late_at_seconds` in any case.
    """

    held: dict[str, tuple[int, int]] = field(default_factory=dict)
    retained: set[str] = field(default_factory=set)
    dropped: tuple[str, tuple[int, int]] | None = None
    size_bytes: int = 0
    endpoints: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    left_out_before: dict[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    has_room: bool = False
    soon_at_seconds: float = 0.0
    late_at_seconds: float = 0.0

    def put(self, name: str, size_bytes: int, endpoints: int) -> None:
        self._add(name, size_bytes, endpoints)
        self.held[name] = (size_bytes, endpoints)
        self.retained.discard(name)

    def drop(self, name: str) -> None:
        self._add(name, 0, 0)
        self.retained.discard(name)
        held = self.held.pop(name, None)
        if held is not None:
            self.dropped = name, held
            self.has_room = bool(self.left_out)

    def retain(self, name: str) -> None:
        if self.dropped is not None and self.dropped[0] == name:
            self.put(name, *self.dropped[1])
            self.retained.add(name)
            self.dropped = None

    def _add(self, name: str, size_bytes: int, endpoints: int) -> None:
        """Count so much for `name` instead of what was counted."""
        bytes_before, endpoints_before = self.held.get(name, (0, 0))
        self.size_bytes += size_bytes - bytes_before
        self.endpoints += endpoints - endpoints_before
        if size_bytes < bytes_before or endpoints < endpoints_before:
            self.has_room = bool(self.left_out)


class Intake:
    """The accounts of one kind; `kind` is what it is called in metrics and logs.

    `allowed` gives what a member may have: objects, bytes, and endpoints in all. One that does not enforce
    that (of what we wrote ourselves) only keeps the accounts.
    """

    def __init__(self, kind: str, allowed: Callable[[str], Allowance], *, enforce: bool = True) -> None:
        self.kind = kind
        self._enforce = enforce
        self._allowed = allowed
        self._store: Store[Any] = Store()
        self._accounts: dict[str, _Account] = {}

    def follow(self, store: Store[Any]) -> None:
        """Keep the accounts by what goes from this store, to which what is taken goes."""
        self._store = store
        store.subscribe(self._changed)

    def admit(self, namespace: str, name: str, size_bytes: int) -> bool:
        """Whether to decode an object of that many bytes; if so, it is on the account."""
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
        """Whether to hold an object that was admitted, now that it is known how many endpoints it has."""
        account = self._accounts.setdefault(cluster, _Account())
        size_bytes, counted = account.held.get(name, (0, 0))
        if self._enforce and self.refuses(cluster, name, size_bytes, endpoints) is not None:
            had_room = account.has_room
            account.drop(name)
            if not counted:
                # Nothing was held, and so nothing has become free.
                account.has_room = had_room
            self._leave_out(cluster, account, name, ENDPOINTS)
            return False
        account.put(name, size_bytes, endpoints)
        return True

    def reserve(self, cluster: str, name: str, size_bytes: int, endpoints: int) -> None:
        """Put an object on the account that is about to be written."""
        self._accounts.setdefault(cluster, _Account()).put(name, size_bytes, endpoints)

    def retain(self, cluster: str, name: str) -> None:
        """What has just gone from the store is kept by the caller: on the account until `let_go`."""
        account = self._accounts.get(cluster)
        if account is not None:
            account.retain(name)

    def let_go(self, cluster: str, name: str) -> None:
        """What was kept of an object that is in the store no more is kept no longer."""
        account = self._accounts.get(cluster)
        if account is not None and name in account.retained:
            account.drop(name)

    def refuses(self, cluster: str, name: str, size_bytes: int, endpoints: int = 0) -> str | None:
        """The bound that the object would go over, None if it fits."""
        account = self._accounts.get(cluster) or _Account()
        allowed, held = self._allowed(cluster), account.held.get(name)
        usage = Usage(len(account.held), account.size_bytes)
        reason = over(usage, allowed, size_bytes, held[0] if held is not None else None)
        counted = held[1] if held is not None else 0
        if reason is None and endpoints > counted:
            return ENDPOINTS if account.endpoints - counted + endpoints > allowed.endpoints else None
        return reason

    def left_out(self) -> Iterator[tuple[str, str, int]]:
        """Member, bound, and how many of its objects are left out for it, as far as they are remembered."""
        for cluster, account in self._accounts.items():
            for reason in sorted(set(account.left_out.values())):
                yield cluster, reason, sum(one == reason for one in account.left_out.values())

    def leaves_out(self, cluster: str, name: str) -> bool:
        """Whether this object is left out, as far as that is remembered."""
        account = self._accounts.get(cluster)
        return account is not None and name in account.left_out

    def allow_more(self, cluster: str) -> None:
        """The member's limits changed."""
        account = self._accounts.get(cluster)
        if account is not None and account.left_out:
            account.has_room = True

    def due(self, now_seconds: float) -> str | None:
        """A member whose objects are to be read anew, since some were left out and may fit by now."""
        for cluster, account in self._accounts.items():
            if not account.left_out:
                continue
            if not account.late_at_seconds:
                account.late_at_seconds = now_seconds + READ_AGAIN_SECONDS
            if now_seconds >= (account.soon_at_seconds if account.has_room else account.late_at_seconds):
                return cluster
        return None

    def reads(self, cluster: str) -> None:
        """The member's objects are about to be read anew."""
        account = self._accounts[cluster]
        account.has_room = False
        account.left_out, account.left_out_before = {}, account.left_out

    def has_read(self, cluster: str, now_seconds: float, took_seconds: float, *, complete: bool) -> None:
        """They have been, unless it failed before it was complete."""
        account = self._accounts[cluster]
        if not complete:
            account.has_room = True
            account.left_out = {**account.left_out_before, **account.left_out}
        account.left_out_before = {}
        spacing_seconds = max(READ_AGAIN_SPACING_SECONDS, took_seconds / READ_AGAIN_SHARE)
        account.soon_at_seconds = now_seconds + spacing_seconds
        account.late_at_seconds = now_seconds + max(spacing_seconds, READ_AGAIN_SECONDS)

    def settle(self) -> None:
        """A complete list has been applied: what is not held after that was never decoded, or is gone."""
        names: dict[str, set[str]] = {}
        for entry in self._store:
            names.setdefault(entry.namespace, set()).add(entry.name)
        for cluster, account in self._accounts.items():
            in_store = names.get(member_namespace(cluster), frozenset[str]())
            for name in account.held.keys() - in_store - account.retained:
                account.drop(name)

    def _leave_out(self, cluster: str, account: _Account, name: str, reason: str) -> None:
        if name in account.left_out or len(account.left_out) < LEFT_OUT_NAMES_MAX:
            account.left_out[name] = reason
        if reason not in account.told:
            account.told.add(reason)
            _log.warning(
                "leaving out objects of member %s, the first of them %s %s: over the limit on %s",
                cluster,
                self.kind,
                name,
                reason,
            )

    def _changed(self, old: Entry[Any] | None, new: Entry[Any] | None) -> None:
        if new is not None or old is None:
            return
        cluster = cluster_of_namespace(old.namespace)
        account = self._accounts.get(cluster) if cluster is not None else None
        if account is not None:
            account.drop(old.name)


class Revisit:
    """Reads anew, of what a reflector left out for an intake, what may fit by now."""

    def __init__(self, intake: Intake, reflector: Reflector[Any]) -> None:
        self.kind = intake.kind
        self._intake = intake
        self._reflector = reflector
        self._lists = 0

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self.step()

    async def step(self) -> None:
        """Settle the accounts after a list, and read one member's objects if it is time to."""
        if self._reflector.lists != self._lists:
            self._lists = self._reflector.lists
            self._intake.settle()
        loop = asyncio.get_running_loop()
        began = loop.time()
        cluster = self._intake.due(began)
        if cluster is None:
            return
        self._intake.reads(cluster)
        complete = False
        try:
            await self._reflector.fetch(namespace=member_namespace(cluster))
            complete = True
        except KubeError as error:
            _log.warning("cannot read again what was left out of member %s: %s", cluster, error)
        finally:
            self._intake.has_read(cluster, loop.time(), loop.time() - began, complete=complete)
