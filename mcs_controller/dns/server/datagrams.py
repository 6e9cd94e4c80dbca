"""Many datagrams with one call of the kernel: recvmmsg and sendmmsg, which Python's own sockets do not have.

What a call for each datagram costs beyond the network itself is mostly an address as a tuple of a text and a
number, made of bytes for each query and made into bytes again for its reply. Here it stays the bytes that the
kernel wrote, and the reply is sent to just these. The same goes for the address that was asked, on a socket
for all of a machine's addresses (IP_PKTINFO): a reply must come from there, or clients drop it.

Replies of one size to one client go out as one long datagram that the kernel cuts (UDP_SEGMENT, Linux 4.18):
a resolver with many questions under way is answered for a fraction of the cost. Where a kernel or a network
card cannot, replies are sent one by one, and so are those to a client that joined ones do not reach. A client
that no reply reaches proves nothing: a query may come from any address, and from port 0.

The structures are those of <sys/socket.h> and <netinet/in.h> of 64-bit Linux; glibc and musl agree on them.
"""

import ctypes
import errno
import logging
import socket
import struct
from collections.abc import Callable
from typing import Final

BATCH: Final = 64
"""Datagrams of one call, in and out; also how many pieces the kernel cuts one long datagram into at most."""

QUERY_READ_BYTES: Final = 4096
"""What is longer is cut; no query is."""

SOL_UDP: Final = 17
UDP_SEGMENT: Final = 103
_IP_PKTINFO: Final = 8
"""Python has no names for these."""

_ANY_ADDRESSES: Final = ("0.0.0.0", "::")

_JOINED_MAX_BYTES: Final = 65_000
"""Less than the largest datagram, headers included."""

_ADDRESS_BYTES: Final = {socket.AF_INET: 16, socket.AF_INET6: 28}
_ADDRESS_ROOM_BYTES: Final = 32
_PKTINFO_BYTES: Final = {socket.AF_INET: 12, socket.AF_INET6: 20}
_CANNOT_JOIN: Final = (errno.EIO, errno.EOPNOTSUPP)
"""The kernel or the network card cannot."""
_CANNOT_JOIN_FOR_CLIENT: Final = (errno.EINVAL, errno.EMSGSIZE)
"""A reply is larger than the packets on the way to this client."""

UNJOINED_CLIENTS_MAX: Final = 256
"""So many are remembered."""
_PORT_AT: Final = 2
_HOST_AT: Final = {socket.AF_INET: slice(4, 8), socket.AF_INET6: slice(8, 24)}
"""In an address as the kernel writes it."""

_CONTROL_HEAD: Final = struct.Struct("@Nii")
_SEGMENT_SIZE: Final = struct.Struct("@H")
_IOVEC: Final = struct.Struct("@PN")
_HEADER: Final = struct.Struct("@PIPNPNi4xI4x")
"""mmsghdr: address and its length, iovec and their number, control data and its length, flags, length."""

_HEADER_SIZE_AT: Final = 56
_TAKES_BYTES: Final = ctypes.sizeof(ctypes.c_size_t)


def _control_room(data_bytes: int) -> int:
    """Bytes of a control message, padded as CMSG_SPACE does."""
    return _CONTROL_HEAD.size + -(-data_bytes // _TAKES_BYTES) * _TAKES_BYTES


_SEGMENT_ROOM_BYTES: Final = _control_room(_SEGMENT_SIZE.size)
_SEGMENT_HEAD: Final = _CONTROL_HEAD.pack(_CONTROL_HEAD.size + _SEGMENT_SIZE.size, SOL_UDP, UDP_SEGMENT)

_log = logging.getLogger(__name__)

_libc = ctypes.CDLL(None, use_errno=True)
_recvmmsg = _libc.recvmmsg
_recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
_sendmmsg = _libc.sendmmsg
_sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)

_Message = tuple[int, list[bytes]]
"""For whom, as the number of a query, and the replies that go out as one."""


class _Block:
    """Memory at a fixed address, which the kernel reads and writes."""

    def __init__(self, size_bytes: int) -> None:
        self.content = bytearray(size_bytes)
        self.view = memoryview(self.content)
        self.address = ctypes.addressof((ctypes.c_char * size_bytes).from_buffer(self.content))


