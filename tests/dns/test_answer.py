"""Parts of an answer that is too long: whole records, as many as fit, each in its turn."""

from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.dns.answers.answer import Answer, tail_of
from mcs_controller.dns.wire.encoding import NOERROR, TYPE_A, TYPE_SRV, record
from mcs_controller.dns.zone.records import RRset

HEADS = (b"", b"", b"", b"")
POINTER = b"\xc0\x0c"


@given(st.lists(st.integers(0, 270), min_size=2, max_size=30), st.lists(st.integers(0, 600), max_size=20))
def test_parts_of_records_of_several_sizes_go_round_without_a_gap(sizes: list[int], rooms: list[int]) -> None:
    rdata = [bytes((number,)) + b"x" * size for number, size in enumerate(sizes)]
    records = [record(POINTER, TYPE_SRV, 4, each) for each in rdata]
    tail, ends = tail_of(RRset(TYPE_SRV, 4, rdata))
    answer = Answer(NOERROR, HEADS, tail, 0, is_positive=True)
    answer.ends = ends
    assert tail == b"".join(records)

    following = 0
    for room in rooms:
        if ends is None or room >= len(tail):
            continue  # all fits, and is sent whole
        count, part = answer.next_part(room)

        expected: list[bytes] = []
        while len(b"".join(expected)) + len(records[(following + len(expected)) % len(records)]) <= room:
            expected.append(records[(following + len(expected)) % len(records)])
        assert (count, part) == (len(expected), b"".join(expected))
        # A record that fits into no part is passed over, so that the others have their turn.
        following = (following + max(1, count)) % len(records)


@given(st.integers(2, 60), st.integers(0, 900), st.floats(0, 1, exclude_max=True))
def test_parts_of_records_of_one_size_begin_at_each_of_them_once(count: int, room: int, begin: float) -> None:
    rdata = [number.to_bytes(4, "big") for number in range(count)]
    tail, ends = tail_of(RRset(TYPE_A, 4, rdata))
    assert ends is None
    assert tail == b"".join(record(POINTER, TYPE_A, 4, each) for each in rdata)
    answer = Answer(NOERROR, HEADS, tail, 0, is_positive=True)
    answer.rotate(count, begin)
    room = min(room, len(tail) - 1)

    firsts = []
    for _ in range(count):
        firsts.append(answer.start)
        assert answer.next_part(room) == (room // 16, (tail * 2)[firsts[-1] :][: room // 16 * 16])

    assert sorted(firsts) == list(range(0, len(tail), 16))
