"""What is bound, how, and what is said when it cannot be."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mcs_controller.dns.errors import ListenError
from mcs_controller.dns.server import sockets
from mcs_controller.dns.server.sockets import DnsAddress, SocketPair, bind_all, bind_groups

LOOPBACK = (("127.0.0.1", 0), ("::1", 0))


@contextmanager
def bound(addresses: tuple[DnsAddress, ...], count: int = 1) -> Iterator[list[list[SocketPair]]]:
    groups = bind_groups(addresses, count)
    try:
        yield groups
    finally:
        for pair in (pair for group in groups for pair in group):
            pair.close()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_group_has_a_pair_on_one_port_for_every_address(count: int) -> None:
    with bound(LOOPBACK, count) as groups:
        assert len(groups) == count
        for group in groups:
            assert [pair.address for pair in group] == [pair.address for pair in groups[0]]
            for pair, (host, _) in zip(group, LOOPBACK, strict=True):
                assert pair.udp.getsockname()[:2] == pair.tcp.getsockname()[:2] == pair.address
                assert pair.address[0] == host
                assert (pair.udp.type, pair.tcp.type) == (socket.SOCK_DGRAM, socket.SOCK_STREAM)
                assert not pair.udp.getblocking()
                assert not pair.tcp.getblocking()
        numbers = [sock.fileno() for group in groups for pair in group for sock in pair]
        assert len(set(numbers)) == 2 * 2 * count
    assert all(sock.fileno() == -1 for group in groups for pair in group for sock in pair)


def option(sock: socket.socket, level: int, name: int) -> int:
    return sock.getsockopt(level, name)


@pytest.mark.parametrize("count", [1, 2])
def test_strangers_cannot_share_the_port_unless_there_are_workers_to_share_it(count: int) -> None:
    """And a restarted server need not wait for connections of the last one to be forgotten."""
    with bound((("127.0.0.1", 0),), count) as groups:
        for (pair,) in groups:
            for sock in pair:
                assert option(sock, socket.SOL_SOCKET, socket.SO_REUSEPORT) == (count > 1)
            assert option(pair.tcp, socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
            assert option(pair.udp, socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0


def test_connections_are_taken_and_their_buffers_are_bounded() -> None:
    with bound((("127.0.0.1", 0),)) as ((pair,),):
        assert option(pair.tcp, socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        assert option(pair.tcp, socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * sockets.TCP_SEND_BUFFER_BYTES
        assert option(pair.tcp, socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * sockets.TCP_RECEIVE_BUFFER_BYTES


@pytest.mark.parametrize(("dual", "hosts"), [(True, ["0.0.0.0", "::"]), (False, ["0.0.0.0"])])
def test_no_host_stands_for_all_addresses_of_the_families_that_there_are(
    monkeypatch: pytest.MonkeyPatch, dual: bool, hosts: list[str]
) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: dual)

    with bound((("", 0),)) as (group,):
        assert [pair.address[0] for pair in group] == hosts
        for pair in group[1:]:
            for sock in pair:
                assert option(sock, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


def test_a_port_that_is_given_is_bound_for_every_address_and_group() -> None:
    with bound((("127.0.0.2", 0),)) as ((pair,),):
        port = pair.address[1]
    addresses = tuple((f"127.0.0.{number}", port) for number in (2, 3))
    with bound(addresses, 2) as groups:
        assert [[pair.address for pair in group] for group in groups] == [[*addresses]] * 2


def refuse(
    monkeypatch: pytest.MonkeyPatch, number: int, *, times: int = 10**6, from_bind: int = 0
) -> list[int]:
    """The kernel refuses so often to bind; the ports that were asked for."""
    asked: list[int] = []

    class Refusing(socket.socket):
        def bind(self, address: tuple[str, int]) -> None:  # type: ignore[override]
            asked.append(address[1])
            if from_bind <= len(asked) - 1 < from_bind + times:
                raise OSError(number, "it is so")
            super().bind(address)

    monkeypatch.setattr(socket, "socket", Refusing)
    return asked


def test_where_tcp_s_port_of_the_same_number_is_taken_another_number_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = refuse(monkeypatch, errno.EADDRINUSE, times=1, from_bind=1)

    with bound((("127.0.0.1", 0),)) as ((pair,),):
        assert pair.address[1] == asked[-1] != 0
    # Other programs may have the next number, too.
    assert len(asked) >= 4
    assert [port == 0 for port in asked] == [True, False] * (len(asked) // 2)


def test_it_is_not_tried_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = refuse(monkeypatch, errno.EADDRINUSE)

    with pytest.raises(ListenError, match=r"cannot serve DNS on 127\.0\.0\.1:0: the port is already in use"):
        bind_all((("127.0.0.1", 0),))
    assert asked == [0] * 32


@pytest.mark.parametrize(("host", "where"), [("127.0.0.1", r"127\.0\.0\.1:5353"), ("::1", r"\[::1\]:5353")])
@pytest.mark.parametrize(
    ("number", "says"),
    [
        (
            errno.EADDRINUSE,
            r"the port is already in use; stop what uses it \(ss -lntup 'sport = :5353' shows it\) "
            "or choose another port",
        ),
        (
            errno.EACCES,
            "permission denied; choose a port from 1024 on, or give the process CAP_NET_BIND_SERVICE",
        ),
        (
            errno.EADDRNOTAVAIL,
            "this machine has no such address; give one of its own, or only :PORT for all of them",
        ),
        (errno.ENOMEM, "it is so"),
    ],
)
def test_what_keeps_it_from_being_bound_is_said_with_the_address_and_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, host: str, where: str, number: int, says: str
) -> None:
    asked = refuse(monkeypatch, number)

    with pytest.raises(ListenError, match=f"^cannot serve DNS on {where}: {says}$"):
        bind_all(((host, 5353),))
    assert asked == [5353]


def test_what_is_no_address_is_named_but_not_at_any_length() -> None:
    says = "not an IP address; give one of this machine, such as 127.0.0.1"
    with pytest.raises(ListenError, match=f"^cannot listen on 'localhost': {says}$"):
        bind_all((("localhost", 53),))
    with pytest.raises(ListenError) as error:
        bind_all((("x" * 1000, 53),))
    assert str(error.value) == f"cannot listen on '{'x' * 256}': {says}"


@pytest.mark.parametrize("count", [1, 2])
def test_nothing_stays_open_where_not_all_can_be_bound(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[socket.socket] = []

    class Noted(socket.socket):
        def __init__(self, *arguments: int, **named: int) -> None:
            super().__init__(*arguments, **named)
            opened.append(self)

    monkeypatch.setattr(socket, "socket", Noted)
    for addresses in (("127.0.0.1", "192.0.2.1"), ("127.0.0.1", "nonsense")):
        with pytest.raises(ListenError):
            bind_groups(tuple((host, 0) for host in addresses), count)
    assert opened
    assert [sock.fileno() for sock in opened] == [-1] * len(opened)


def test_where_one_copy_of_several_cannot_be_bound_none_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The copies come after the one that finds out whether the port is free."""
    with bound((("127.0.0.4", 0),)) as ((pair,),):
        port = pair.address[1]
    refuse(monkeypatch, errno.ENOMEM, from_bind=5)
    with pytest.raises(ListenError):
        bind_groups((("127.0.0.4", port),), 3)
    monkeypatch.undo()

    with bound((("127.0.0.4", port),)) as ((pair,),):
        assert pair.address[1] == port
