"""The rules of the endpoints' fuse."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcs_controller.clusterset.fuse import would_trip
from mcs_controller.clusterset.model import Endpoint, ImportedSlice, SliceContent, SlicePort
from mcs_controller.clusterset.services.endpoint_loss import has_ready, holds_loss, kept_slices
from mcs_controller.clusterset.services.merge import merge
from tests.clusterset.builders import WEB, record

MINIMUM = 10
losses = st.dictionaries(
    st.integers(0, 60),
    st.frozensets(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=3),
    max_size=40,
)
"""By service, the clusters that lost the last of all."""


def holds(lost: dict[int, frozenset[str]], losers: frozenset[str], others: dict[str, int]) -> bool:
    """`others` are services that have endpoints, by their only cluster."""
    by_member = Counter(one for clusters in lost.values() for one in clusters)
    return holds_loss(
        losers,
        had=by_member + Counter(others),
        lost=by_member,
        had_in_all=len(lost) + sum(others.values()),
        lost_in_all=len(lost),
        share=0.5,
        minimum=MINIMUM,
    )


def all_together_trip(lost: dict[int, frozenset[str]], others: dict[str, int]) -> bool:
    return would_trip(len(lost) + sum(others.values()), len(lost), share=0.5, minimum=MINIMUM)


others = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers(0, 40))


@pytest.mark.requirement("MCS-LIFE-07")
@given(losses, others)
def test_below_the_minimum_nothing_is_held(lost: dict[int, frozenset[str]], rest: dict[str, int]) -> None:
    few = dict(list(lost.items())[: MINIMUM - 1])
    for losers in few.values():
        assert not holds(few, losers, rest)


@pytest.mark.requirement("MCS-LIFE-07")
@given(losses, others)
@example({**dict.fromkeys(range(9), frozenset("a")), 9: frozenset("b"), 10: frozenset("c")}, {})
def test_the_losses_of_one_member_never_hold_what_others_lost(
    lost: dict[int, frozenset[str]], rest: dict[str, int]
) -> None:
    for losers in set(lost.values()):
        if not holds(lost, losers, rest):
            continue
        for other in {one for clusters in lost.values() for one in clusters} - losers:
            without = {key: clusters for key, clusters in lost.items() if clusters != {other}}
            assert holds(without, losers, rest) or all_together_trip(without, rest)


@given(losses, others)
def test_when_half_or_more_are_left_of_each_member_and_of_all_nothing_is_held(
    lost: dict[int, frozenset[str]], rest: dict[str, int]
) -> None:
    by_member = Counter(one for clusters in lost.values() for one in clusters)
    enough = {one: max(rest.get(one, 0), number) for one, number in by_member.items()}
    for losers in lost.values():
        assert not holds(lost, losers, enough)


@given(losses)
def test_when_one_member_loses_all_it_has_and_that_is_enough_it_is_held(
    lost: dict[int, frozenset[str]],
) -> None:
    by_member = Counter(one for clusters in lost.values() for one in clusters)
    for losers in lost.values():
        if max(by_member[one] for one in losers) >= MINIMUM:
            assert holds(lost, losers, {})


@pytest.mark.parametrize(
    ("ready", "expected"),
    [((), False), ((False,), False), ((None,), True), ((True,), True), ((False, None), True)],
)
def test_an_endpoint_that_does_not_say_is_ready(ready: tuple[bool | None, ...], expected: bool) -> None:
    endpoints = tuple(Endpoint((f"10.1.0.{number}",), ready=one) for number, one in enumerate(ready))
    assert has_ready(SliceContent("IPv4", (), endpoints)) is expected


HELD = ImportedSlice(
    WEB,
    "web-east-abc",
    "east",
    SliceContent("IPv4", (SlicePort(8080, "http"),), (Endpoint(("10.1.0.1",)), Endpoint(("10.1.0.2",)))),
    derived_service="old",
    owner_uid="old",
)


def kept(
    held: ImportedSlice, *clusters: str, admitted: int = 2, kind: str = "ClusterSetIP"
) -> tuple[ImportedSlice, ...]:
    east = replace(record("east"), type=kind)  # type: ignore[arg-type]
    merged = merge([east])
    return kept_slices(
        merged,
        {"east": east},
        [held],
        frozenset(clusters),
        owner_uid="new",
        admit=lambda cluster, endpoints: endpoints[:admitted],
    )


def test_kept_slices_are_as_they_lie_here_but_for_their_owner_and_their_service() -> None:
    (one,) = kept(HELD, "east")
    assert one.owner_uid == "new"
    assert one.derived_service not in ("", "old")
    assert replace(one, owner_uid="old", derived_service="old") == HELD
    assert kept(HELD, "east", kind="Headless")[0].derived_service == ""


def test_other_clusters_slices_other_families_and_refused_endpoints_are_not_kept() -> None:
    assert kept(HELD, "west") == ()
    assert kept(replace(HELD, content=replace(HELD.content, address_type="IPv6")), "east") == ()
    assert kept(HELD, "east", admitted=0) == ()
    assert kept(HELD, "east", admitted=1)[0].content.endpoints == HELD.content.endpoints[:1]


@pytest.mark.parametrize("owners", [frozenset[str](), frozenset({"west"}), frozenset({"east", "west"})])
def test_of_an_export_that_does_not_fit_its_owners_nothing_is_kept(owners: frozenset[str]) -> None:
    """Its endpoints would have had no part in the service either."""
    records = {"west": record("west"), "east": record("east", 1, type="Headless")}
    kept = kept_slices(
        merge(list(records.values()), owners),
        records,
        [HELD, replace(HELD, name="web-west-abc", source_cluster="west")],
        {"east", "west"},
        owner_uid="new",
        admit=lambda cluster, endpoints: endpoints,
    )
    assert [one.source_cluster for one in kept] == (["west"] if owners == {"west"} else ["east", "west"])


def test_of_all_losses_only_those_of_one_other_cluster_are_left_out_with_its_services() -> None:
    had, lost = {"a": 8, "b": 10, "c": 8}, {"a": 3, "b": 10, "c": 3}
    assert holds_loss({"a"}, had=had, lost=lost, had_in_all=18, lost_in_all=16, share=0.5, minimum=3)
    had, lost = {"a": 6, "b": 1}, {"a": 3, "b": 1}
    assert holds_loss({"a"}, had=had, lost=lost, had_in_all=6, lost_in_all=4, share=0.5, minimum=3)
