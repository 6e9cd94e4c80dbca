"""Keeps a store in step with one kind of object on one API server: list, then watch, for ever.

It holds these lines. Nothing is removed on the strength of a failed or partial list. The first list is
consistent, and so is every other. A watch whose time is up is resumed from the last version seen, bookmarks
included. One that ended in any other way is followed by a new list: an API server that was restored from a
backup ends each watch, and what it writes later may have versions that were seen before, which a resumed
watch would miss. For the same reason lists decode objects of known versions, too, and one more list follows
once nothing of the lost history can come any more (settling.py). A caller may ask for a list (`relist`). An
object that cannot be decoded is counted, logged once, and leaves the last good version of itself in the
store. Whatever the server does, the loop goes on with backoff, and `problem` says what is wrong until then.

What to do with changes is the store's listeners' business.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from random import Random
from typing import Final, Generic, TypeVar

from mcs_controller.api.resources import Resource
from mcs_controller.kube.client import PAGE_SIZE, WATCH_INACTIVITY_SECONDS, WATCH_TIMEOUT_SECONDS, Client
from mcs_controller.kube.decoding.entries import (
    UNDECODABLE,
    Decode,
    ObjectDecoder,
    identify,
    version_of_bookmark,
)
from mcs_controller.kube.decoding.field_parser import WHOLE, ObjectParser
from mcs_controller.kube.decoding.object_reader import Admit, Bounds, JsonObject, LeftOut
from mcs_controller.kube.errors import ApiError, DecodeError, Gone, KubeError
from mcs_controller.kube.long_wait import LongWait
from mcs_controller.kube.pacing.backoff import Backoff
from mcs_controller.kube.settling import Settling
from mcs_controller.kube.store import Entry, Key, Store, is_older
from mcs_controller.kube.watch import END_REASONS, Watch, end_reason, problem_text

_log = logging.getLogger(__name__)

T = TypeVar("T")

ResourceOrResolver = Resource | Callable[[], Awaitable[Resource]]

FIRST_RETRY_SECONDS: Final = 0.1
LONGEST_RETRY_SECONDS: Final = 10.0
FIRST_HOLD_SECONDS: Final = 1.0
LONGEST_HOLD_SECONDS: Final = 30.0
SHORT_WATCH_SECONDS: Final = 1.0
"""A watch that the server closes sooner, without an event, counts as a failure to be backed off from."""
EARLY_SECONDS: Final = 2.0
"""A watch that ends by so much before its time was not ended by its time-out, which is in whole seconds."""
LATE_SECONDS: Final = 30.0
"""A watch that ends by so much after its time was not followed any more, as by a process that stood still."""

_NAMELESS: Final[Key] = ("", "")


class Reflector(Generic[T]):
    """`decode` makes a value of an object, None if it is of no interest; it raises for what it cannot read.

    `resource` may be a function that finds out which version is served; `NotFound` from it, or from the
    list, means that the kind is not installed yet, which is waited for. `parse` may leave out of each object
    what `decode` does not look at. Where objects may be large, a list begins with a small `first_page_size`.

    An object whose JSON is longer than `object_max_bytes`, or which `admit` refuses, is not decoded and not
    in the store, as if `decode` had said None; the client's `left_out` counts and names it. `admit(namespace,
    name, size_bytes)` is asked for each object of each list, and for what a watch adds or changes, in the
    order in which it comes, so that it can keep accounts; of what goes, the store's listeners are told.
    """

    def __init__(
        self,
        client: Client,
        resource: ResourceOrResolver,
        store: Store[T],
        decode: Decode[T],
        *,
        name: str,
        random: Random,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        page_size: int = PAGE_SIZE,
        first_page_size: int | None = None,
        parse: ObjectParser = WHOLE,
        admit: Admit | None = None,
        object_max_bytes: int | None = None,
        watch_seconds: float = WATCH_TIMEOUT_SECONDS,
        inactivity_seconds: float = WATCH_INACTIVITY_SECONDS,
        longest_retry_seconds: float = LONGEST_RETRY_SECONDS,
    ) -> None:
        self.name = name
        self.problem: str | None = None
        self.holding = False
        self.last_contact: float | None = None
        self.lists = 0
        self.events = 0
        self.restarts = dict.fromkeys(END_REASONS, 0)
        self._client = client
        self._resource = resource
        self._store = store
        self._decoder = ObjectDecoder(name, store, decode)
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._parse = parse
        self._bounds = Bounds(object_max_bytes, admit)
        self._pages = partial(
            client.pages,
            page_size=page_size,
            first_page_size=first_page_size,
            parse=parse,
            bounds=self._bounds,
        )
        self._watch_seconds = watch_seconds
        self._inactivity_seconds = inactivity_seconds
        self._random = random
        self._longest_retry_seconds = longest_retry_seconds
        self._backoff = Backoff(FIRST_RETRY_SECONDS, longest_retry_seconds, random=random)
        self._hold_backoff = Backoff(FIRST_HOLD_SECONDS, LONGEST_HOLD_SECONDS, random=random)
        self._resolved: Resource | None = None
        self._list_needed = True
        self._lists_asked_for = 0
        self._list_wait = LongWait(client.contact, self._last_heard)
        self._watch_wait = LongWait(client.contact, self._last_heard, waiting=self._waits_for_events)
        self._settling = Settling(client.contact, self._watch_wait.end, random)
        self._watch_opened_at: float | None = None
        self._open_watch: Watch | None = None
        self._watch_ends_at = 0.0
        # The last version seen on this server, by list, event or bookmark; "0" before the first.
        self._version = "0"
        self._synced = asyncio.Event()
        self._not_listing = asyncio.Event()
        self._not_listing.set()
        self._fetches = 0
        self._removed_during_fetch: dict[Key, str] = {}

    @property
    def decode_failures(self) -> int:
        """How often an object could not be decoded."""
        return self._decoder.failures

    def synced(self) -> bool:
        """Whether a complete list has been applied at least once."""
        return self._synced.is_set()

    async def wait_synced(self) -> None:
        """Wait for the first complete list."""
        await self._synced.wait()

    @property
    def version(self) -> str:
        """The last version seen on this server; "0" before the first."""
        return self._version

    def relist(self) -> None:
        """Take a new list at once, begun after this call; `current` tells when it has been applied."""
        self._lists_asked_for += 1
        self._list_needed = True
        self._watch_wait.end()

    def current(self) -> bool:
        """Whether every list that was asked for has been applied."""
        return self.synced() and not self._list_needed

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self.step()

    async def step(self) -> None:
        """A list if one is needed, one watch until it ends, and a wait if either went wrong."""
        loop = asyncio.get_running_loop()
        if self._list_needed:
            # One that was given up is not doubted again: the server may be busy with it, and others late.
            trusted = self._list_wait.doubted
            try:
                async with self._list_wait.bounded(trusted=trusted):
                    await self._list()
            except KubeError as error:
                await asyncio.sleep(self._list_failed(error))
                return
            if self._list_wait.doubted or not self.current():
                return
        started, events_before = loop.time(), self.events
        try:
            await self._watch_for_a_while()
        except KubeError as error:
            if self.events > events_before or self._was_open_for_a_while():
                self._backoff.reset()
            await asyncio.sleep(self._watch_failed(error))
            return
        if self._list_needed and self._watch_wait.ended:
            return
        self.restarts["inactive" if self._watch_wait.doubted else "closed"] += 1
        if self._watch_wait.doubted or not self._ended_in_time():
            self._list_needed = True
        if self.events > events_before or loop.time() - started >= SHORT_WATCH_SECONDS:
            self._backoff.reset()
        else:
            await asyncio.sleep(self._backoff.next_seconds())

    async def fetch(self, *, name: str = "", namespace: str = "", label_selector: str = "") -> None:
        """Read some objects now, consistently, and apply them: for what became of interest just now.

        Raises `KubeError`. What watch or list remove while the answer is on its way stays removed.
        """
        # A list in progress has decoded some objects with the old interest, and would remove them again.
        await self._not_listing.wait()
        resource = self._resolved or await self._resolve()
        self._fetches += 1
        lists_before = self.lists
        try:
            pages = self._pages(
                resource,
                namespace=namespace or self._namespace,
                label_selector=_joined(self._label_selector, label_selector),
                field_selector=_joined(self._field_selector, f"metadata.name={name}" if name else ""),
            )
            async with aclosing(pages):
                async for page in pages:
                    async for body in page.objects:
                        if self.lists != lists_before:
                            # That list was read with the same interest, and is newer about what is gone.
                            return
                        key, version, entry = self._decoder.read_new(body)
                        removed = self._removed_during_fetch.get(key)
                        if isinstance(entry, Entry) and (removed is None or is_older(removed, version)):
                            self._store.apply(entry)
        finally:
            self._fetches -= 1
            if not self._fetches:
                self._removed_during_fetch.clear()

    async def _resolve(self) -> Resource:
        if isinstance(self._resource, Resource):
            self._resolved = self._resource
        else:
            self._resolved = await self._resource()
        return self._resolved

    async def _list(self) -> None:
        self._not_listing.clear()
        entries: list[Entry[T]] = []
        asked_for, seen_before = self._lists_asked_for, self._version
        began_at = asyncio.get_running_loop().time()
        seen: set[Key] = set()
        version = ""
        self._store.begin_list()
        try:
            async for page in self._pages(
                await self._resolve(),
                namespace=self._namespace,
                label_selector=self._label_selector,
                field_selector=self._field_selector,
            ):
                version = page.resource_version
                self._heard()
                async for body in page.objects:
                    key, _, entry = self._decoder.read(body)
                    seen.add(key)
                    if entry is UNDECODABLE:
                        entry = self._store.get(*key)
                    if isinstance(entry, Entry):
                        entries.append(entry)
            self._decoder.forget_all_but(seen)
            self._apply_list(entries, version, is_older(version, seen_before), nameless=_NAMELESS in seen)
            self._list_needed = asked_for != self._lists_asked_for
            self._settling.listed(began_at)
        finally:
            self._not_listing.set()

    def _apply_list(self, entries: list[Entry[T]], version: str, went_back: bool, *, nameless: bool) -> None:
        if went_back:
            _log.warning(
                "%s: the server's history went back to %s; taking its list as it is", self.name, version
            )
        self.lists += 1
        # What cannot even be named may be any of those that are held.
        self.holding = nameless
        if self.holding:
            for entry in entries:
                self._store.apply(entry)
        else:
            self._store.replace(entries, version)
            self._hold_backoff.reset()
        self._version = version
        self._list_needed = False
        self._healthy()
        self._synced.set()

    async def _watch_for_a_while(self) -> None:
        seconds: float | None = None
        if self.holding:
            # What is gone could not be told: go on following what happens, then take a new list.
            self._list_needed = True
            seconds = self._hold_backoff.next_seconds()
        try:
            async with self._watch_wait.bounded(seconds):
                await self._watch()
                if not self._ended_in_time():
                    self._client.contact.doubt_history()
                if self.holding:
                    # The server closed it early: wait for the rest of the time.
                    await asyncio.sleep(LONGEST_HOLD_SECONDS)
        finally:
            self._open_watch = None
        if self._settling.needs_list:
            self._list_needed = True

    def _last_heard(self) -> float:
        return self.last_contact or 0.0

    def _waits_for_events(self) -> bool:
        return self._open_watch is not None and self._open_watch.waiting

    async def _watch(self) -> None:
        self._watch_opened_at = None
        watch_seconds = self._watch_seconds * self._random.uniform(1.0, 2.0)
        self._watch_ends_at = asyncio.get_running_loop().time() + watch_seconds
        watch = await self._client.watch(
            self._resolved or await self._resolve(),
            namespace=self._namespace,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            resource_version=self._version,
            timeout_seconds=watch_seconds,
            inactivity_seconds=self._inactivity_seconds,
            parse=self._parse,
            bounds=self._bounds,
        )
        self._watch_opened_at = asyncio.get_running_loop().time()
        self._open_watch = watch
        with self._settling.watching():
            await self._follow(watch)

    async def _follow(self, watch: Watch) -> None:
        async with watch as events:
            self._healthy()
            self._heard()
            async for kind, body in events:
                self._heard()
                if kind == "BOOKMARK":
                    self._version = version_of_bookmark(body)
                    continue
                self._apply_event(kind, body)

    def _apply_event(self, kind: str, body: JsonObject | LeftOut) -> None:
        if kind == "DELETED":
            key, version = identify(body)
            self._remove(key, version)
        else:
            key, version, entry = self._decoder.read_new(body)
            if entry is None:
                self._remove(key, version)
            elif isinstance(entry, Entry):
                self._store.apply(entry)
        # Of what was left out the version may be unknown; the next event or bookmark has a later one.
        self._version = version or self._version
        self.events += 1

    def _remove(self, key: Key, version: str) -> None:
        if self._fetches:
            self._removed_during_fetch[key] = version
        self._decoder.forget(key)
        self._store.remove(*key, version)

    def _list_failed(self, error: KubeError) -> float:
        self._unhealthy("list", error)
        return self._backoff.next_seconds(_retry_after(error))

    def _watch_failed(self, error: KubeError) -> float:
        reason = end_reason(error)
        self.restarts[reason] += 1
        self._list_needed = True
        is_opened = self._watch_opened_at is not None
        if is_opened and reason != "inactive":
            self._client.contact.doubt_history()
        if isinstance(error, DecodeError) or not (is_opened or isinstance(error, Gone)):
            # A watch that was open and broke is no problem unless it cannot be opened again.
            self._unhealthy("watch", error)
        return self._backoff.next_seconds(_retry_after(error))

    def _was_open_for_a_while(self) -> bool:
        """Whether the last watch shows that what failed before it is over, though nothing happened in it.

        Not sooner: a link that breaks everything after a few seconds must not be asked more often for that.
        """
        if self._watch_opened_at is None:
            return False
        return asyncio.get_running_loop().time() - self._watch_opened_at >= self._longest_retry_seconds

    def _ended_in_time(self) -> bool:
        """Whether the last watch was closed as its time was up.

        Not before that, as by a server that is told to stop; nor so late that it may have ended at any time
        before, and in any way, and nobody looked.
        """
        after_seconds = asyncio.get_running_loop().time() - self._watch_ends_at
        return -EARLY_SECONDS <= after_seconds <= LATE_SECONDS

    def _heard(self) -> None:
        self.last_contact = asyncio.get_running_loop().time()

    def _healthy(self) -> None:
        if self.problem is not None:
            _log.info("%s: recovered", self.name)
            self.problem = None

    def _unhealthy(self, verb: str, error: KubeError) -> None:
        text = problem_text(verb, self._resolved, self.name, error)
        if text != self.problem:
            _log.warning("%s: %s", self.name, text)
            self.problem = text


def _joined(selector: str, more: str) -> str:
    return ",".join(part for part in (selector, more) if part)


def _retry_after(error: KubeError) -> float | None:
    return error.retry_after_seconds if isinstance(error, ApiError) else None
