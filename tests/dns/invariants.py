"""What holds of every answer, whatever was sent: for the property tests and for the fuzzer.

Not read with dnslib, which takes no labels that are not text, and is slow.
"""

import struct

from tests.dns.zonetext import Server, headless, piece, ready, vip

Z = "clusterset.local"
PAYLOAD_LIMIT_BYTES = 1232


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
