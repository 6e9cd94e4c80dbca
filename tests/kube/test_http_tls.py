"""Certificates that the transport trusts, shows, follows when they are rotated, and refuses."""

from typing import Any

import pytest
from aiohttp import web

from mcs_controller.kube.connection.credentials import StaticCredential
from mcs_controller.kube.connection.http_transport import HttpTransport
from mcs_controller.kube.connection.tls import TlsSettings
from mcs_controller.kube.connection.transport import Request
from mcs_controller.kube.errors import (
    ConfigError,
    Unreachable,
)
from tests.kube.http_servers import echo, serving, transport_to
from tests.kube.pki import Pki


async def test_a_trusted_certificate_and_a_client_certificate_work_from_data(get: Request, pki: Pki) -> None:
    async def who(request: web.Request) -> web.Response:
        assert request.transport is not None
        peer = request.transport.get_extra_info("peercert")
        return web.Response(text=str(dict(field[0] for field in peer["subject"])["commonName"]))

    tls = TlsSettings(ca=pki.data("ca.crt"), certificate=pki.data("client.crt"), key=pki.data("client.key"))
    async with (
        serving(who, pki.server_context(ask_client=True)) as server,
        transport_to(server, tls=tls) as transport,
    ):
        assert (await transport.request(get, timeout_seconds=5)).body == b"client"


async def test_an_untrusted_certificate_is_unreachable_and_the_text_says_why(get: Request, pki: Pki) -> None:
    async with (
        serving(echo, pki.server_context()) as server,
        transport_to(server, tls=TlsSettings(ca=pki.path("other.crt"))) as transport,
    ):
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            await transport.request(get, timeout_seconds=5)


async def test_insecure_means_that_any_certificate_will_do(get: Request, pki: Pki) -> None:
    async with (
        serving(echo, pki.server_context()) as server,
        transport_to(server, tls=TlsSettings(insecure=True)) as transport,
    ):
        assert (await transport.request(get, timeout_seconds=5)).status == 200


async def test_the_servers_name_may_differ_from_its_address(get: Request, pki: Pki) -> None:
    async with serving(echo, pki.server_context()) as server:
        for name, fits in (("apiserver.test", True), ("other.test", False)):
            tls = TlsSettings(ca=pki.path("ca.crt"), server_name=name)
            async with transport_to(server, tls=tls) as transport:
                if fits:
                    assert (await transport.request(get, timeout_seconds=5)).status == 200
                else:
                    with pytest.raises(Unreachable):
                        await transport.request(get, timeout_seconds=5)


async def test_after_a_failure_the_next_request_trusts_what_the_ca_file_holds_by_then(
    get: Request, pki: Pki, tmp_path: Any
) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_bytes(pki.data("other.crt"))
    async with (
        serving(echo, pki.server_context()) as server,
        transport_to(server, tls=TlsSettings(ca=ca)) as transport,
    ):
        with pytest.raises(Unreachable):
            await transport.request(get, timeout_seconds=5)
        ca.write_bytes(pki.data("ca.crt"))
        assert (await transport.request(get, timeout_seconds=5)).status == 200


async def test_a_rotated_ca_file_is_followed_and_a_half_written_one_is_not(
    get: Request, pki: Pki, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mcs_controller.kube.connection.http_transport.TLS_CHECK_SECONDS", -1.0)
    ca = tmp_path / "ca.crt"
    ca.write_bytes(pki.data("other.crt"))
    async with (
        serving(echo, pki.server_context()) as server,
        transport_to(server, tls=TlsSettings(ca=ca)) as transport,
    ):
        with pytest.raises(Unreachable):
            await transport.request(get, timeout_seconds=5)
        ca.write_bytes(pki.data("ca.crt"))
        assert (await transport.request(get, timeout_seconds=5)).status == 200
        for half_written in (b"", b"-----BEGIN CERT"):
            ca.write_bytes(half_written)
            assert (await transport.request(get, timeout_seconds=5)).status == 200
        assert "cannot be used yet" in caplog.text


@pytest.mark.parametrize(
    "settings",
    [
        TlsSettings(ca=b"no pem"),
        TlsSettings(ca=b""),
        TlsSettings(ca=b"\xff\xff"),
        TlsSettings(insecure=True, certificate=b"no pem", key=b"no pem"),
        TlsSettings(insecure=True, certificate=b"no key"),
    ],
)
def test_certificates_that_cannot_be_used_are_refused_before_the_first_request(settings: TlsSettings) -> None:
    with pytest.raises(ConfigError):
        HttpTransport("https://127.0.0.1:1", credential=StaticCredential(), tls=settings)