class Datagrams:
    """The queries that wait at a bound, non-blocking UDP socket, and the replies to them.

    Used in turns: `receive`, then `reply` with a reply, or None, for each query that was received. `joins`
    says whether replies may go out as one, where the kernel can; `on_unjoined` is told each time that they
    may not any more, to one client or to all. `for_any_address`: the socket is for all of the machine's
    addresses, so whoever else reads it finds the one that was asked beside each query.
    """

    def __init__(
        self,
        sock: socket.socket,
        reply_max_bytes: int,
        *,
        joins: bool = True,
        on_unjoined: Callable[[], None] = lambda: None,
    ) -> None:
        self._fd = sock.fileno()
        family = sock.family
        self._address_bytes = _ADDRESS_BYTES[family]
        self._pktinfo_room_bytes = 0
        self._interface_at = 0
        self.for_any_address = sock.getsockname()[0] in _ANY_ADDRESSES
        if self.for_any_address:
            self._pktinfo_room_bytes = _control_room(_PKTINFO_BYTES[family])
            if family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
                self._interface_at = _ADDRESS_ROOM_BYTES + _CONTROL_HEAD.size
            else:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        self._joins = joins and _can_join(sock)
        self._on_unjoined = on_unjoined
        self._host_at = _HOST_AT[family]
        self._unjoined: dict[bytes, None] = {}

        # A peer: its address, the control data that came with its query, and room for UDP_SEGMENT.
        self._segment_at = _ADDRESS_ROOM_BYTES + self._pktinfo_room_bytes
        self._peer_bytes = self._segment_at + _SEGMENT_ROOM_BYTES
        self._peers = _Block(BATCH * self._peer_bytes)
        # Not a power of two apart, or all would share the same few lines of the processor's cache.
        step_bytes = QUERY_READ_BYTES + 192
        self._starts = range(0, BATCH * step_bytes, step_bytes)
        self._queries = _Block(BATCH * step_bytes)
        self._replies = _Block(BATCH * reply_max_bytes)

        self._places = _Block(BATCH * _IOVEC.size)
        self._parts = _Block(BATCH * _IOVEC.size)
        self._headers_in = _Block(BATCH * _HEADER.size)
        self._headers_out = _Block(BATCH * _HEADER.size)
        for number in range(BATCH):
            _IOVEC.pack_into(
                self._places.content,
                number * _IOVEC.size,
                self._queries.address + self._starts[number],
                QUERY_READ_BYTES,
            )
            peer = number * self._peer_bytes
            _HEADER.pack_into(
                self._headers_in.content,
                number * _HEADER.size,
                self._peers.address + peer,
                self._address_bytes,
                self._places.address + number * _IOVEC.size,
                1,
                self._peers.address + peer + _ADDRESS_ROOM_BYTES,
                self._pktinfo_room_bytes,
                0,
                0,
            )
            segment_at = peer + self._segment_at
            self._peers.content[segment_at : segment_at + len(_SEGMENT_HEAD)] = _SEGMENT_HEAD
        self._fresh_headers_in = bytes(self._headers_in.content)
        self._sizes = self._headers_in.view.cast("I")[_HEADER_SIZE_AT // 4 :: _HEADER.size // 4]

    def receive(self) -> list[bytes]:
        """Up to `BATCH` queries; none when none waits."""
        self._headers_in.view[:] = self._fresh_headers_in
        count = _recvmmsg(self._fd, self._headers_in.address, BATCH, socket.MSG_DONTWAIT, None)
        if count <= 0:
            return []
        view = self._queries.view
        sizes = self._sizes[:count].tolist()
        return [
            view[start : start + size].tobytes() for start, size in zip(self._starts, sizes, strict=False)
        ]

    def reply(self, replies: list[bytes | None]) -> int:
        """Send the replies to the queries that were received last; how many the kernel did not take."""
        messages: list[_Message] = []
        if len(replies) == 1:
            if replies[0] is not None:
                messages.append((0, [replies[0]]))
        else:
            self._join(replies, messages)
        return self._send(messages) if messages else 0

    def _join(self, replies: list[bytes | None], messages: list[_Message]) -> None:
        """Put together what can go out as one."""
        peer_bytes, segment_at = self._peer_bytes, self._segment_at
        peers = self._peers.view[: len(replies) * peer_bytes].tobytes()
        joins, unjoined, host_at = self._joins, self._unjoined, self._host_at
        last: dict[tuple[bytes, int], list[bytes]] = {}
        at = 0
        for number, reply in enumerate(replies):
            if reply is not None:
                size = len(reply)
                who = (peers[at : at + segment_at], size)
                others = last.get(who)
                if (
                    others is not None
                    and joins
                    and (len(others) + 1) * size <= _JOINED_MAX_BYTES
                    and not (unjoined and who[0][host_at] in unjoined)
                ):
                    others.append(reply)
                else:
                    last[who] = together = [reply]
                    messages.append((number, together))
            at += peer_bytes

    def _send(self, messages: list[_Message]) -> int:
        self._write(messages)
        address, count = self._headers_out.address, len(messages)
        lost = done = 0
        while done < count:
            sent = _sendmmsg(self._fd, address + done * _HEADER.size, count - done, socket.MSG_DONTWAIT)
            if sent > 0:
                done += sent
                continue
            error = ctypes.get_errno()
            if error in (errno.EAGAIN, errno.ENOBUFS):
                return lost + sum(len(together) for _, together in messages[done:])
            number, together = messages[done]
            joined = len(together) > 1 and self._has_port(number)
            if joined and error in _CANNOT_JOIN + _CANNOT_JOIN_FOR_CLIENT:
                return lost + self._send_apart(messages[done:], error)
            lost += len(together)
            done += 1
        return lost

    def _send_apart(self, messages: list[_Message], error: int) -> int:
        """Send one by one what could not be sent as one; if that goes well, so from now on."""
        (number, together), *others = messages
        lost = self._send([(number, [reply]) for reply in together])
        if lost < len(together):
            self._join_no_more(number, error)
        rest = [(each, [reply]) for each, replies in others for reply in replies]
        return lost + (self._send(rest) if rest else 0)

    def _join_no_more(self, number: int, error: int) -> None:
        self._on_unjoined()
        if error in _CANNOT_JOIN:
            self._joins = False
            _log.warning(
                "joined replies cannot be sent (%s): replies are sent one by one from now on",
                errno.errorcode[error],
            )
            return
        if len(self._unjoined) >= UNJOINED_CLIENTS_MAX:
            del self._unjoined[next(iter(self._unjoined))]
        self._unjoined[bytes(self._address(number)[self._host_at])] = None

    def _has_port(self, number: int) -> bool:
        """Whether there can be a reply: nobody has port 0."""
        return any(self._address(number)[_PORT_AT : _PORT_AT + 2])

    def _address(self, number: int) -> memoryview:
        """Who sent the query of that number."""
        at = number * self._peer_bytes
        return self._peers.view[at : at + self._address_bytes]

    def _write(self, messages: list[_Message]) -> None:
        """Headers, parts and bytes for the kernel."""
        peers, peers_address, peer_bytes = self._peers.content, self._peers.address, self._peer_bytes
        parts, parts_address = self._parts.content, self._parts.address
        headers, replies_address = self._headers_out.content, self._replies.address
        address_bytes, pktinfo_room_bytes = self._address_bytes, self._pktinfo_room_bytes
        interface_at = self._interface_at
        pack_header, pack_part = _HEADER.pack_into, _IOVEC.pack_into
        part_at = header_at = at = 0
        for number, together in messages:
            peer = number * peer_bytes
            size, control_bytes = len(together[0]), pktinfo_room_bytes
            if interface_at:
                # Whichever interface leads to the client: it need not be the one that the query came by.
                peers[peer + interface_at : peer + interface_at + 4] = b"\0\0\0\0"
            if len(together) > 1:
                _SEGMENT_SIZE.pack_into(peers, peer + self._segment_at + _CONTROL_HEAD.size, size)
                size *= len(together)
                control_bytes += _SEGMENT_ROOM_BYTES
            pack_part(parts, part_at, replies_address + at, size)
            pack_header(
                headers, header_at,
                peers_address + peer, address_bytes,
                parts_address + part_at, 1,
                peers_address + peer + _ADDRESS_ROOM_BYTES, control_bytes,
                0, 0,
            )  # fmt: skip
            part_at += _IOVEC.size
            header_at += _HEADER.size
            at += size
        self._replies.view[:at] = b"".join([reply for _, together in messages for reply in together])


def _can_join(sock: socket.socket) -> bool:
    try:
        sock.getsockopt(SOL_UDP, UDP_SEGMENT)
    except OSError:
        return False
    return True
