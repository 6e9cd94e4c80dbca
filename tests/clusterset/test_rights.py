"""Whose exports have to be judged again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mcs_controller.clusterset.membership.rights import rights_changed
from mcs_controller.clusterset.model import Member

EAST = Member("east")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"allowed_namespaces": ("shop",)}, {"east"}),
        ({"allowed_cidrs": ("10.0.0.0/8",)}, {"east"}),
        ({"region": "eu"}, {"east"}),
        ({"zone": "eu-1"}, {"east"}),
        ({"heartbeat": "2026-01-01T00:00:00.000000Z", "version": "9"}, set()),
    ],
    ids=str,
)
def test_what_a_member_may_do_and_where_it_lies_counts_and_no_heartbeat(
    change: dict[str, Any], expected: set[str]
) -> None:
    assert rights_changed({"east": EAST}, {"east": replace(EAST, **change)}) == expected


def test_members_that_come_or_go_are_judged() -> None:
    assert rights_changed({"east": EAST}, {"west": Member("west")}) == {"east", "west"}
