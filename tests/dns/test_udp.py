"""The UDP socket: batches, errors, and both address families."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from mcs_controller.dns.server.datagrams import BATCH
from mcs_controller.dns.server.sockets import SocketPair, bind_all
from mcs_controller.dns.server.udp import FEW, UdpListener
from tests.dns.test_protocol import query
from tests.dns.zonetext import Server, read, vip

WEB = "web.shop.svc.clusterset.local"


class Udp:
    """A listener on loopback, and a client of it."""

    def __init__(self, host: str) -> None:
        (self.pair,) = bind_all(((host, 0),))
        self.server = Server()
        self.server.put(vip("shop/web", "10.96.0.1"))
        self.listener = UdpListener(self.pair.udp, self.server.udp, self.server.counters)
        self.client = socket.socket(self.pair.udp.family, socket.SOCK_DGRAM)
        self.client.setblocking(False)
        self.client.connect(self.pair.address)

    def close(self) -> None:
        self.client.close()
        self.pair.close()

    async def ask(self, packet: bytes) -> bytes:
        self.client.send(packet)
        async with asyncio.timeout(5):
            return await asyncio.get_running_loop().sock_recv(self.client, 65535)

    def received(self) -> list[bytes]:
        packets = []
        while True:
            try:
                packets.append(self.client.recv(65535))
            except BlockingIOError:
                return packets


@pytest.fixture(params=["127.0.0.1", "::1"])
def udp(request: pytest.FixtureRequest) -> Iterator[Udp]:
    udp = Udp(request.param)
    yield udp
    udp.close()


@pytest.mark.requirement("MCS-DNS-18")
async def test_a_query_is_answered_over_either_family(udp: Udp) -> None:
    udp.listener.start()

    reply = read(await udp.ask(query(WEB)))

    assert reply.answer == [f"{WEB}. 4 IN A 10.96.0.1"]
    udp.listener.stop()


async def test_one_wakeup_answers_all_that_waits_up_to_a_bound(udp: Udp) -> None:
    for _ in range(FEW + BATCH + 5):
        udp.client.send(query(WEB))

    assert udp.listener.drain()
    assert len(udp.received()) == FEW + BATCH
    assert not udp.listener.drain()
    assert len(udp.received()) == 5


async def test_a_crowd_is_answered_and_counted_as_one_client_is(udp: Udp) -> None:
    """They are taken together then, rubbish and all, and the next one is alone again."""
    for turn in range(3):
        for number in range(40):
            udp.client.send(query(WEB) if number % 4 else b"x")
        while udp.listener.drain():
            pass
        replies = udp.received()
        assert [read(reply).answer for reply in replies] == [[f"{WEB}. 4 IN A 10.96.0.1"]] * 30
        assert udp.server.counters.dropped["short"] == 10 * (turn + 1)

    udp.client.send(query(WEB))
    udp.listener.drain()
    assert len(udp.received()) == 1


async def test_what_has_arrived_is_answered_before_the_socket_closes(udp: Udp) -> None:
    udp.listener.start()
    udp.client.send(query(WEB))

    udp.listener.stop()

    assert len(udp.received()) == 1
    assert udp.pair.udp.fileno() == -1


async def test_rubbish_between_queries_is_passed_over(udp: Udp) -> None:
    udp.listener.start()
    for packet in (b"", b"x", b"\0" * 4096, query(WEB, flags=0x8000)):
        udp.client.send(packet)

    reply = read(await udp.ask(query(WEB)))
    while reply.rcode == "FORMERR":
        reply = read(await asyncio.get_running_loop().sock_recv(udp.client, 65535))

    assert reply.rcode == "NOERROR"
    assert udp.server.counters.dropped["short"] == 2
    assert udp.server.counters.dropped["response"] == 1
    udp.listener.stop()


async def test_a_client_that_is_gone_is_no_trouble_for_the_next(udp: Udp) -> None:
    """Its port answers with an ICMP error, which the next system call on the socket may report."""
    udp.listener.start()
    with socket.socket(udp.pair.udp.family, socket.SOCK_DGRAM) as gone:
        gone.connect(udp.pair.address)
        for _ in range(3):
            gone.send(query(WEB))

    for _ in range(3):
        assert read(await udp.ask(query(WEB))).rcode == "NOERROR"
    udp.listener.stop()


class _Unsendable(socket.socket):
    def sendto(self, *_: object) -> int:
        raise BlockingIOError

    def sendmsg(self, *_: object) -> int:
        raise BlockingIOError


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_a_reply_that_cannot_be_sent_is_counted_and_forgotten(host: str) -> None:
    (pair,) = bind_all(((host, 0),))
    stuck = _Unsendable(pair.udp.family, socket.SOCK_DGRAM, fileno=pair.udp.detach())
    server = Server()
    listener = UdpListener(stuck, server.udp, server.counters)
    with SocketPair(stuck, pair.tcp).tcp, socket.socket(stuck.family, socket.SOCK_DGRAM) as client:
        client.sendto(query(WEB), ("127.0.0.1", stuck.getsockname()[1]))
        client.sendto(b"x", ("127.0.0.1", stuck.getsockname()[1]))

        listener.drain()

        assert server.counters.dropped["short"] == 1

    assert server.counters.dropped["send"] == 1
    stuck.close()


@pytest.mark.parametrize(
    ("host", "asked"),
    [("0.0.0.0", "127.0.0.1"), ("0.0.0.0", "127.0.0.2"), ("::", "::1")],
)
async def test_a_reply_comes_from_the_address_that_was_asked(host: str, asked: str) -> None:
    """The machine has many: all of 127.0.0.0/8 are its own, and it would answer from the first."""
    udp = Udp(host)
    udp.listener.start()
    with socket.socket(udp.pair.udp.family, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.sendto(query(WEB), (asked, udp.pair.address[1]))
        async with asyncio.timeout(5):
            reply, sender = await asyncio.get_running_loop().sock_recvfrom(client, 4096)

    assert read(reply).answer == [f"{WEB}. 4 IN A 10.96.0.1"]
    assert sender[:2] == (asked, udp.pair.address[1])
    udp.listener.stop()
    udp.close()
