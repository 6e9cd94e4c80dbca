"""How much of one member fits."""

import pytest

from mcs_controller.clusterset.membership.limits import (
    BYTES,
    ENDPOINTS,
    MEBIBYTE,
    METADATA_BYTES,
    OBJECT_MAX_BYTES,
    OBJECT_SIZE,
    OBJECTS,
    SERVICES,
    SLICES,
    Allowance,
    Limits,
    Usage,
    has_place,
    over,
    published_bytes,
    says_not_published,
    sum_up,
)
from mcs_controller.clusterset.model import Endpoint
from mcs_controller.clusterset.services.exported_content import published_slice
from tests.clusterset.builders import source_slice

TEN = Allowance(objects=10, size_bytes=1000)


@pytest.mark.parametrize(
    ("usage", "size_bytes", "held_bytes", "bound"),
    [
        (Usage(), 1000, None, None),
        (Usage(), 1001, None, BYTES),
        (Usage(9, 900), 100, None, None),
        (Usage(9, 900), 101, None, BYTES),
        (Usage(10, 10), 1, None, OBJECTS),
        # What is held is counted once, whatever it becomes.
        (Usage(10, 1000), 100, 100, None),
        (Usage(10, 1000), 101, 100, BYTES),
        (Usage(10, 950), 150, 100, None),
        # Less is allowed by now than is held: it may stay, and shrink.
        (Usage(20, 2000), 100, 100, None),
        (Usage(20, 2000), 99, 100, None),
        (Usage(20, 2000), 101, 100, BYTES),
    ],
)
def test_an_object_fits_while_number_and_bytes_do(
    usage: Usage, size_bytes: int, held_bytes: int | None, bound: str | None
) -> None:
    assert over(usage, TEN, size_bytes, held_bytes) == bound


def test_one_object_may_have_so_many_bytes_whatever_all_of_them_may_have() -> None:
    plenty = Allowance(objects=10, size_bytes=100 * MEBIBYTE)
    assert over(Usage(), plenty, OBJECT_MAX_BYTES) is None
    assert over(Usage(), plenty, OBJECT_MAX_BYTES + 1) == OBJECT_SIZE
    assert over(Usage(1, OBJECT_MAX_BYTES), plenty, OBJECT_MAX_BYTES + 1, OBJECT_MAX_BYTES) == OBJECT_SIZE


def test_what_is_stated_for_a_member_replaces_that_and_nothing_else() -> None:
    limits = Limits(services=7, mebibytes=8)
    assert limits.stated(()) is limits
    assert limits.stated((("imports", 0), ("services", 3))) == Limits(services=3, mebibytes=8, imports=0)


def test_records_have_a_quarter_of_a_members_bytes_and_slices_the_rest() -> None:
    limits = Limits(services=7, endpoint_slices=8, endpoints=9, mebibytes=64)
    assert limits.records() == Allowance(7, 16 * MEBIBYTE)
    assert limits.slices() == Allowance(8, 48 * MEBIBYTE, 9)


def test_of_an_endpoint_with_a_crowd_of_addresses_the_first_eight_are_published() -> None:
    addresses = tuple(f"10.1.0.{number}" for number in range(1, 100))
    crowded, modest = Endpoint(addresses), Endpoint(addresses[:8])
    (endpoint,) = published_slice(source_slice(endpoints=(crowded,))).content.endpoints
    assert endpoint == modest
    unchanged = source_slice(endpoints=(modest,))
    assert published_slice(unchanged) is unchanged


@pytest.mark.parametrize(
    ("usage_and_limit", "has"),
    [
        ((), True),
        (((9, 10),), True),
        (((10, 10),), False),
        (((11, 10),), False),
        (((0, 0),), False),
        (((10, 10), (3, 4)), True),
        (((10, 10), (4, 4)), False),
    ],
)
def test_a_service_has_a_place_while_one_of_its_exporters_has_one_to_spare(
    usage_and_limit: tuple[tuple[int, int], ...], has: bool
) -> None:
    assert has_place(usage_and_limit) is has


def test_what_is_over_the_limits_is_summed_up_with_the_limits() -> None:
    limits = Limits(services=7, endpoint_slices=8, endpoints=9, mebibytes=10, imports=5)
    unpublished = {
        (SERVICES, OBJECTS): 1,
        (SLICES, OBJECTS): 2,
        (SLICES, ENDPOINTS): 3,
        (SLICES, BYTES): 4,
        (SERVICES, OBJECT_SIZE): 6,
    }
    assert sum_up({}, exported=5, limits=limits) == ""
    assert sum_up(unpublished, exported=6, limits=limits).split("; ") == [
        "4 EndpointSlices are not published, over the limit on bytes (10 MiB)",
        "3 EndpointSlices are not published, over the limit on endpoints (9)",
        "2 EndpointSlices are not published, over the limit on objects (8)",
        "6 services are not published, over the limit on object_size (512 KiB for one object)",
        "1 service is not published, over the limit on objects (7)",
        "6 services are exported, but each cluster imports at most 5",
        "export less, or ask the broker's administrator for higher spec.limits",
    ]


def test_the_size_of_what_is_published_is_told_with_what_an_api_server_makes_of_it() -> None:
    body = {"spec": {"note": "x" * 1000}}
    assert published_bytes(body) == len('{"spec":{"note":""}}') + 1000 + METADATA_BYTES + 2 * 8 + len(
        "specnote"
    )
    for spelt_out in "<>&":
        assert published_bytes({"spec": {"note": spelt_out * 1000}}) - published_bytes(body) == 5000
    assert published_bytes({"spec": {"note": "ä" * 1000}}) - published_bytes(body) == 1000
    nested = {"spec": {"a": {"bc": {"def": "x"}}, "list": [{"uncounted": 1}]}}
    text = '{"spec":{"a":{"bc":{"def":"x"}},"list":[{"uncounted":1}]}}'
    assert published_bytes(nested) == len(text) + METADATA_BYTES + 5 * 8 + len("specabcdeflist")


def test_what_says_that_something_is_not_published_is_recognised_for_its_kind_alone() -> None:
    for number in (1, 7):
        message = sum_up({(SERVICES, OBJECTS): number}, exported=0, limits=Limits())
        assert says_not_published(message, SERVICES)
        assert not says_not_published(message, SLICES)
    assert not says_not_published(sum_up({}, exported=9999, limits=Limits()), SERVICES)
