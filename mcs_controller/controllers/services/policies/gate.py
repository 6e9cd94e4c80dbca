"""What policies decide about each of many subjects, when it takes effect, and how many they may end at once.

What is live ends when its refusal has lasted (`clusterset/services/policies/lasting.py`); an agent that is
started later counts that time anew.

A mistake in a selector would take away everything at once. So where policies newly refuse as many of what is
live as the fuse calls a fault (`--fuse-share`, `--fuse-minimum`), nothing is taken away until somebody who
may write policies confirms it (`clusterset/membership/release.py`). Nothing is remembered for that: an agent
that is started later counts the same.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping
from typing import Final, Generic, TypeVar

from mcs_controller.clusterset.services.policies.bound import held_back
from mcs_controller.clusterset.services.policies.lasting import NEVER_SECONDS, Refusal, has_lasted, refusal
from mcs_controller.clusterset.services.policies.verdict import Outcome, Policies, Verdict, outcome
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.policies.known import KnownPolicies
from mcs_controller.kube.errors import KubeError
from mcs_controller.kube.pacing.backoff import Backoff

READ_FIRST_RETRY_SECONDS: Final = 1.0
READ_LONGEST_RETRY_SECONDS: Final = 10.0
READ_APART_SECONDS: Final = 1.0
"""Refusals that begin one after the other need not each have the policies read."""

S = TypeVar("S", bound=Hashable)


class Gate(Generic[S]):
    """Says of each subject what follows; `judge` asks the rules, `is_live` and `live` what is there.

    `was_admitted` is asked of what is lost, which is made again while policies are not known. `live` is asked
    for what is live in one namespace, or anywhere (None). `read` reads what else subjects are judged by, and
    may raise `KubeError`: watches may be late. `on_change` is called when the
    outcome of any subject of these namespaces may be another, None for all; `report` when the conditions of
    policies may be.
    """

    def __init__(
        self,
        context: Context,
        known: KnownPolicies,
        *,
        judge: Callable[[Policies, S], Verdict],
        is_live: Callable[[S], bool],
        was_admitted: Callable[[S], bool],
        live: Callable[[str | None], Iterable[S]],
        read: Callable[[Collection[S]], Awaitable[None]],
        namespace_of: Callable[[S], str],
    ) -> None:
        self.on_change: Callable[[Collection[str] | None], None] = lambda namespaces: None
        self.report: Callable[[], None] = lambda: None
        self.known = known
        self._judge = judge
        self._is_live = is_live
        self._was_admitted = was_admitted
        self._live_in = live
        self._read = read
        self._namespace_of = namespace_of
        self._clock = context.clock
        self._share = context.config.fuse_share
        self._minimum = context.config.fuse_minimum
        self._actions: dict[S, str] = {}
        self._live: set[S] = set()
        self._losing: dict[S, Refusal] = {}
        self._begun = asyncio.Event()
        self._read_at_seconds = NEVER_SECONDS
        self._backoff = Backoff(READ_FIRST_RETRY_SECONDS, READ_LONGEST_RETRY_SECONDS, random=context.random)
        # The namespaces whose subjects are to be counted anew, and of which is to be told; None: all.
        self._uncounted: set[str] | None = None
        self._untold: set[str] | None = set()
        self._tells = False
        self.held = ""
        """Why nothing is withdrawn, "" if policies may withdraw."""
        known.on_change = self.changed

    async def run(self) -> None:
        """See to it that refusals take effect when they have lasted, until cancelled."""
        while True:
            await self._begun.wait()
            await self._wait_lasted()

    async def _wait_lasted(self) -> None:
        """Wait for the first refusal, have the policies read, and tell what has lasted then."""
        new = [one for one in self._losing.values() if not has_lasted(one, self._read_at_seconds)]
        if not new:
            self._begun.clear()
            return
        loop = asyncio.get_running_loop()
        at_seconds = min(one.lasts_at_seconds for one in new)
        wait_seconds = max(at_seconds, self._read_at_seconds + READ_APART_SECONDS) - loop.time()
        if wait_seconds > 0:
            await asyncio.sleep(wait_seconds)
            return
        began_seconds = loop.time()
        try:
            await self.known.read_again()
            await self._read(
                [one for one, of in self._losing.items() if of.lasts_at_seconds <= began_seconds]
            )
        except KubeError:
            # What the informers say of it is in the doubt, and in the metrics.
            await asyncio.sleep(self._backoff.next_seconds())
            return
        self._backoff.reset()
        last_seconds, self._read_at_seconds = self._read_at_seconds, began_seconds
        for subject, one in self._losing.items():
            if has_lasted(one, began_seconds) and not has_lasted(one, last_seconds):
                self._tell(self._namespace_of(subject))

    def changed(self) -> None:
        """Policies may be others: all subjects are counted again."""
        self._uncounted = None
        self._tell(None)

    def changed_in(self, namespace: str) -> None:
        """The labels of a namespace may be others: its subjects are counted again.

        Only those, since whoever may make namespaces can do so at any rate, and thousands of services times
        hundreds of policies take seconds of the event loop.
        """
        if self._uncounted is not None:
            self._uncounted.add(namespace)
        self._tell(namespace)

    def outcome(self, subject: S) -> Outcome:
        """What follows for one subject now."""
        self._count_uncounted()
        rules = self.known.rules()
        verdict, is_live = self._count(rules, subject, self._losing.get(subject))
        self._hold(rules)
        found = outcome(
            verdict,
            self.known.words,
            is_live=is_live or (verdict.answer == "unknown" and self._was_admitted(subject)),
            held=self.held,
            lasts=has_lasted(self._losing.get(subject), self._read_at_seconds),
        )
        self._actions[subject] = found.action
        return found

    def forget(self, subject: S) -> None:
        """There is no such subject any more."""
        self._actions.pop(subject, None)
        self._live.discard(subject)
        self._losing.pop(subject, None)
        self._end_hold()

    def losing(self) -> tuple[int, int]:
        """How many of what is live policies refuse, and how many are live."""
        return len(self._losing), len(self._live)

    def actions(self) -> Mapping[str, int]:
        """How many subjects had each outcome, by `Outcome.action`."""
        return Counter(self._actions.values())

    def _count_uncounted(self) -> None:
        namespaces, self._uncounted = self._uncounted, set()
        if namespaces is None:
            self._live.clear()
            before, self._losing = self._losing, {}
            self._count_live(None, before)
            return
        for namespace in namespaces:
            self._live -= {one for one in self._live if self._namespace_of(one) == namespace}
            before = {one: r for one, r in self._losing.items() if self._namespace_of(one) == namespace}
            for subject in before:
                del self._losing[subject]
            self._count_live(namespace, before)

    def _count_live(self, namespace: str | None, before: Mapping[S, Refusal]) -> None:
        rules = self.known.rules()
        for subject in self._live_in(namespace):
            self._count(rules, subject, before.get(subject))

    def _count(self, rules: Policies, subject: S, last: Refusal | None) -> tuple[Verdict, bool]:
        verdict, is_live = self._judge(rules, subject), self._is_live(subject)
        if is_live:
            self._live.add(subject)
        else:
            self._live.discard(subject)
        now_seconds = asyncio.get_running_loop().time()
        found = refusal(last, verdict, is_live=is_live, now_seconds=now_seconds)
        if found is None:
            self._losing.pop(subject, None)
        else:
            self._losing[subject] = found
            self._begun.set()
        return verdict, is_live

    def _hold(self, rules: Policies) -> None:
        held = held_back(
            rules.policies,
            self.known.words,
            live=len(self._live),
            lost=len(self._losing),
            now_seconds=self._clock.now().timestamp(),
            share=self._share,
            minimum=self._minimum,
        )
        if held != self.held:
            self.held = held
            self._tell(None)

    def _end_hold(self) -> None:
        """End it if nothing is to be held any more: nobody may be left to be asked about, and end it so."""
        if self.held:
            self._count_uncounted()
            self._hold(self.known.rules())

    def _tell(self, namespace: str | None) -> None:
        """Once for all changes of this moment."""
        if namespace is None:
            self._untold = None
        elif self._untold is not None:
            self._untold.add(namespace)
        if not self._tells:
            self._tells = True
            asyncio.get_running_loop().call_soon(self._tell_now)

    def _tell_now(self) -> None:
        self._end_hold()
        if self._losing:
            # A refusal that ends begins anew later, also if nobody asks about it in between.
            self._count_uncounted()
        self._tells = False
        namespaces, self._untold = self._untold, set()
        self.on_change(namespaces)
        self.report()
