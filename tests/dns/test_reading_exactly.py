"""Whatever is odd about a slice, the short way of reading it says what the exact way says."""

from typing import Any

import pytest

from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.services import decode
from mcs_controller.clusterset.services.decode.slices import MAX_ENDPOINTS
from mcs_controller.dns.zone.decoding import read_slice
from mcs_controller.dns.zone.packed import PackedSlice, packed_slice
from tests.dns.slices import Json, endpoint, slice_of


def exactly(raw: Json) -> PackedSlice | str | None:
    try:
        piece = decode.imported_slice_any_manager(raw)
    except MalformedObject:
        return "malformed"
    return None if piece is None else packed_slice(piece)


def read(raw: Json) -> PackedSlice | str | None:
    try:
        held = read_slice(raw)
    except MalformedObject:
        return "malformed"
    assert held is None or held.service == ("shop", "web")
    return None if held is None else held.packed


FIRST = endpoint("10.0.0.9")
PLAIN: dict[str, object] = {
    "ready": endpoint(),
    "ready and serving": endpoint(conditions={"ready": True, "serving": True, "terminating": False}),
    "ready without traffic": endpoint(conditions={"ready": True, "serving": False}),
    "going away": endpoint(conditions={"ready": False, "serving": True, "terminating": True}),
    "with a zone and a node": endpoint(zone="a", nodeName="n1"),
    "with a target": endpoint(targetRef={"kind": "Pod", "name": "web-0"}, zone="a", nodeName="n1"),
    "with an empty hostname": endpoint(hostname="", zone="a"),
}
ODD: dict[str, object] = {
    "no object": "10.0.0.1",
    "nothing": None,
    "a list": [],
    "two addresses": endpoint(addresses=["10.0.0.1", "10.0.0.2"]),
    "no address": endpoint(addresses=[]),
    "addresses that are no list": endpoint(addresses="1"),
    "an address that is a number": endpoint(7),
    "an address that is none": endpoint("10.0.0"),
    "an address with zeros": endpoint("010.0.0.1"),
    "an IPv6 address": endpoint("fd00::1"),
    "an address with a null in it": endpoint("10.0.0.1\0"),
    "this machine's address": endpoint("127.0.0.1"),
    "a link's own address": endpoint("169.254.0.1"),
    "many machines' address": endpoint("224.0.0.1"),
    "an ordinary address that begins alike": endpoint("169.1.2.3"),
    "no conditions": {"addresses": ["10.0.0.1"]},
    "conditions that are none": endpoint(conditions=None),
    "conditions that are a list": endpoint(conditions=[]),
    "no word on readiness": endpoint(conditions={}),
    "no word on readiness, and going": endpoint(conditions={"terminating": True}),
    "readiness that is a text": endpoint(conditions={"ready": "true"}),
    "readiness that is a number": endpoint(conditions={"ready": 1}),
    "readiness that is nothing": endpoint(conditions={"ready": None}),
    "serving that is a text": endpoint(conditions={"ready": True, "serving": "true"}),
    "terminating that is a text": endpoint(conditions={"ready": True, "terminating": "false"}),
    "terminating that is nothing": endpoint(conditions={"ready": True, "terminating": None}),
    "a hostname": endpoint(hostname="a"),
    "a hostname that is no label": endpoint(hostname="-a", zone="z"),
    "a hostname that is a number": endpoint(hostname=7),
    "hints": endpoint(hints={"forZones": [{"name": "a"}]}),
    "hints that are none": endpoint(hints="here"),
    "a zone that is a number": endpoint(zone=7),
    "a zone that is nothing": endpoint(zone=None),
    "a node that is a number": endpoint(nodeName=7),
    "a node that is nothing": endpoint(nodeName=None),
}


@pytest.mark.parametrize("kind", [*PLAIN, *ODD])
def test_an_endpoint_is_read_as_exactly_as_the_decoder_reads_it(kind: str) -> None:
    raw = slice_of(FIRST, (PLAIN | ODD)[kind], endpoint("10.0.0.8"))

    assert read(raw) == exactly(raw)


@pytest.mark.parametrize(
    "fields",
    [
        {"addressType": "IPv6", "endpoints": [endpoint("fd00::1")]},
        {"addressType": "IPv6"},
        {"addressType": "FQDN"},
        {"addressType": None},
        {"endpoints": None},
        {"endpoints": {}},
        {"endpoints": "x"},
        {"endpoints": []},
        {"ports": None},
        {"ports": "x"},
        {"endpoints": [FIRST] * MAX_ENDPOINTS},
        {"endpoints": [FIRST] * (MAX_ENDPOINTS + 1)},
    ],
)
def test_a_slice_is_read_as_exactly_as_the_decoder_reads_it(fields: Json) -> None:
    raw = slice_of(FIRST, **fields)

    assert read(raw) == exactly(raw)


def test_a_slice_without_endpoints_is_read_as_the_decoder_reads_it() -> None:
    raw = slice_of()
    del raw["endpoints"]

    assert read(raw) == exactly(raw)


@pytest.mark.parametrize("raw", [None, [], "x", 7])
def test_what_is_no_object_is_malformed(raw: Any) -> None:
    assert read(raw) == exactly(raw) == "malformed"


@pytest.mark.parametrize("label", ["service-name", "source-cluster"])
def test_a_slice_without_the_labels_of_an_import_is_read_as_the_decoder_reads_it(label: str) -> None:
    raw = slice_of(FIRST)
    del raw["metadata"]["labels"][f"multicluster.kubernetes.io/{label}"]

    assert read(raw) == exactly(raw)


@pytest.mark.parametrize("kind", PLAIN)
def test_nearly_all_endpoints_are_plain_and_are_not_read_twice(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is what a start and a change cost."""
    raw = slice_of(FIRST, PLAIN[kind])
    wanted = exactly(raw)
    exact, seen = decode.imported_slice_any_manager, []

    def noted(raw: Json) -> Any:
        seen.append(raw["endpoints"])
        return exact(raw)

    monkeypatch.setattr(decode, "imported_slice_any_manager", noted)

    assert read(raw) == wanted
    assert seen == [[]]
    assert raw["endpoints"] == [FIRST, PLAIN[kind]], "what was given is left as it is"
