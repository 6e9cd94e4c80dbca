"""Many seeds, spread over processes, and what is said of them."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from tests.simulation.plan import Plan, plan
from tests.simulation.results import ERROR, HELD, Results
from tests.simulation.shorten import shortened
from tests.simulation.telling import Outcome, tell

PROGRESS_SEEDS = 25


class Result(NamedTuple):
    """Of one seed: what it led to, or the error that the simulator itself ended with; CPU seconds."""

    seed: int
    outcome: Outcome | None
    error: str
    cpu_seconds: float

    @property
    def failed(self) -> bool:
        return self.outcome is None or bool(self.outcome.faults)

    @property
    def verdict(self) -> str:
        return ERROR if self.outcome is None else self.outcome.invariant or HELD


def run(seed: int) -> Result:
    """One seed in this process."""
    began = time.process_time()
    outcome, error = None, ""
    try:
        with _garbage_kept():
            outcome = tell(plan(seed))
    except Exception:  # noqa: BLE001 - the outermost loop: an error of one seed is one seed's
        error = traceback.format_exc()
    return Result(seed, outcome, error, time.process_time() - began)


@contextlib.contextmanager
def _garbage_kept() -> Iterator[None]:
    """Cycles are collected afterwards: to look for them all the time takes a tenth of a story."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()
        gc.unfreeze()


class Report:
    """Writes progress, and of a seed that fails its story."""

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        story: bool = False,
        shorten: bool = True,
        retell: Callable[[Plan], Outcome] = tell,
    ) -> None:
        self.done = 0
        self.failed: list[int] = []
        self._write = write
        self._story = story
        self._shorten = shorten
        self._retell = retell
        self._cpu_seconds = 0.0

    def result(self, result: Result, of: int) -> None:
        self.done += 1
        self._cpu_seconds += result.cpu_seconds
        if self._story and result.outcome is not None:
            self._lines(result.outcome.lines)
        if result.failed:
            self.failed.append(result.seed)
            self._failure(result)
        if self.done % PROGRESS_SEEDS == 0 or self.done == of:
            self.say(
                f"{self.done} of {of} seeds, {len(self.failed)} failed, "
                f"{self._cpu_seconds / self.done:.2f} CPU seconds each"
            )

    def _failure(self, result: Result) -> None:
        outcome = result.outcome
        if outcome is None:
            self.say(f"seed {result.seed} FAILED: the simulator ended with {result.error}")
            return
        clusters = ", ".join(outcome.plan.layout.clusters)
        self.say(f"seed {result.seed} FAILED: {outcome.invariant}, clusters {clusters}")
        self._lines([f"  {fault}" for fault in outcome.faults])
        if self._shorten:
            total = len(outcome.plan.events)
            outcome, runs = shortened(outcome, self._retell)
            self.say(f"shortened from {total} to {len(outcome.plan.events)} events in {runs} runs:")
            self._lines([f"  {event}" for event in outcome.plan.events])
        self._lines([f"  {line}" for line in outcome.lines])
        self.say(f"replay: make simulate SEED={result.seed} SEEDS=1")

    def _lines(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.say(line)

    def say(self, line: str) -> None:
        self._write(f"{line}\n")


def simulate(
    seeds: Sequence[int], report: Report, *, jobs: int, go_on: bool = False, results: Results | None = None
) -> int:
    """0 when all invariants held, else 1; stops at the first failure unless told to `go_on`.

    What `results` has already is not told again, and counts.
    """
    if results is None:
        return _simulate(seeds, report, None, jobs=jobs, go_on=go_on)
    left = [seed for seed in seeds if seed not in results.verdicts]
    report.say(f"{len(seeds) - len(left)} of {len(seeds)} seeds were told before")
    code = 1 if results.failed(seeds) else 0
    if left and (go_on or code == 0):
        code |= _simulate(left, report, results, jobs=jobs, go_on=go_on)
    for line in results.summary(seeds):
        report.say(line)
    return code


def _simulate(
    seeds: Sequence[int], report: Report, results: Results | None, *, jobs: int, go_on: bool
) -> int:
    if jobs <= 1 or len(seeds) == 1:
        return _report(map(run, seeds), report, results, len(seeds), go_on=go_on)
    with multiprocessing.get_context("fork").Pool(min(jobs, len(seeds))) as pool:
        return _report(pool.imap_unordered(run, seeds), report, results, len(seeds), go_on=go_on)


def _report(told: Iterable[Result], report: Report, results: Results | None, of: int, *, go_on: bool) -> int:
    for result in told:
        if results is not None:
            results.add(result.seed, result.verdict)
        report.result(result, of)
        if report.failed and not go_on:
            break
    return 1 if report.failed else 0
