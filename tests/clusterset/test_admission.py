"""What a member may export, as importers check it."""

import pytest

from mcs_controller.clusterset.model import Endpoint, Member
from mcs_controller.clusterset.services.admission import admit_record, admit_slice
from tests.clusterset.builders import record, source_slice

INSIDE = Endpoint(("10.1.0.1",))
OUTSIDE = Endpoint(("10.2.0.1",))
HALF = Endpoint(("10.1.0.2", "10.2.0.2"))


@pytest.mark.requirement("MCS-RBAC-06")
def test_a_record_of_a_cluster_that_is_no_member_is_refused() -> None:
    assert admit_record(record(), None) == (
        "cluster east has no MemberCluster on the broker: the broker's administrator must create it"
    )
    assert admit_slice(source_slice(), None) == (None, 1)


def test_without_limits_everything_is_admitted() -> None:
    slice_ = source_slice(endpoints=(INSIDE, OUTSIDE))
    assert admit_record(record(), Member("east")) is None
    assert admit_slice(slice_, Member("east")) == (slice_, 0)


@pytest.mark.requirement("MCS-RBAC-06")
def test_a_namespace_that_the_member_may_not_export_from_is_refused() -> None:
    allowed = Member("east", allowed_namespaces=("shop",))
    denied = Member("east", allowed_namespaces=("kube-system",))
    assert admit_record(record(), allowed) is None
    assert admit_record(record(), denied) == (
        "cluster east may not export from namespace shop: the broker's administrator can allow it in "
        "spec.namespaces of its MemberCluster"
    )
    assert admit_slice(source_slice(), denied) == (None, 1)


@pytest.mark.requirement("MCS-RBAC-06")
def test_endpoints_outside_the_members_networks_are_dropped_and_counted() -> None:
    member = Member("east", allowed_cidrs=("10.1.0.0/16", "fd00::/64"))
    admitted, refused = admit_slice(source_slice(endpoints=(INSIDE, OUTSIDE, HALF)), member)
    assert admitted is not None
    assert (admitted.content.endpoints, refused) == ((INSIDE,), 2)
    six = source_slice(family="IPv6", endpoints=(Endpoint(("fd00::1",)), Endpoint(("fd01::1",))))
    admitted, refused = admit_slice(six, member)
    assert admitted is not None
    assert (admitted.content.endpoints, refused) == ((Endpoint(("fd00::1",)),), 1)


def test_a_slice_of_which_nothing_is_left_is_refused_but_an_empty_one_is_not() -> None:
    member = Member("east", allowed_cidrs=("10.1.0.0/16",))
    empty = source_slice(endpoints=())
    assert admit_slice(source_slice(endpoints=(OUTSIDE,)), member) == (None, 1)
    assert admit_slice(empty, member) == (empty, 0)


@pytest.mark.requirement("MCS-RBAC-06")
def test_a_network_that_cannot_be_read_allows_nothing() -> None:
    assert admit_slice(source_slice(endpoints=(INSIDE,)), Member("east", allowed_cidrs=("10.1.0.0/99",))) == (
        None,
        1,
    )


def test_a_network_may_be_written_with_host_bits() -> None:
    slice_ = source_slice(endpoints=(INSIDE,))
    assert admit_slice(slice_, Member("east", allowed_cidrs=("10.1.2.3/16",))) == (slice_, 0)
