"""hack/monitoring/measures.py: one expression for alerts and panels, in whatever stands around it."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tests.scripts import load_script

EXPRESSIONS = {
    "plain": "sum by (cluster) (mcs_a)",
    "ratio": "sum(rate(mcs_a[<window>])) / sum(rate(mcs_b[<window>]))",
    "filtered": "mcs_a == 0",
    "joined": "mcs_a and on (cluster) mcs_b",
    "slow": "histogram_quantile(<quantile>, sum by (le) (rate(mcs_c_bucket[<window>])))",
}


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return load_script("monitoring/measures")


@pytest.fixture
def known(module: ModuleType) -> Any:
    return module.Measures(EXPRESSIONS)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("@plain", "sum by (cluster) (mcs_a)"),
        ("@plain > 1", "sum by (cluster) (mcs_a) > 1"),
        ("1 - @filtered", "1 - (mcs_a == 0)"),
        ("@filtered", "mcs_a == 0"),
        ("@joined > 2", "(mcs_a and on (cluster) mcs_b) > 2"),
        ("@ratio(window=5m) > 1", "(sum(rate(mcs_a[5m])) / sum(rate(mcs_b[5m]))) > 1"),
        ("@ratio", "sum(rate(mcs_a[1m])) / sum(rate(mcs_b[1m]))"),
        (
            "@slow(quantile=0.9, window=10m) > 1 unless @plain == 0",
            "histogram_quantile(0.9, sum by (le) (rate(mcs_c_bucket[10m]))) > 1 "
            "unless sum by (cluster) (mcs_a) == 0",
        ),
    ],
)
def test_an_expression_is_filled_in_as_one_operand(known: Any, text: str, filled: str) -> None:
    assert known.fill(text, window="1m") == filled


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("@other", "there is no measure other"),
        ("@slow", "slow has the parameters"),
        ("@plain(window=5m)", "plain has the parameters"),
        ("mcs_a > 1", "names a metric itself"),
        ("@plain > 1 and up == 0", "names a metric itself"),
    ],
)
def test_what_cannot_be_filled_in_is_refused(known: Any, text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        known.fill(text, window="1m")


def test_limits_are_what_a_measure_is_compared_with(module: ModuleType) -> None:
    assert module.limits("@slow(quantile=0.9, window=10m) > 0.5 unless @plain == 0") == [
        module.Limit("slow", ">", 0.5),
        module.Limit("plain", "==", 0.0),
    ]
    assert module.used("@slow(quantile=0.9) > 0.5 unless @plain == 0") == {"slow", "plain"}
