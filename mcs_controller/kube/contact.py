"""What is known of the contact with one API server, by all who ask it.

`reachable` says whether the last attempt got any answer, a refusal included; `last_contact` is the loop time
of the last answer or watch line, None before the first. `silent_since` is a loop time at which the server was
silent, None once it has been heard of again: the middle of the time in which the first request waited that
got no answer in time. When that was sent, the server may still have been heard. `history_doubted_at` is the
loop time of the last sign that the server may go on with another history: a watch broke, for instance.
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
        self.history_doubted_at = -inf
        self.observer: RequestObserver | None = None
        self._reached_again: list[Callable[[], None]] = []
        self._history_doubted: list[Callable[[], None]] = []

    def on_reached_again(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever the server answers after a request that it did not answer.

        `silent_since` still says when that was. The answer of this ends it.
        """
        self._reached_again.append(listener)
        return partial(self._reached_again.remove, listener)

    def on_history_doubted(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` at each such sign; what is returned ends that."""
        self._history_doubted.append(listener)
        return partial(self._history_doubted.remove, listener)

    def touch(self) -> None:
        """The server has just been heard of."""
        again = not self.reachable and self.last_contact is not None
        self.last_contact = asyncio.get_running_loop().time()
        self.reachable = True
        if again:
            for listener in tuple(self._reached_again):
                listener()
        self.silent_since = None

    def doubt_history(self) -> None:
        """There is a sign: a watch that was open ended, and not as its time was up; or other news."""
        self.history_doubted_at = asyncio.get_running_loop().time()
        for listener in tuple(self._history_doubted):
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
