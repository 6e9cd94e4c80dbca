import socket

import pytest

from mcs_controller.observe.listening import ListenAddress, ListenError, listen_tcp


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (":8080", "", 8080),
        ("0.0.0.0:53", "0.0.0.0", 53),
        ("[::1]:0", "::1", 0),
        ("localhost:65535", "localhost", 65535),
    ],
)
def test_an_address_is_read_and_written_the_same(text: str, host: str, port: int) -> None:
    address = ListenAddress.parse(text)
    assert (address.host, address.port, str(address)) == (host, port, text)


@pytest.mark.parametrize("text", ["", "8080", "host:", ":http", ":-1", ":65536", "::1:53", ":²"])
def test_what_is_no_address_is_refused_with_the_text_in_the_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"ADDRESS:PORT|brackets") as refused:
        ListenAddress.parse(text)
    assert repr(text) in str(refused.value)


def test_no_host_listens_on_both_families_where_the_machine_has_both() -> None:
    (listener,) = listen_tcp(ListenAddress("", 0))
    with listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        if socket.has_dualstack_ipv6():
            with socket.create_connection(("::1", port), timeout=5):
                pass


def test_port_0_becomes_one_port_for_every_address_of_a_name() -> None:
    sockets = listen_tcp(ListenAddress("localhost", 0))
    ports = {listener.getsockname()[1] for listener in sockets}
    for listener in sockets:
        listener.close()
    assert len(ports) == 1


def test_a_port_in_use_names_the_address_and_the_cure() -> None:
    (first,) = listen_tcp(ListenAddress("127.0.0.1", 0))
    with first:
        port = first.getsockname()[1]
        with pytest.raises(ListenError) as refused:
            listen_tcp(ListenAddress("127.0.0.1", port))
    text = str(refused.value)
    assert f"cannot listen on 127.0.0.1:{port}: the port is already in use" in text
    assert "choose another port" in text


def test_an_address_of_another_machine_is_explained() -> None:
    with pytest.raises(ListenError, match="this machine has no such address"):
        listen_tcp(ListenAddress("192.0.2.1", 0))


def test_an_unknown_name_is_explained() -> None:
    with pytest.raises(ListenError, match="is not known"):
        listen_tcp(ListenAddress("no-such-host.invalid", 0))


def test_a_port_that_only_root_may_use_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(socket.socket):
        def bind(self, address: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mcs_controller.observe.listening.socket.socket", Refusing)
    with pytest.raises(ListenError, match="permission denied; choose a port from 1024"):
        listen_tcp(ListenAddress("127.0.0.1", 53))
