"""Each reason why an endpoint takes no traffic has words for people."""

from collections.abc import Iterator
from typing import Any, get_args

from mcs_controller.clusterset.explain.endpoints import WhyNot
from mcs_controller.clusterset.explain.words import WHY_NOT


def literals(of: Any) -> Iterator[str]:
    for one in get_args(of):
        if isinstance(one, str):
            yield one
        else:
            yield from literals(one)


def test_every_reason_has_words() -> None:
    assert set(literals(WhyNot)) - {""} == set(WHY_NOT)
