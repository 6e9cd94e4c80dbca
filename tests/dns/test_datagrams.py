"""Datagrams by the batch: each client gets its own replies, whole, whatever went out together."""

import ctypes
import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from mcs_controller.dns.server import datagrams
from mcs_controller.dns.server.datagrams import BATCH, QUERY_READ_BYTES, UNJOINED_CLIENTS_MAX, Datagrams
from tests.dns.invariants import received

REPLY_MAX_BYTES = 1232


class Udp:
    """A socket that is answered from by the batch, and clients of it."""

    def __init__(self, stack: ExitStack, host: str, *, joins: bool = True) -> None:
        self._stack = stack
        self.socket = stack.enter_context(
            socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        )
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self.unjoined = 0
        self.datagrams = Datagrams(
            self.socket, REPLY_MAX_BYTES, joins=joins, on_unjoined=self._count_unjoined
        )

    def _count_unjoined(self) -> None:
        self.unjoined += 1

    def client(self, asked: str = "", *, source: str = "") -> socket.socket:
        client = self._stack.enter_context(socket.socket(self.socket.family, socket.SOCK_DGRAM))
        if source:
            client.bind((source, 0))
        client.setblocking(False)
        client.connect((asked or self.socket.getsockname()[0], self.port))
        return client


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=["127.0.0.1", "::1"])
def udp(request: pytest.FixtureRequest, stack: ExitStack) -> Udp:
    return Udp(stack, request.param)


@pytest.mark.requirement("MCS-DNS-18")
def test_every_client_gets_its_own_replies_in_order(udp: Udp) -> None:
    clients = [udp.client() for _ in range(5)]
    for turn in range(12):
        for number, client in enumerate(clients):
            client.send(f"{number}:{turn}".encode().ljust(20 + turn % 3))

    queries = udp.datagrams.receive()
    lost = udp.datagrams.reply([b"re " + query for query in queries])

    assert lost == 0
    for number, client in enumerate(clients):
        replies = received(client)
        # What is of one size keeps its order; different sizes may overtake each other, as on a network.
        for size in range(3):
            expected = [f"re {number}:{turn}".encode().ljust(23 + size) for turn in range(size, 12, 3)]
            assert [reply for reply in replies if len(reply) == 23 + size] == expected
        assert len(replies) == 12


def test_replies_that_fill_more_than_one_long_datagram_all_arrive(udp: Udp) -> None:
    client = udp.client()
    for number in range(BATCH):
        client.send(bytes((number,)))

    udp.datagrams.receive()
    lost = udp.datagrams.reply([bytes((number,)) * REPLY_MAX_BYTES for number in range(BATCH)])

    assert lost == 0
    assert received(client) == [bytes((number,)) * REPLY_MAX_BYTES for number in range(BATCH)]
    assert udp.unjoined == 0, "each is short enough"


def test_not_every_query_has_a_reply(udp: Udp) -> None:
    client = udp.client()
    for number in range(6):
        client.send(bytes((number,)))

    queries = udp.datagrams.receive()
    udp.datagrams.reply([None if query[0] % 2 else query for query in queries])
    assert received(client) == [b"\0", b"\2", b"\4"]

    client.send(b"x")
    assert udp.datagrams.reply([None for _ in udp.datagrams.receive()]) == 0
    assert received(client) == []


def test_a_batch_leaves_nothing_in_the_next_one(udp: Udp) -> None:
    """Memory is used again: a short query after a long one is short, a client after another gets its own."""
    for size in (QUERY_READ_BYTES + 1000, 3, 0, 700):
        client = udp.client()
        client.send(b"q" * size)

        queries = udp.datagrams.receive()
        udp.datagrams.reply([b"%d" % len(query) for query in queries])

        assert queries == [b"q" * min(size, QUERY_READ_BYTES)]
        assert received(client) == [b"%d" % min(size, QUERY_READ_BYTES)]
    assert udp.datagrams.receive() == []


@pytest.mark.parametrize(
    ("host", "asked"),
    [("0.0.0.0", ("127.0.0.1", "127.0.0.2")), ("::", ("::1",))],
)
def test_replies_come_from_the_addresses_that_were_asked(
    stack: ExitStack, host: str, asked: tuple[str, ...]
) -> None:
    """A connected client hears nobody else."""
    udp = Udp(stack, host)
    clients = [udp.client(address) for address in asked * 3]
    for _ in range(4):
        for client in clients:
            client.send(b"who are you?")

    assert udp.datagrams.reply(list(udp.datagrams.receive())) == 0

    assert [received(client) for client in clients] == [[b"who are you?"] * 4] * len(clients)


