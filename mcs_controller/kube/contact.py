"""What is known of the contact with one API server, by all who ask it.

`reachable` says whether the last attempt got any answer, a refusal included; `last_contact` is the loop time
of the last answer or watch line, None before the first. `silent_since` is a loop time at which the server was
silent, None once it has been heard of again: the middle of the time in which the first request waited that
got no answer in time. When that was sent, the server may still have been heard. `watch_broke_at` is the loop
time at which a watch broke last, or was closed before its time: then the server may have another history.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Protocol

from mcs_controller.kube.errors import (
    ApiError,
    ConfigError,
    DecodeError,
    KubeError,
    NotLeading,
    Timeout,
    TooLarge,
)


class RequestObserver(Protocol):
    """Told of every request that ended: `result` is the HTTP status or a word such as `timeout`."""

    def __call__(self, verb: str, kind: str, result: str, seconds: float) -> None: ...


class Contact:
    """Told of the end of each request."""

    def __init__(self) -> None:
        self.reachable = False
        self.last_contact: float | None = None
        self.silent_since: float | None = None
        self.watch_broke_at = -inf
        self.observer: RequestObserver | None = None
        self._reached_again: list[Callable[[], None]] = []
        self._watch_broke: list[Callable[[], None]] = []

    def on_reached_again(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever the server answers after a request that it did not answer.

        `silent_since` still says when that was. The answer of this ends it.
        """
        self._reached_again.append(listener)
        return partial(self._reached_again.remove, listener)

    def on_watch_broke(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever a watch broke; what is returned ends that."""
        self._watch_broke.append(listener)
        return partial(self._watch_broke.remove, listener)

    def touch(self) -> None:
        """The server has just been heard of."""
        again = not self.reachable and self.last_contact is not None
        self.last_contact = asyncio.get_running_loop().time()
        self.reachable = True
        if again:
            for listener in tuple(self._reached_again):
                listener()
        self.silent_since = None

    def watch_broke(self) -> None:
        """A watch that was open ended, and not because its time was up."""
        self.watch_broke_at = asyncio.get_running_loop().time()
        for listener in tuple(self._watch_broke):
            listener()

    def answered(self, verb: str, kind: str, result: str, started: float) -> None:
        """A request that began at the loop time `started` has been answered."""
        self.touch()
        if self.observer is not None and self.last_contact is not None:
            self.observer(verb, kind, result, self.last_contact - started)

    def failed(self, verb: str, kind: str, error: KubeError, started: float) -> None:
        """A request that began at the loop time `started` ended in `error`."""
        if isinstance(error, ApiError):
            self.answered(verb, kind, str(error.status), started)
        elif isinstance(error, DecodeError | TooLarge):
            result = "too_large" if isinstance(error, TooLarge) else "undecodable"
            self.answered(verb, kind, result, started)
        else:
            now = asyncio.get_running_loop().time()
            if not isinstance(error, NotLeading):
                self.reachable = False
            if isinstance(error, Timeout) and self.silent_since is None:
                self.silent_since = (started + now) / 2
            if self.observer is not None:
                self.observer(verb, kind, _no_answer(error), now - started)


def _no_answer(error: KubeError) -> str:
    if isinstance(error, NotLeading):
        return "not_leading"
    if isinstance(error, Timeout):
        return "timeout"
    return "credential" if isinstance(error, ConfigError) else "unreachable"
