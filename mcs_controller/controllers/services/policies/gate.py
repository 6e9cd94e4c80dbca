"""What policies decide about each of many subjects, and the bound on how many they may end at once.

A mistake in a selector would take away everything at once. So where policies newly refuse as many of what is
live as the fuse calls a fault (`--fuse-share`, `--fuse-minimum`), nothing is taken away until somebody who
may write policies confirms it (`clusterset/membership/release.py`). Nothing is remembered for that: an agent
that is started later counts the same.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

from mcs_controller.clusterset.services.policies.bound import held_back
from mcs_controller.clusterset.services.policies.verdict import Outcome, Policies, Verdict, outcome
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.policies.known import KnownPolicies

S = TypeVar("S", bound=Hashable)


class Gate(Generic[S]):
    """Says of each subject what follows; `judge` asks the rules, `is_live` and `live` what is there.

    `on_change` is called when the outcome of any subject may be another, and `report` when the conditions of
    policies may be.
    """

    def __init__(
        self,
        context: Context,
        known: KnownPolicies,
        *,
        judge: Callable[[Policies, S], Verdict],
        is_live: Callable[[S], bool],
        live: Callable[[], Iterable[S]],
    ) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self.report: Callable[[], None] = lambda: None
        self.known = known
        self._judge = judge
        self._is_live = is_live
        self._all_live = live
        self._clock = context.clock
        self._share = context.config.fuse_share
        self._minimum = context.config.fuse_minimum
        self._actions: dict[S, str] = {}
        self._live: set[S] = set()
        self._losing: set[S] = set()
        self._must_count = True
        self._told = False
        self.held = ""
        """Why nothing is withdrawn, "" if policies may withdraw."""
        known.on_change = self.changed

    def changed(self) -> None:
        """Policies, or labels that they ask for, may be others: all subjects are counted again."""
        self._must_count = True
        self._tell()

    def outcome(self, subject: S) -> Outcome:
        """What follows for one subject now."""
        if self._must_count:
            self._count_all()
        rules = self.known.rules()
        verdict, is_live = self._count(rules, subject)
        self._hold(rules)
        found = outcome(verdict, self.known.words, is_live=is_live, held=self.held)
        self._actions[subject] = found.action
        return found

    def forget(self, subject: S) -> None:
        """There is no such subject any more."""
        self._actions.pop(subject, None)
        self._live.discard(subject)
        self._losing.discard(subject)
        self._end_hold()

    def losing(self) -> tuple[int, int]:
        """How many of what is live policies refuse, and how many are live."""
        return len(self._losing), len(self._live)

    def actions(self) -> Mapping[str, int]:
        """How many subjects had each outcome, by `Outcome.action`."""
        return Counter(self._actions.values())

    def _count_all(self) -> None:
        self._must_count = False
        self._live.clear()
        self._losing.clear()
        rules = self.known.rules()
        for subject in self._all_live():
            self._count(rules, subject)

    def _count(self, rules: Policies, subject: S) -> tuple[Verdict, bool]:
        verdict, is_live = self._judge(rules, subject), self._is_live(subject)
        self._put(self._live, subject, is_live)
        self._put(self._losing, subject, is_live and verdict.answer == "refused")
        return verdict, is_live

    @staticmethod
    def _put(where: set[S], subject: S, belongs: bool) -> None:
        if belongs:
            where.add(subject)
        else:
            where.discard(subject)

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
            self._tell()

    def _end_hold(self) -> None:
        """End it if nothing is to be held any more: nobody may be left to be asked about, and end it so."""
        if self.held:
            if self._must_count:
                self._count_all()
            self._hold(self.known.rules())

    def _tell(self) -> None:
        """Once for all changes of this moment."""
        if not self._told:
            self._told = True
            asyncio.get_running_loop().call_soon(self._tell_now)

    def _tell_now(self) -> None:
        self._end_hold()
        self._told = False
        self.on_change()
        self.report()
