from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.simcluster.kinds.service_ips import NODE_PORTS, AllocationError, ServiceIpAllocator
from tests.simcluster.pure.builders import BUSY_MACHINE


def test_the_network_and_broadcast_addresses_are_never_given() -> None:
    allocator = ServiceIpAllocator(["10.0.0.0/29"])
    given_out = {allocator.allocate("IPv4") for _ in range(6)}
    assert given_out == {f"10.0.0.{last}" for last in range(1, 7)}


def test_a_full_range_says_so() -> None:
    allocator = ServiceIpAllocator(["10.0.0.0/30"])
    for _ in range(2):
        allocator.allocate("IPv4")
    with pytest.raises(AllocationError, match="range is full"):
        allocator.allocate("IPv4")


def test_a_released_address_is_not_the_next_one_given() -> None:
    allocator = ServiceIpAllocator(["10.0.0.0/24"])
    first = allocator.allocate("IPv4")
    allocator.release(first)
    assert allocator.allocate("IPv4") != first


def test_the_first_address_is_left_for_the_kubernetes_service() -> None:
    allocator = ServiceIpAllocator(["10.0.0.0/24"])
    assert allocator.allocate("IPv4") == "10.0.0.2"
    allocator.request("10.0.0.1")


def test_an_ipv6_range_larger_than_memory_is_no_problem() -> None:
    allocator = ServiceIpAllocator(["fd00::/64"])
    assert ip_address(allocator.allocate("IPv6")) in ip_network("fd00::/64")


@pytest.mark.parametrize(
    ("ip", "why"),
    [
        ("10.0.0.2", "already allocated"),
        ("10.1.0.2", "does not match the current range"),
        ("10.0.0.0", "does not match the current range"),
        ("10.0.0.255", "does not match the current range"),
        ("fd00::1", "does not match the current range"),
    ],
)
def test_a_requested_address_may_be_refused(ip: str, why: str) -> None:
    allocator = ServiceIpAllocator(["10.0.0.0/24"])
    allocator.request("10.0.0.2")
    with pytest.raises(AllocationError, match=why):
        allocator.request(ip)


def test_two_ranges_of_one_family_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="two service ranges"):
        ServiceIpAllocator(["10.0.0.0/24", "10.1.0.0/24"])


def test_node_ports_come_from_their_range_and_only_once() -> None:
    allocator = ServiceIpAllocator(["10.0.0.0/24"])
    allocator.request_node_port(NODE_PORTS.start)
    assert allocator.allocate_node_port() == NODE_PORTS.start + 1
    with pytest.raises(AllocationError, match="already allocated"):
        allocator.request_node_port(NODE_PORTS.start)
    with pytest.raises(AllocationError, match="not in the valid range"):
        allocator.request_node_port(80)
    allocator.release_node_port(NODE_PORTS.start)
    allocator.request_node_port(NODE_PORTS.start)


@BUSY_MACHINE
@given(st.lists(st.tuples(st.sampled_from(["take", "ask", "give"]), st.integers(0, 15)), max_size=80))
def test_no_address_is_held_by_two_owners(steps: list[tuple[str, int]]) -> None:
    allocator = ServiceIpAllocator(["10.0.0.0/28"])
    held: set[str] = set()
    for what, last in steps:
        ip = f"10.0.0.{last}"
        try:
            if what == "give":
                allocator.release(ip)
                held.discard(ip)
                continue
            if what == "ask":
                allocator.request(ip)
            else:
                ip = allocator.allocate("IPv4")
        except AllocationError:
            assert what == "take" or ip in held or last in (0, 15)
            assert what == "ask" or len(held) == 14
            continue
        assert ip not in held
        assert 1 <= int(ip.rpartition(".")[2]) <= 14
        held.add(ip)
