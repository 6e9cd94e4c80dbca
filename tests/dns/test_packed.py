"""What is kept, sent and saved of a service: nothing that DNS needs is lost, and nothing else gets in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.model import Endpoint, ServicePort, SlicePort
from mcs_controller.dns.zone.packed import from_json, to_json
from tests.dns.test_names import endpoints, slice_ports
from tests.dns.zonetext import headless, packed, piece, ready, vip


@given(
    st.lists(
        st.tuples(
            st.text(max_size=70),
            st.lists(endpoints, max_size=5),
            slice_ports,
            st.sampled_from(["IPv4", "IPv6"]),
        ),
        max_size=3,
    )
)
def test_what_is_sent_is_what_is_received(
    slices: list[tuple[str, list[Endpoint], tuple[SlicePort, ...], str]],
) -> None:
    service = packed(
        headless("shop/db"),
        *(
            piece("shop/db", cluster, *some, ports=ports, family=family)  # type: ignore[arg-type]
            for cluster, some, ports, family in slices
        ),
    )

    assert from_json(json.loads(json.dumps(to_json(service)))) == service


def test_a_clusterset_ip_is_sent_with_its_ports_and_without_its_endpoints() -> None:
    service = packed(
        vip("shop/web", "10.96.0.1", "fd00::1", "10.96.0.1", "nonsense", ports=(ServicePort(80, "http"),)),
        piece("shop/web", "east", ready("10.0.0.1")),
    )

    assert json.loads(json.dumps(to_json(service))) == [
        False,
        [[80, "http", "TCP"]],
        "0a600001",
        "fd00" + "0" * 27 + "1",
        [],
    ]


def test_endpoints_that_are_not_ready_take_no_room() -> None:
    away = piece("shop/db", "east", Endpoint(("10.0.0.1",), ready=False, hostname="a"))
    there = piece("shop/db", "west", Endpoint(("10.0.0.1",), ready=False, hostname="a"), ready("10.0.0.2"))

    service = packed(headless("shop/db"), away, there)

    assert [(each.cluster, each.addresses, each.hosts) for each in service.slices] == [
        ("west", b"\x0a\0\0\2", ())
    ]


GOOD = [True, [[80, "http", "TCP"]], "", "", [["east", 1, [], "0a000001", ["a"]]]]


def changed(path: tuple[int, ...], value: object) -> object:
    copy = json.loads(json.dumps(GOOD))
    at = copy
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return copy


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        [],
        GOOD[:4],
        [*GOOD, 1],
        changed((0,), 1),
        changed((1,), None),
        changed((1, 0), [80, "http"]),
        changed((1, 0, 0), 65536),
        changed((1, 0, 0), True),
        changed((1, 0, 0), 80.0),
        changed((1, 0, 1), None),
        changed((1, 0, 2), "x" * 2000),
        changed((2,), "0a"),
        changed((2,), "zz"),
        changed((3,), "0a000001"),
        changed((4,), "x"),
        changed((4, 0), []),
        changed((4, 0, 0), 7),
        changed((4, 0, 1), 2),
        changed((4, 0, 1), True),
        changed((4, 0, 1), [1]),
        changed((4, 0, 3), "0a0000"),
        changed((4, 0, 3), 7),
        changed((4, 0, 4), ["a", "b"]),
        changed((4, 0, 4), ["ä"]),
        changed((4, 0, 4), ["a" * 64]),
        changed((4, 0, 4), [7]),
    ],
)
def test_what_cannot_have_been_sent_is_a_value_error(value: object) -> None:
    assert to_json(from_json(GOOD))
    with pytest.raises(ValueError, match=r"."):
        from_json(value)


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ((4, 0, 4), ["a" * 64], "not a host"),
        ((4, 0, 4), ["ä"], "not a host"),
        ((4, 0, 4), ["a", "b"], "not a host for each address"),
        ((4, 0, 1), 2, "not an address type"),
        ((4, 0, 3), 7, "not addresses"),
        ((4, 0, 3), "0a0000", "not whole addresses"),
        ((4, 0), [], "not 5 values"),
        ((4,), "x", "not a list"),
        ((1, 0, 0), 65536, "not a port number"),
        ((1, 0, 0), -1, "not a port number"),
        ((1, 0, 1), None, "not a short text"),
        ((1, 0, 2), "x" * 1025, "not a short text"),
        ((0,), 1, "not a boolean"),
    ],
)
def test_what_cannot_be_read_is_said(path: tuple[int, ...], value: object, why: str) -> None:
    """Of a snapshot that is refused that is all that anybody learns."""
    with pytest.raises(ValueError, match=f"^{why}$"):
        from_json(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((4, 0, 4), ["a" * 63]),
        ((4, 0, 4), []),
        ((1, 0, 0), 65535),
        ((1, 0, 0), 0),
        ((1, 0, 2), "x" * 1024),
        ((0,), False),
    ],
)
def test_the_longest_and_largest_that_can_have_been_sent_are_read(
    path: tuple[int, ...], value: object
) -> None:
    sent = changed(path, value)

    assert json.loads(json.dumps(to_json(from_json(sent)))) == sent


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=10)),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@given(json_values)
def test_any_json_is_a_service_or_a_value_error(value: object) -> None:
    try:
        from_json(value)
    except ValueError:
        return
