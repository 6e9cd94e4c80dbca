"""What holds of every answer, whatever was sent: for the property tests and for the fuzzer.

Not read with dnslib, which takes no labels that are not text, and is slow.
"""

import socket
import struct
from typing import Final

from mcs_controller.dns.server.sockets import bind_all
from mcs_controller.dns.server.udp import FEW, UdpListener
from tests.dns.cost import TIMES_A_PLAIN_QUESTION, steps
from tests.dns.test_protocol import opt, query
from tests.dns.zonetext import Server, headless, piece, ready, vip

Z = "clusterset.local"
PAYLOAD_LIMIT_BYTES = 1232

PLAIN: Final = query(
    f"web.shop.svc.{Z}", counts=(1, 0, 0, 1), tail=opt(options=b"\0\x0a\0\x08" + b"cookie!!")
)
"""As a resolver asks: the whole message is read, for its OPT record has an option."""


def servers() -> tuple[Server, ...]:
    """One that answers, one that is not ready, one that is stale."""
    result = (Server(), Server(is_open=False), Server())
    for server in result:
        server.put(vip("shop/web", "10.96.0.1", "fd00::1"))
        server.put(
            headless("shop/big"), piece("shop/big", "east", *(ready(f"10.0.1.{n}") for n in range(200)))
        )
    result[2].answers.set_stale(True)
    return result


def check_packet(server: Server, packet: bytes) -> None:
    """Ask over both ways in: one bounded answer to the packet's own question, or none."""
    first, second = server.udp(packet), server.udp(packet)
    over_tcp = server.tcp(packet)
    assert server.counters.faults.count == 0
    assert (first is None) == (second is None) == (over_tcp is None)
    if first is None or second is None or over_tcp is None:
        assert len(packet) < 12 or packet[2] & 0x80
        return
    assert first[:4] == second[:4]
    assert max(len(first), len(second)) <= asked_bytes(packet)
    assert len(over_tcp) <= 65535
    for reply in (first, second, over_tcp):
        assert reply[:2] == packet[:2]
        assert reply[2] & 0x80
        check_form(reply, packet)


def most_steps(server: Server) -> int:
    """What any message may cost: some plain questions."""
    server.udp(PLAIN)
    return TIMES_A_PLAIN_QUESTION * steps(lambda: server.udp(PLAIN))


def check_cost(server: Server, packet: bytes, limit: int) -> None:
    """No message costs more than some plain questions do, once what it asks for has been made."""
    server.udp(packet)
    assert steps(lambda: server.udp(packet)) <= limit
    assert steps(lambda: server.tcp(packet)) <= limit


class Neighbours:
    """A listener on loopback, and somebody who asks it while somebody else sends anything."""

    ASKED: Final = 3 * FEW
    """So many of each: some are answered one by one, and the rest together."""

    def __init__(self) -> None:
        (self._pair,) = bind_all((("127.0.0.1", 0),))
        self._server = servers()[0]
        self._listener = UdpListener(self._pair.udp, self._server.udp, self._server.counters)
        self._honest, self._other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for client in (self._honest, self._other):
            client.setblocking(False)
            client.connect(self._pair.address)
        self._turn = 0

    def close(self) -> None:
        """Close all sockets."""
        self._honest.close()
        self._other.close()
        self._pair.close()

    def check(self, packet: bytes) -> None:
        """Every question that waits beside such a message is answered."""
        first = self._turn = (self._turn + self.ASKED) % 60_000
        for number in range(first, first + self.ASKED):
            self._other.send(packet)
            self._honest.send(struct.pack("!H", number) + PLAIN[2:])
        while self._listener.drain():
            pass
        answered = [struct.unpack("!H", reply[:2])[0] for reply in received(self._honest) if reply[7] == 1]
        assert sorted(answered) == list(range(first, first + self.ASKED))
        assert len(received(self._other)) in (0, self.ASKED)


def received(client: socket.socket) -> list[bytes]:
    """All packets that have come; the socket does not block."""
    packets = []
    while True:
        try:
            packets.append(client.recv(65535))
        except BlockingIOError:
            return packets


def asked_bytes(packet: bytes) -> int:
    """The largest answer that any reading of the packet may ask for over UDP."""
    sizes = [512]
    for at in range(12, len(packet) - 4):
        if packet[at : at + 3] == b"\0\0\x29":
            sizes.append(int.from_bytes(packet[at + 3 : at + 5], "big"))
    return min(PAYLOAD_LIMIT_BYTES, max(sizes))


def check_form(reply: bytes, packet: bytes) -> None:
    """The reply is well-formed to its last byte and repeats the question, if it has one."""
    questions, *others = struct.unpack("!4H", reply[4:12])
    at = 12
    if questions:
        at = _after_name(reply, at) + 4
        assert reply[12:at] == packet[12:at]
    for _ in range(sum(others)):
        at = _after_name(reply, at) + 10
        at += int.from_bytes(reply[at - 2 : at], "big")
    assert at == len(reply)


def _after_name(message: bytes, at: int) -> int:
    while size := message[at]:
        if size >= 0xC0:
            return at + 2
        at += size + 1
    return at + 1
