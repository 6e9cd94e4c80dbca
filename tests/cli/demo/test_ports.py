import socket
from collections.abc import Callable

import pytest

from mcs_controller.cli.demo.ports import choose_ports, dns_probe, http_probe
from mcs_controller.cli.errors import CliError, UsageError


def taken(*ports: int) -> Callable[[int], str | None]:
    """A machine on which just these are in use."""
    return lambda port: f"port {port} is already in use; stop it or choose another" if port in ports else None


FREE = taken()


def chosen(
    count: int,
    dns: int | None,
    http: int | None,
    *,
    dns_is_taken: Callable[[int], str | None] = FREE,
    http_is_taken: Callable[[int], str | None] = FREE,
) -> tuple[list[int], list[int]]:
    found = choose_ports(count, dns, http, None, dns_is_taken=dns_is_taken, http_is_taken=http_is_taken)
    return list(found[0]), list(found[1])


def test_the_page_has_ports_of_its_own_clear_of_all_others() -> None:
    found = [
        list(ports) for ports in choose_ports(2, 8180, 8183, None, dns_is_taken=FREE, http_is_taken=FREE)
    ]
    assert found == [[8180, 8181], [8183, 8184], [8185, 8186]]
    asked = choose_ports(2, None, None, 8080, dns_is_taken=FREE, http_is_taken=FREE)
    assert [list(ports) for ports in asked] == [[1053, 1054], [8082, 8083], [8080, 8081]]
    with pytest.raises(UsageError, match=r"--http-port 8080 and --page-port 8081: .* overlap"):
        choose_ports(2, None, 8080, 8081, dns_is_taken=FREE, http_is_taken=FREE)


def test_cluster_i_has_the_first_port_and_i() -> None:
    assert chosen(3, None, None) == ([1053, 1054, 1055], [8080, 8081, 8082])
    assert chosen(2, 5300, 9000) == ([5300, 5301], [9000, 9001])


def test_where_none_was_asked_for_the_next_range_without_a_taken_port_is_used() -> None:
    assert chosen(3, None, None, dns_is_taken=taken(1054, 1057), http_is_taken=taken(8080)) == (
        [1058, 1059, 1060],
        [8081, 8082, 8083],
    )


def test_a_range_that_was_asked_for_is_kept_clear_of_by_the_other() -> None:
    assert chosen(3, 8079, None) == ([8079, 8080, 8081], [8082, 8083, 8084])
    assert chosen(3, None, 1054) == ([1057, 1058, 1059], [1054, 1055, 1056])


def test_zero_means_any_free_ones() -> None:
    assert chosen(2, 0, 0, dns_is_taken=taken(0), http_is_taken=taken(0)) == ([0, 0], [0, 0])


@pytest.mark.parametrize("option", ["--dns-port", "--http-port"])
def test_a_port_that_was_asked_for_and_is_taken_is_an_error_with_the_cure(option: str) -> None:
    dns, http = (5300, None) if option == "--dns-port" else (None, 5300)
    with pytest.raises(CliError, match=f"{option} 5300: port 5302 is already in use; .* leave {option} out"):
        chosen(3, dns, http, dns_is_taken=taken(5302), http_is_taken=taken(5302))


@pytest.mark.parametrize("first", [-1, 65534, 70000])
def test_a_range_beyond_the_last_port_is_a_wrong_command_line(first: int) -> None:
    with pytest.raises(UsageError, match=f"--dns-port {first}: 3 clusters need 3 ports .* 1 to 65533"):
        chosen(3, first, None)
    assert chosen(3, 65533, None)[0] == [65533, 65534, 65535]


def test_ranges_that_overlap_are_a_wrong_command_line() -> None:
    with pytest.raises(UsageError, match="overlap"):
        chosen(3, 9000, 9002)


def test_when_every_port_is_taken_it_is_said() -> None:
    with pytest.raises(CliError, match="no 2 free ports in a row from 1053 on: choose some with --dns-port"):
        chosen(2, None, None, dns_is_taken=lambda _: "in use")


def free_for_both() -> int:
    """A port that nobody has over UDP or TCP; below those that the system gives to whoever asks for any."""
    return next(port for port in range(20_000, 30_000) if dns_probe(port) is None)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_is_taken_for_dns_when_another_program_has_it_over_udp_or_tcp(kind: socket.SocketKind) -> None:
    port = free_for_both()
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            other.listen()
        assert f"127.0.0.1:{port}" in (dns_probe(port) or "")
    assert dns_probe(port) is None


def test_a_port_is_taken_for_http_when_another_program_listens_on_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert "already in use" in (http_probe(port) or "")
    assert http_probe(port) is None
