"""Whatever the network sends: never an exception, never an answer that is too long or not an answer."""

import gc
import json
import struct
import tracemalloc
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.services import decode
from mcs_controller.dns.zone.decoding import read_slice
from mcs_controller.dns.zone.packed import packed_import, packed_service, packed_slice
from mcs_controller.kube.decoding.field_parser import FieldParser
from tests.dns.hostile import MESSAGES
from tests.dns.invariants import Neighbours, Z, check_cost, check_packet, most_steps, servers
from tests.dns.test_protocol import opt, query
from tests.dns.zonetext import Server

pytestmark = pytest.mark.slow

SERVERS = servers()
MOST_STEPS = [most_steps(server) for server in SERVERS]

names = st.one_of(
    st.sampled_from(
        [f"web.shop.svc.{Z}", f"big.shop.svc.{Z}", f"_http._tcp.web.shop.svc.{Z}", Z, f"svc.{Z}", ""]
    ),
    st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=63), max_size=5).map(
        ".".join
    ),
)
opts = st.builds(
    opt,
    st.integers(0, 65535),
    version=st.sampled_from([0, 0, 0, 1, 255]),
    flags=st.integers(0, 65535),
    options=st.binary(max_size=30),
)
queries = st.builds(
    query,
    names,
    st.one_of(st.sampled_from([1, 28, 33, 255, 41]), st.integers(0, 65535)),
    flags=st.one_of(st.sampled_from([0x0100, 0x0120, 0]), st.integers(0, 65535)),
    counts=st.one_of(
        st.sampled_from([(1, 0, 0, 0), (1, 0, 0, 1)]), st.tuples(*[st.sampled_from([0, 1, 2, 4, 65535])] * 4)
    ),
    rclass=st.sampled_from([1, 1, 1, 3, 255]),
    tail=st.one_of(st.just(b""), opts, st.binary(max_size=60)),
)


hostile = st.sampled_from([message for message in MESSAGES.values() if len(message) <= 1400])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    packet = bytearray(draw(st.one_of(queries, hostile)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(packet) - 1))
        packet[at] = draw(st.integers(0, 255))
    cut = draw(st.integers(0, len(packet)))
    return bytes(packet[:cut] if draw(st.booleans()) else packet)


@pytest.mark.requirement("MCS-DNS-18")
@settings(max_examples=1500)
@given(st.one_of(st.binary(max_size=1400), queries, mutated()))
@example(b"\0" * 12)
@example(struct.pack("!6H", 1, 0x0100, 1, 0, 0, 1) + b"\0\0\x29" + b"\0" * 8)
@example(struct.pack("!6H", 1, 0x0100, 1, 0, 0, 4) + b"\0\0\1\0\1" + b"\xc0\x0c" * 300)
def test_any_packet_gets_one_bounded_answer_to_its_own_question_or_none(packet: bytes) -> None:
    for server in SERVERS:
        check_packet(server, packet)


@pytest.fixture(scope="module")
def neighbours() -> Iterator[Neighbours]:
    neighbours = Neighbours()
    yield neighbours
    neighbours.close()


@pytest.mark.requirement("MCS-DNS-18")
@settings(max_examples=1500)
@given(st.one_of(st.binary(max_size=1400), queries, mutated()))
def test_no_packet_costs_much_or_costs_others_anything(neighbours: Neighbours, packet: bytes) -> None:
    for server, limit in zip(SERVERS, MOST_STEPS, strict=True):
        check_cost(server, packet, limit)
    neighbours.check(packet)


def test_a_message_full_of_records_costs_no_more_than_any_other() -> None:
    crowded = query(
        f"web.shop.svc.{Z}", counts=(1, 0, 0, 700), tail=(b"\xc0\x0c" + b"\0\1\0\1\0\0\0\0\0\0") * 90
    )

    reply = SERVERS[0].udp(crowded)

    assert reply is not None
    assert reply[3] & 0xF == 1


def test_a_million_made_up_questions_take_no_memory_that_is_not_bounded() -> None:
    """Scaled down: after the bounds are full, nothing grows any more."""
    server, random = servers()[0], Random(1)

    def ask(count: int) -> None:
        for _ in range(count):
            name = (
                f"{random.getrandbits(64):x}.{random.choice(['', 'web.', 'big.', 'east.big.'])}shop.svc.{Z}"
            )
            packet = query(name, random.choice([1, 28, 33, random.getrandbits(16)]))
            server.udp(packet)
            server.udp(random.randbytes(random.randrange(80)))

    ask(25_000)  # fills what is kept up to its bounds, more than once
    gc.collect()
    tracemalloc.start()
    try:
        ask(2_000)
        before = tracemalloc.get_traced_memory()[0]
        server.answers._kept.forget_unowned()
        ask(2_000)
        assert tracemalloc.get_traced_memory()[0] - before < 1_000_000
    finally:
        tracemalloc.stop()
    assert len(server.answers.ready_made) < 11_000


