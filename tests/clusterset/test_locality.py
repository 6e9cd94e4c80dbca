"""Near endpoints first: which endpoints take traffic, for any endpoints anywhere."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.model import (
    Endpoint,
    ImportedSlice,
    ImportSpec,
    LocalImport,
    Member,
    SliceContent,
    SlicePort,
)
from mcs_controller.clusterset.services import locality
from mcs_controller.clusterset.services.locality import (
    ELSEWHERE,
    OWN,
    SAME_REGION,
    SAME_ZONE,
    Reach,
    needed,
    step,
)
from mcs_controller.clusterset.services.metadata import exportable_annotations, exportable_labels
from mcs_controller.clusterset.services.preference import SCOPES, MinReady, Preference, Scope, min_ready
from tests.clusterset.builders import WEB

ASKED = "mcs-controller.io/locality"
MIN_READY = "mcs-controller.io/locality-min-ready"
DISTANCES = {"own": OWN, "next": SAME_ZONE, "near": SAME_REGION}
CLUSTERS = [*DISTANCES, "far"]

endpoints = st.builds(
    Endpoint,
    addresses=st.integers(1, 99).map(lambda number: (f"10.0.0.{number}",)),
    ready=st.sampled_from([None, True, False]),
    serving=st.sampled_from([None, True, False]),
    terminating=st.sampled_from([None, True, False]),
)
slices = st.lists(
    st.builds(
        lambda cluster, found, names: ImportedSlice(
            WEB,
            f"web-{cluster}",
            cluster,
            SliceContent("IPv4", tuple(SlicePort(8080, name) for name in sorted(names)), tuple(found)),
            "derived-web",
        ),
        st.sampled_from(CLUSTERS),
        st.lists(endpoints, max_size=3),
        st.sets(st.sampled_from(["http", "admin"]), min_size=1),
    ),
    max_size=6,
)
preferences = st.builds(
    Preference,
    scope=st.sampled_from(SCOPES),
    min_ready=st.one_of(
        st.builds(MinReady, st.integers(1, 4)), st.builds(MinReady, st.integers(1, 100), st.just(True))
    ),
)


def piece(
    cluster: str, ready: int, of: int | None = None, *ports: str, derived: str = "derived-web"
) -> ImportedSlice:
    """A slice with so many ready endpoints of so many."""
    found = tuple(
        Endpoint((f"10.0.0.{number}",), ready=number < ready, serving=number < ready)
        for number in range(of if of is not None else ready)
    )
    named = tuple(SlicePort(8080, name) for name in ports or ("http",))
    return ImportedSlice(WEB, f"web-{cluster}", cluster, SliceContent("IPv4", named, found), derived)


def taking_traffic(found: Sequence[ImportedSlice]) -> set[tuple[str, str, tuple[str, ...]]]:
    """Cluster, port and address of each endpoint that does."""
    return {
        (slice_.source_cluster, port.name, endpoint.addresses)
        for slice_ in found
        for endpoint in slice_.content.endpoints
        for port in slice_.content.ports
        if endpoint.ready is not False
    }


def arranged(found: Sequence[ImportedSlice], wanted: Preference) -> list[ImportedSlice]:
    """What is written of slices from exporters, where nothing was in use before."""
    exported = [locality.with_endpoints(one, locality.unmarked) for one in found]
    reaches: locality.Reaches = {"IPv4": Reach(needed(exported, DISTANCES, wanted))}
    return [
        locality.left_out(one) if locality.is_beyond(one, reaches, DISTANCES) else one for one in exported
    ]


@given(slices, preferences)
def test_no_port_loses_its_last_ready_endpoint(found: list[ImportedSlice], wanted: Preference) -> None:
    before, after = taking_traffic(found), taking_traffic(arranged(found, wanted))
    assert after <= before
    assert {port for _, port, _ in after} == {port for _, port, _ in before}


@given(slices, preferences)
def test_nearer_endpoints_than_one_that_is_used_are_used_too(
    found: list[ImportedSlice], wanted: Preference
) -> None:
    before, after = taking_traffic(found), taking_traffic(arranged(found, wanted))
    farthest = max((DISTANCES.get(cluster, ELSEWHERE) for cluster, _, _ in after), default=OWN)
    assert {one for one in before if DISTANCES.get(one[0], ELSEWHERE) <= farthest} == after


@given(slices, preferences)
def test_what_was_left_out_can_be_brought_in_from_the_slices_alone(
    found: list[ImportedSlice], wanted: Preference
) -> None:
    back = [locality.with_endpoints(one, locality.brought_in) for one in arranged(found, wanted)]
    # One that goes away though it counts as ready stays out until its exporter is asked.
    lasting = [
        replace(
            one,
            content=replace(
                one.content, endpoints=tuple(e for e in one.content.endpoints if not e.terminating)
            ),
        )
        for one in found
    ]
    assert taking_traffic(lasting) <= taking_traffic(back) <= taking_traffic(found)


@given(slices, preferences)
def test_what_is_left_out_changes_in_its_readiness_alone(
    found: list[ImportedSlice], wanted: Preference
) -> None:
    for before, after in zip(found, arranged(found, wanted), strict=True):
        pairs = zip(before.content.endpoints, after.content.endpoints, strict=True)
        assert all(
            replace(b, ready=None, serving=None) == replace(a, ready=None, serving=None) for b, a in pairs
        )
        assert replace(before, content=after.content) == after
        assert before.content.ports == after.content.ports


@given(slices)
def test_where_nothing_is_preferred_everything_takes_traffic(found: list[ImportedSlice]) -> None:
    assert taking_traffic(arranged(found, Preference("none"))) == taking_traffic(found)


@given(st.lists(st.integers(OWN, ELSEWHERE), min_size=1), st.floats(0, 100))
def test_it_goes_farther_at_once_and_back_after_the_time_without_a_break(
    asked: list[int], return_seconds: float
) -> None:
    reach: Reach | None = None
    looks: list[tuple[float, int]] = []
    for number, one in enumerate(asked):
        now_seconds = 10.0 * number
        after = step(reach, one, now_seconds, return_seconds)
        looks.append((now_seconds, one))
        assert after.distance >= one
        if reach is not None and after.distance < reach.distance:
            far = [at for at, need in looks if need >= reach.distance]
            since_seconds = next(at for at, _ in looks if not far or at > far[-1])
            assert now_seconds - since_seconds >= return_seconds
            assert after == Reach(one)
        reach = after


def test_what_flaps_goes_back_once_in_the_time_at_most() -> None:
    reach, changes = Reach(OWN), 0
    for second in range(600):
        before = reach
        reach = step(reach, OWN if second % 7 else ELSEWHERE, float(second), 30.0)
        changes += reach.distance != before.distance
    assert changes == 1


@pytest.mark.parametrize(
    ("scope", "own", "next_door", "near", "used"),
    [
        ("cluster", 1, 1, 1, OWN),
        ("cluster", 0, 1, 1, SAME_ZONE),
        ("cluster", 0, 0, 1, SAME_REGION),
        ("cluster", 0, 0, 0, ELSEWHERE),
        ("zone", 1, 0, 1, SAME_ZONE),
        ("zone", 0, 1, 1, SAME_ZONE),
        ("zone", 0, 0, 1, SAME_REGION),
        ("region", 1, 1, 1, SAME_REGION),
        ("region", 0, 0, 0, ELSEWHERE),
        ("none", 1, 1, 1, ELSEWHERE),
    ],
)
def test_traffic_goes_as_far_as_it_must(scope: Scope, own: int, next_door: int, near: int, used: int) -> None:
    found = [piece("own", own), piece("next", next_door), piece("near", near), piece("far", 1)]
    assert needed(found, DISTANCES, Preference(scope)) == used


@pytest.mark.parametrize(
    ("enough", "ready", "of", "used"),
    [
        ("2", 2, 2, OWN),
        ("2", 1, 2, SAME_REGION),
        ("50%", 2, 4, OWN),
        ("50%", 1, 4, SAME_REGION),
        ("100%", 3, 4, ELSEWHERE),
        ("1%", 0, 0, SAME_REGION),
    ],
)
def test_enough_is_a_number_or_a_share(enough: str, ready: int, of: int, used: int) -> None:
    found = [piece("own", ready, of), piece("near", 9)]
    assert needed(found, DISTANCES, Preference("cluster", min_ready(enough))) == used


def test_a_port_that_only_a_far_cluster_serves_reaches_there() -> None:
    found = [piece("own", 2), piece("far", 1, 1, "http", "admin")]
    assert needed(found, DISTANCES, Preference("cluster")) == ELSEWHERE
    assert needed([found[0], piece("far", 0, 1, "admin")], DISTANCES, Preference("cluster")) == ELSEWHERE


def test_endpoints_without_ports_count_for_a_headless_service_alone() -> None:
    nameless = replace(piece("own", 1), content=SliceContent("IPv4", (), piece("own", 1).content.endpoints))
    far = replace(nameless, source_cluster="far")
    assert needed([nameless, far], DISTANCES, Preference("cluster")) == OWN
    headless = [replace(one, derived_service="") for one in (nameless, far)]
    assert needed(headless, DISTANCES, Preference("cluster")) == OWN
    assert needed([headless[1]], DISTANCES, Preference("cluster")) == ELSEWHERE


def test_the_host_names_of_a_headless_service_stay_complete() -> None:
    (endpoint,) = piece("far", 1).content.endpoints
    content = SliceContent("IPv4", (), (replace(endpoint, hostname="db-0"), endpoint))
    headless = replace(piece("far", 1), content=content, derived_service="")
    kept = locality.left_out(headless).content.endpoints
    assert [one.ready for one in kept] == [True, False]
    # What can never be left out does not show how far traffic went before a restart.
    assert locality.in_use([locality.left_out(headless)], DISTANCES) is None
    assert [
        one.ready for one in locality.left_out(replace(headless, derived_service="d")).content.endpoints
    ] == [
        False,
        False,
    ]


def test_a_family_goes_as_far_as_its_own_endpoints_need() -> None:
    reaches: locality.Reaches = {"IPv4": Reach(OWN), "IPv6": Reach(ELSEWHERE)}
    far = piece("far", 1)
    assert locality.is_beyond(far, reaches, DISTANCES)
    six = replace(far, content=replace(far.content, address_type="IPv6"))
    assert not locality.is_beyond(six, reaches, DISTANCES)


@pytest.mark.parametrize(
    ("own", "other", "far"),
    [
        (("eu", "a"), ("eu", "a"), SAME_ZONE),
        (("", "a"), ("", "a"), SAME_ZONE),
        (("eu", "a"), ("eu", "b"), SAME_REGION),
        (("eu", ""), ("eu", ""), SAME_REGION),
        (("eu", "a"), ("us", "a"), ELSEWHERE),
        (("", ""), ("", ""), ELSEWHERE),
        (("eu", "a"), ("", ""), ELSEWHERE),
    ],
)
def test_clusters_are_near_that_the_administrator_put_in_one_place(
    own: tuple[str, str], other: tuple[str, str], far: int
) -> None:
    members = {
        "own": Member("own", region=own[0], zone=own[1]),
        "other": Member("other", region=other[0], zone=other[1]),
    }
    assert locality.distance(members["own"], members["other"]) == far
    expected = {"own": OWN} if far == ELSEWHERE else {"own": OWN, "other": far}
    assert locality.distances_here("own", members) == expected


def test_until_the_members_are_read_near_is_who_takes_traffic() -> None:
    out = locality.left_out(piece("far", 1))
    held = [piece("own", 1), piece("near", 1), out]
    assert locality.distances_in_doubt("own", held, "cluster") == {"own": OWN}
    assert locality.distances_in_doubt("own", held, "zone") == {"own": OWN, "near": SAME_ZONE}
    assert locality.distances_in_doubt("own", held, "region") == {"own": OWN, "near": SAME_REGION}
    assert locality.in_use(held, {"own": OWN, "near": SAME_ZONE}) == SAME_ZONE
    assert locality.in_use([out], {}) is None


@pytest.mark.parametrize(
    ("scope", "reach", "clusters", "status", "reason", "message"),
    [
        (
            "cluster",
            OWN,
            ["far", "own"],
            "True",
            "Near",
            "clients here get the endpoints of own; those of far are left out while enough are ready "
            "(it takes 1)",
        ),
        (
            "cluster",
            ELSEWHERE,
            ["far", "near", "own"],
            "False",
            "FailedOver",
            "not enough endpoints of own are ready (it takes 1): clients here get those of far, near, too, "
            "until enough have been ready for 30 s",
        ),
        (
            "cluster",
            SAME_REGION,
            ["far", "near"],
            "True",
            "Near",
            "clients here get the endpoints of near; those of far are left out while enough are ready "
            "(it takes 1)",
        ),
        (
            "region",
            SAME_REGION,
            ["near", "own"],
            "True",
            "Near",
            "all clusters that export the service are equally near: none is left out",
        ),
        # There is nobody to fail over to.
        (
            "cluster",
            ELSEWHERE,
            ["own"],
            "True",
            "Near",
            "all clusters that export the service are equally near: none is left out",
        ),
    ],
)
def test_the_condition_says_whose_endpoints_clients_get(
    scope: Scope, reach: int, clusters: list[str], status: str, reason: str, message: str
) -> None:
    reaches: locality.Reaches = {"IPv4": Reach(reach), "IPv6": Reach(OWN)}
    said = locality.condition(Preference(scope), reaches, DISTANCES, clusters, return_seconds=30)
    assert (said.type, said.status, said.reason) == ("mcs-controller.io/Locality", status, reason)
    assert said.message == message


def test_the_condition_of_a_hundred_clusters_names_ten() -> None:
    clusters = [f"c{number}" for number in range(100)]
    said = locality.condition(Preference("cluster"), {}, {"c0": OWN}, clusters, return_seconds=30)
    assert "c1, c2, c3, c4, c5, c6, c7, c8, c9, c10 and 89 more are left out" in said.message


def test_what_is_said_is_taken_back_only_where_it_was_said() -> None:
    imported = LocalImport(WEB, "uid", 1, ImportSpec("ClusterSetIP", ()))
    assert locality.over(imported) is None
    assert not locality.was_preferred(imported)
    said = locality.condition(Preference("cluster"), {}, {}, ["far"], return_seconds=30)
    told = replace(imported, conditions=(said,))
    assert locality.was_preferred(told)
    end = locality.over(told)
    assert end is not None
    assert (end.status, end.reason) == ("False", "NotPreferred")
    assert not locality.was_preferred(replace(imported, conditions=(end,)))


def test_seconds_are_left_while_nearer_ones_have_to_prove_themselves() -> None:
    assert locality.seconds_left({"IPv4": Reach(OWN)}, 5.0, 30.0) is None
    reaches: locality.Reaches = {"IPv4": Reach(ELSEWHERE, 10.0), "IPv6": Reach(OWN)}
    assert locality.seconds_left(reaches, 15.0, 30.0) == 25.0
    assert locality.seconds_left(reaches, 99.0, 30.0) == 0.0


@pytest.mark.requirement("MCS-EXP-11", "MCS-IMP-17")
def test_of_our_own_keys_only_these_annotations_are_exported() -> None:
    asked = ((ASKED, "cluster"), (MIN_READY, "2"))
    assert exportable_annotations((*asked, ("mcs-controller.io/withdraw", "allowed"))) == asked
    assert exportable_labels(asked) == ()