class Kernel:
    """Refuses as told, else sends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *errors: int) -> None:
        self.errors = list(errors)
        self.messages: list[int] = []
        self._real = datagrams._sendmmsg
        monkeypatch.setattr(datagrams, "_sendmmsg", self._send)

    def _send(self, fd: int, address: int, count: int, flags: int) -> int:
        self.messages.append(count)
        if self.errors and (error := self.errors.pop(0)):
            ctypes.set_errno(error)
            return -1
        return int(self._real(fd, address, count, flags))


def test_what_cannot_be_sent_together_is_sent_alone_from_then_on(
    udp: Udp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a network card computes no checksums, or its largest packet is smaller than a reply."""
    kernel = Kernel(monkeypatch, errno.EIO)
    client = udp.client()
    for turn in range(2):
        for number in range(8):
            client.send(bytes((turn, number)))

        assert udp.datagrams.reply(list(udp.datagrams.receive())) == 0
        assert received(client) == [bytes((turn, number)) for number in range(8)]

    assert kernel.messages == [1, 8, 8]
    assert udp.unjoined == 1


def test_what_one_client_cannot_get_together_the_others_still_do(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the packets on the way to it are small."""
    udp = Udp(stack, "127.0.0.1")
    small, other = udp.client(source="127.0.0.2"), udp.client(source="127.0.0.3")
    kernel = Kernel(monkeypatch, errno.EINVAL)
    for client in (small, other, small):
        for number in range(8):
            client.send(bytes((number,)))

        assert udp.datagrams.reply(list(udp.datagrams.receive())) == 0
        assert received(client) == [bytes((number,)) for number in range(8)]

    assert kernel.messages == [1, 8, 1, 8]
    assert udp.unjoined == 1


@pytest.mark.parametrize("turns", [1, 3])
def test_a_client_with_port_0_changes_nothing_for_others(udp: Udp, turns: int) -> None:
    """The kernel refuses to send there, which says nothing about replies that are joined."""
    client = udp.client()
    for _ in range(turns):
        for number in range(8):
            client.send(bytes((number,)))
        queries = udp.datagrams.receive()
        for number in range(8):
            at = number * udp.datagrams._peer_bytes
            udp.datagrams._peers.content[at + 2 : at + 4] = b"\0\0"

        assert udp.datagrams.reply(list(queries)) == 8
        assert received(client) == []

    assert udp.datagrams._joins
    assert udp.datagrams._unjoined == {}
    assert udp.unjoined == 0


def test_a_client_that_can_get_nothing_at_all_is_not_taken_for_one_that_cannot_get_it_together(
    udp: Udp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a route that leads nowhere: such a client may be made up."""
    kernel = Kernel(monkeypatch, *[errno.EIO] * 9)
    client = udp.client()
    for turn in range(2):
        for number in range(8):
            client.send(bytes((turn, number)))
        assert udp.datagrams.reply(list(udp.datagrams.receive())) == (0 if turn else 8)

    assert received(client) == [bytes((1, number)) for number in range(8)]
    assert kernel.messages == [1, 8, 7, 6, 5, 4, 3, 2, 1, 1]
    assert udp.unjoined == 0


def test_only_so_many_clients_are_remembered_that_cannot_get_replies_together(
    udp: Udp, monkeypatch: pytest.MonkeyPatch
) -> None:
    Kernel(monkeypatch, errno.EMSGSIZE)
    udp.datagrams._unjoined = {
        bytes((number >> 8, number & 255)): None for number in range(UNJOINED_CLIENTS_MAX)
    }
    client = udp.client()
    client.send(b"a")
    client.send(b"b")

    assert udp.datagrams.reply(list(udp.datagrams.receive())) == 0

    assert len(udp.datagrams._unjoined) == UNJOINED_CLIENTS_MAX
    assert b"\0\0" not in udp.datagrams._unjoined


def test_nothing_is_sent_together_when_that_is_not_wanted(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel(monkeypatch)
    udp = Udp(stack, "127.0.0.1", joins=False)
    client = udp.client()
    for number in range(8):
        client.send(bytes((number,)))

    assert udp.datagrams.reply(list(udp.datagrams.receive())) == 0

    assert kernel.messages == [8]
    assert received(client) == [bytes((number,)) for number in range(8)]


def test_replies_are_lost_when_the_kernel_has_no_room_and_counted(
    udp: Udp, monkeypatch: pytest.MonkeyPatch
) -> None:
    Kernel(monkeypatch, errno.EAGAIN)
    clients = [udp.client() for _ in range(3)]
    for client in clients:
        client.send(b"a")
        client.send(b"b")

    assert udp.datagrams.reply(list(udp.datagrams.receive())) == 6
    assert [received(client) for client in clients] == [[], [], []]


def test_a_client_that_cannot_be_reached_costs_the_others_nothing(
    udp: Udp, monkeypatch: pytest.MonkeyPatch
) -> None:
    Kernel(monkeypatch, errno.EHOSTUNREACH)
    clients = [udp.client() for _ in range(3)]
    for client in clients:
        client.send(b"a")

    assert udp.datagrams.reply(list(udp.datagrams.receive())) == 1
    assert [received(client) for client in clients] == [[], [b"a"], [b"a"]]
