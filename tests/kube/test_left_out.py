"""What was left out is counted always, and named once a version and at a bounded rate."""

import pytest

from mcs_controller.kube.decoding.left_out import NAMED_MAX, LeftOutLedger
from mcs_controller.kube.decoding.object_reader import LeftOut


def left(name: str = "web", version: str = "7", reason: str = "too_large") -> LeftOut:
    return LeftOut(reason, "9 may be", "shop", name, version, 10)


def test_a_version_is_named_once_and_counted_each_time(caplog: pytest.LogCaptureFixture) -> None:
    ledger = LeftOutLedger("broker")
    for version in ("7", "7", "8", "8"):
        ledger.note("Widget", left(version=version), 0.0)
    ledger.note("Gadget", left(version="8", reason="unreadable"), 0.0)

    assert ledger.counts == {("Widget", "too_large"): 4, ("Gadget", "unreadable"): 1}
    assert [record.getMessage() for record in caplog.records] == [
        "broker: Widget shop/web at version 7 (10 bytes) is left out, too large: 9 may be",
        "broker: Widget shop/web at version 8 (10 bytes) is left out, too large: 9 may be",
        "broker: Gadget shop/web at version 8 (10 bytes) is left out, unreadable: 9 may be",
    ]


def test_what_is_not_named_is_summed_up_in_the_next_line(caplog: pytest.LogCaptureFixture) -> None:
    ledger = LeftOutLedger("broker")
    for number in range(14):
        ledger.note("Widget", left(f"w{number}"), 100.0)
    assert len(caplog.records) == 10
    ledger.note("Widget", left("last"), 105.0)
    ledger.note("Widget", left("very last"), 110.0)

    texts = [record.getMessage() for record in caplog.records[10:]]
    assert [text.rpartition(": ")[2] for text in texts] == [
        "9 may be; 4 more since the last such line",
        "9 may be",
    ]


def test_the_memory_of_names_is_bounded_and_keeps_the_latest() -> None:
    ledger = LeftOutLedger("broker")
    for number in range(NAMED_MAX + 50):
        ledger.note("Widget", left(f"w{number}"), 0.0)

    named = [name for _, _, name in ledger._named]
    assert (len(named), named[0], named[-1]) == (NAMED_MAX, "w50", f"w{NAMED_MAX + 49}")


def test_what_was_named_of_late_is_remembered_longer_than_what_came_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ledger = LeftOutLedger("broker")
    for number in range(NAMED_MAX):
        ledger.note("Widget", left(f"w{number}"), 0.0)
    ledger.note("Widget", left("w0", version="8"), 100.0)
    ledger.note("Widget", left("one more"), 200.0)
    caplog.clear()
    ledger.note("Widget", left("w0", version="8"), 300.0)
    assert not caplog.records

    ledger.note("Widget", left("w1"), 400.0)
    assert "shop/w1 " in caplog.text