def test_the_largest_gain_for_a_liar_about_his_address_is_bounded() -> None:
    """Bytes out for bytes in, over UDP, for whoever sends in another's name (amplification)."""
    server = servers()[0]
    for rtype in (1, 28, 33, 255):
        for name in (f"web.shop.svc.{Z}", f"big.shop.svc.{Z}", f"dns-version.{Z}", Z):
            plain = query(name, rtype)
            greedy = query(name, rtype, counts=(1, 0, 0, 1), tail=opt(65535))
            for packet, limit in ((plain, 512), (greedy, 1232)):
                reply = server.udp(packet)
                assert reply is not None
                assert len(reply) <= limit
    assert server.udp(b"\0" * 11) is None
    assert len(server.udp(b"\0" * 12) or b"") == 12


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-1, 70000),
        st.sampled_from(["", "IPv4", "IPv6", "TCP", "10.0.0.1", "fd00::1", "a", "A.b", "x" * 64, "\0", "ß"]),
        st.text(max_size=5),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["addresses", "conditions", "ready", "hostname", "name", "port", "protocol", "ips", "type"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
metadata = st.fixed_dictionaries(
    {
        "namespace": st.sampled_from(["shop", "", "s" * 63]) | json_values,
        "name": st.sampled_from(["db", "x" * 63, "A_b"]) | json_values,
        "labels": st.fixed_dictionaries(
            {
                "multicluster.kubernetes.io/service-name": st.sampled_from(["db", "x" * 63]) | json_values,
                "multicluster.kubernetes.io/source-cluster": st.sampled_from(["east", "a.b"]) | json_values,
            }
        ),
    }
)
endpoint = st.fixed_dictionaries(
    {"addresses": st.lists(st.sampled_from(["10.0.0.1", "fd00::1"]) | json_values, max_size=3)},
    optional={"conditions": json_values, "hostname": st.sampled_from(["a", "A"]) | json_values},
)
raw_slices = st.fixed_dictionaries(
    {
        "metadata": metadata,
        "addressType": st.sampled_from(["IPv4", "IPv6", "FQDN"]) | json_values,
        "endpoints": st.lists(endpoint | json_values, max_size=4) | json_values,
        "ports": st.lists(json_values, max_size=2),
    }
)
raw_imports = st.fixed_dictionaries(
    {
        "metadata": metadata,
        "spec": st.fixed_dictionaries(
            {"type": st.sampled_from(["Headless", "ClusterSetIP"]) | json_values},
            optional={
                "ips": st.lists(st.sampled_from(["10.96.0.1", "fd00::1"]) | json_values, max_size=3),
                "ports": st.lists(json_values, max_size=3),
            },
        ),
    }
)


plain_endpoint = st.fixed_dictionaries(
    {
        "addresses": st.lists(
            st.sampled_from(["10.0.0.1", "10.0.0.2", "127.0.0.1", "010.0.0.1"]), max_size=2
        ),
        "conditions": st.fixed_dictionaries(
            {"ready": st.sampled_from([True, False, None, 1])},
            optional={"serving": st.sampled_from([True, None, 0]), "terminating": st.booleans()},
        ),
    },
    optional={"zone": st.sampled_from(["a", "", None, 0, []]), "nodeName": json_values, "hints": st.none()},
)
plain_slices = st.fixed_dictionaries(
    {
        "metadata": st.just(
            {"namespace": "shop", "name": "x", "labels": {"multicluster.kubernetes.io/service-name": "db"}}
        ),
        "addressType": st.sampled_from(["IPv4", "IPv4", "IPv6"]),
        "endpoints": st.lists(plain_endpoint, max_size=4),
    },
    optional={"ports": st.lists(st.just({"name": "a", "port": 1, "protocol": "TCP"}), max_size=2)},
)


@settings(max_examples=500)
@given(st.one_of(plain_slices, raw_slices))
def test_slices_read_the_short_way_are_as_the_exact_way_reads_them(raw: dict[str, object]) -> None:
    try:
        piece = decode.imported_slice_any_manager(raw)
    except MalformedObject:
        with pytest.raises(MalformedObject):
            read_slice(raw)
        return
    held = read_slice(raw)
    assert (held is None) == (piece is None)
    if held is not None and piece is not None:
        assert held == (piece.service, packed_slice(piece))


def _read(raw: object) -> object:
    try:
        return read_slice(raw)  # type: ignore[arg-type]
    except MalformedObject as error:
        return str(error)


SLICES = FieldParser(decode.SliceFields)


@settings(max_examples=500)
@given(st.lists(st.one_of(plain_slices, raw_slices), min_size=1, max_size=3))
def test_slices_of_which_only_some_fields_are_parsed_are_as_the_whole_ones(
    raw: list[dict[str, object]],
) -> None:
    """Fields that nobody reads are left out, and nothing that is wrong is made right by that."""
    raw = [{**each, "apiVersion": "discovery.k8s.io/v1", "unread": {"deep": [1]}} for each in raw]

    listed = [SLICES.object(json.dumps(each).encode()) for each in raw]
    events = [SLICES.event(json.dumps({"type": "ADDED", "object": each}).encode())["object"] for each in raw]

    assert [_read(each) for each in listed] == [_read(each) for each in raw]
    assert [_read(each) for each in events] == [_read(each) for each in raw]


@settings(max_examples=150)
@given(raw_imports, st.lists(raw_slices, max_size=4))
def test_whatever_objects_there_are_every_question_has_an_answer(
    raw_import: dict[str, object], raw: list[dict[str, object]]
) -> None:
    try:
        imported = decode.service_import(raw_import)
    except MalformedObject:
        return
    pieces = []
    for each in raw:
        try:
            piece = decode.imported_slice_any_manager(each)
        except MalformedObject:
            continue
        if piece is not None:
            pieces.append(packed_slice(piece))
    server = Server()
    server.answers.update(imported.service, packed_service(packed_import(imported), pieces))
    below = f"{imported.service.name}.{imported.service.namespace}.svc.{Z}"
    if not below.isascii() or len(below) > 200:
        return
    for prefix in ("", "_a._tcp.", "_tcp.", "a.east.", "10-0-0-1.a.b.", "east.", "b."):
        for rtype in (1, 28, 33, 255, 16):
            check_packet(server, query(prefix + below, rtype, counts=(1, 0, 0, 1), tail=opt(4096)))
