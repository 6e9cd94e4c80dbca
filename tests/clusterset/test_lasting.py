"""How long policies must refuse what is live before that ends it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.services.policies.lasting import (
    NEVER_SECONDS,
    Refusal,
    has_lasted,
    refusal,
)
from mcs_controller.clusterset.services.policies.verdict import (
    ALLOWED,
    EXPORTS,
    IMPORTS,
    LASTS_SECONDS,
    Verdict,
    Words,
    outcome,
    says_ends_soon,
)

NO, OTHER, UNKNOWN = Verdict("refused", "no"), Verdict("refused", "other"), Verdict("unknown", "no")
BEGAN = Refusal("no", 5.0)


@pytest.mark.parametrize(
    ("last", "verdict", "is_live", "expected"),
    [
        (None, NO, True, Refusal("no", 7.0)),
        (BEGAN, NO, True, BEGAN),
        (BEGAN, OTHER, True, Refusal("other", 7.0)),
        (BEGAN, UNKNOWN, True, None),
        (BEGAN, ALLOWED, True, None),
        (BEGAN, NO, False, None),
    ],
)
def test_a_refusal_goes_on_while_its_verdict_is_the_same(
    last: Refusal | None, verdict: Verdict, is_live: bool, expected: Refusal | None
) -> None:
    assert refusal(last, verdict, is_live=is_live, now_seconds=7.0) == expected


verdicts = st.sampled_from([NO, OTHER, UNKNOWN, ALLOWED])
moments = st.lists(st.tuples(st.floats(0.1, 4.0), verdicts, st.booleans()), min_size=1, max_size=30)


@given(moments)
def test_only_a_verdict_that_never_was_another_in_all_that_time_has_lasted(
    found: list[tuple[float, Verdict, bool]],
) -> None:
    now_seconds, last, since_seconds, before = 0.0, None, 0.0, None
    for after_seconds, verdict, is_live in found:
        now_seconds += after_seconds
        if (verdict, is_live) != before:
            before, since_seconds = (verdict, is_live), now_seconds
        last = refusal(last, verdict, is_live=is_live, now_seconds=now_seconds)
        is_refused = verdict.answer == "refused" and is_live
        assert (last is not None) == is_refused
        if is_refused:
            assert has_lasted(last, now_seconds) == (since_seconds + LASTS_SECONDS <= now_seconds)
            assert not has_lasted(last, NEVER_SECONDS)


def test_a_reading_that_began_too_early_says_nothing() -> None:
    assert not has_lasted(BEGAN, 5.0 + LASTS_SECONDS - 0.1)
    assert has_lasted(BEGAN, 5.0 + LASTS_SECONDS)


@pytest.mark.parametrize("words", [EXPORTS, IMPORTS])
def test_what_is_live_goes_on_until_its_refusal_has_lasted_and_is_told_so(words: Words) -> None:
    soon = outcome(NO, words, is_live=True, held="", lasts=False)
    assert soon.action == "keep"
    assert says_ends_soon(soon.message)
    assert says_ends_soon(soon.message, "no")
    assert not says_ends_soon(soon.message, "other")
    for decided in (
        outcome(NO, words, is_live=False, held="", lasts=False),
        outcome(NO, words, is_live=True, held=""),
        outcome(UNKNOWN, words, is_live=True, held="", lasts=False),
        outcome(NO, words, is_live=True, held="too many", lasts=False),
    ):
        assert not says_ends_soon(decided.message)
    assert outcome(NO, words, is_live=False, held="", lasts=False).action == "refuse"
