"""What of an imported slice is read for the zone."""

from ipaddress import IPv4Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.syntax import endpoint_address
from mcs_controller.dns.zone.decoding import read_slice
from tests.dns.slices import endpoint, slice_of


@pytest.mark.requirement("MCS-RBAC-06")
@given(st.ip_addresses(v=4))
@example(IPv4Address("0.1.2.3"))
@example(IPv4Address("126.0.0.1"))
@example(IPv4Address("127.0.0.1"))
@example(IPv4Address("169.254.0.1"))
@example(IPv4Address("223.255.255.255"))
@example(IPv4Address("224.0.1.1"))
@example(IPv4Address("255.255.255.255"))
def test_no_name_ever_leads_to_an_address_that_no_endpoint_may_have(address: IPv4Address) -> None:
    raw = slice_of(endpoint(str(address)), ports=[])
    if endpoint_address(str(address), "IPv4") is None:
        with pytest.raises(MalformedObject):
            read_slice(raw)
    else:
        held = read_slice(raw)
        assert held is not None
        assert held.packed.addresses == address.packed
