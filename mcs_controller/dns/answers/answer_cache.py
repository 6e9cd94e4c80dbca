"""Which answers are kept ready: those of names and types that exist before any that clients can make up.

An answer belongs to the service that its name is of or below, and goes when that changes. Of a service,
everything that is asked in earnest is kept, and of what can be made up without end (other types, names that
do not exist) a few. Answers about names of no service ("does not exist") are kept up to a bound until some
service comes or goes. Where a bound is reached a few others are dropped to make
room, so that no question waits until much is cleared.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Final

from mcs_controller.dns.answers.answer import Answer

MADE_UP_KEPT_MAX: Final = 64
"""Of a service."""

UNOWNED_KEPT_MAX: Final = 10_000
OWNED_KEPT_MAX: Final = 200_000
"""Hosts' names alone can be many more."""

OWNED_KEPT_MAX_BYTES: Final = 128 * 1024 * 1024
"""Of records: some are a megabyte."""

_EVICTED_AT_ONCE: Final = 16


class AnswerCache:
    """`ready_made` has them by question, and is changed in place."""

    def __init__(self) -> None:
        self.ready_made: dict[bytes, Answer] = {}
        self._in_earnest: OrderedDict[bytes, list[bytes]] = OrderedDict()
        self._made_up: dict[bytes, list[bytes]] = {}
        self._unowned: deque[bytes] = deque()
        self._owned_bytes = 0

    def keep(self, question: bytes, answer: Answer, service: bytes | None, *, made_up: bool) -> None:
        """Keep an answer that is not kept yet, if it may be."""
        if service is None:
            if len(self._unowned) >= UNOWNED_KEPT_MAX:
                del self.ready_made[self._unowned.popleft()]
            self._unowned.append(question)
        else:
            if made_up and len(self._made_up.get(service, ())) >= MADE_UP_KEPT_MAX:
                return
            if not self._has_room(answer):
                self._evict()
                if not self._has_room(answer):
                    return
            # Not before: the service may have lost its last answer just now.
            (self._made_up if made_up else self._in_earnest).setdefault(service, []).append(question)
            self._owned_bytes += len(answer.tail)
        self.ready_made[question] = answer

    def forget_service(self, service: bytes) -> None:
        """Something about it has changed."""
        self._forget(self._in_earnest.pop(service, ()))
        self._forget(self._made_up.pop(service, ()))

    def forget_unowned(self) -> None:
        """A service came or went."""
        for question in self._unowned:
            del self.ready_made[question]
        self._unowned.clear()

    def _has_room(self, answer: Answer) -> bool:
        owned = len(self.ready_made) - len(self._unowned)
        return owned < OWNED_KEPT_MAX and self._owned_bytes + len(answer.tail) <= OWNED_KEPT_MAX_BYTES

    def _evict(self) -> None:
        """Forget some answers of the service whose turn it is; when there are no more, those made up."""
        if not self._in_earnest:
            if self._made_up:
                self.forget_service(next(iter(self._made_up)))
            return
        service, questions = next(iter(self._in_earnest.items()))
        self._forget(questions[-_EVICTED_AT_ONCE:])
        del questions[-_EVICTED_AT_ONCE:]
        self._in_earnest.move_to_end(service)
        if not questions:
            self.forget_service(service)

    def _forget(self, questions: Iterable[bytes]) -> None:
        for question in questions:
            self._owned_bytes -= len(self.ready_made.pop(question).tail)
