"""One connection without a network: whatever comes, in whatever pieces."""

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcs_controller.kube.connection.http_connection import Connection, ExchangeError

ANSWER = b"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"


class Wire(asyncio.Transport):
    """Takes what is written, and never sends anything by itself."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def abort(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


def asked() -> Connection:
    connection = Connection(lambda lost: None)
    connection.connection_made(Wire())
    connection.ask(b"")
    return connection


@given(st.lists(st.integers(0, len(ANSWER)), max_size=8).map(sorted))
async def test_an_answer_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    connection = asked()
    for start, end in zip([0, *cuts], [*cuts, len(ANSWER)], strict=True):
        if start != end:
            connection.data_received(ANSWER[start:end])
    await connection.head()
    assert (connection.status, connection.headers["a"], await connection.chunk()) == (200, "b", b"abcde")
    assert await connection.chunk() == b""
    assert connection.reusable


@given(st.binary(max_size=200), st.integers(0, len(ANSWER)))
@example(b"", 0)
async def test_whatever_a_server_sends_ends_in_an_answer_or_an_error(noise: bytes, at: int) -> None:
    connection = asked()
    connection.data_received(ANSWER[:at] + noise + ANSWER[at:])
    connection.connection_lost(None)
    try:
        await connection.head()
        while await connection.chunk():
            pass
    except ExchangeError:
        assert not connection.reusable


async def test_the_silence_of_a_connection_that_is_gone_is_not_watched() -> None:
    connection = asked()
    connection.data_received(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk")
    await connection.head()
    connection.watch_silence(60)
    assert connection._silence_timer is None
    with pytest.raises(ExchangeError, match="the answer is not HTTP"):
        await connection.chunk()
