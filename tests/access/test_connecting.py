"""From a ClusterProfile to answers of its cluster, with real plugins and real HTTP servers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from mcs_controller.access.connecting import connect
from mcs_controller.access.errors import UnusableProfile
from mcs_controller.access.metrics import AccessMetrics
from mcs_controller.api.resources import NAMESPACES
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import ConfigError, KubeError, Unauthorized, Unreachable
from tests.access.profiles import CONFIG, FakePlugin, Json, ca_data, entry, offer, profile, providers
from tests.kube.http_servers import serving
from tests.kube.pki import Pki
from tests.support.waiting import eventually


class ApiServer:
    """Answers anything, and keeps the headers it was asked with; it refuses the tokens in `refused`."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.hosts: list[str] = []
        self.refused: set[str] = set()

    @property
    def tokens(self) -> list[str]:
        return [one.get("Authorization", "").removeprefix("Bearer ") for one in self.asked]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(dict(request.headers))
        self.hosts.append(request.headers["Host"])
        if self.tokens[-1] in self.refused:
            status = {
                "kind": "Status",
                "status": "Failure",
                "reason": "Unauthorized",
                "message": "Unauthorized",
            }
            return web.json_response({**status, "code": 401}, status=401)
        return web.json_response({"gitVersion": "v1.36.0"})


@asynccontextmanager
async def client_of(found: Json, folder: Path, *, metrics: AccessMetrics | None = None, **changes: Any) -> (
    AsyncIterator[Client]
):  # fmt: skip
    """A client for the profile's cluster, with the plugin in `folder`."""
    known = providers(entry(command="./plugin", **changes), folder=folder)
    client = Client(connect(found, known, metrics=metrics), name="east")
    try:
        yield client
    finally:
        await client.close()


def has_ended(process: Path) -> bool:
    """Of its file in /proc: ended, whether or not anybody has asked for its exit code."""
    return not process.exists() or process.read_text().rpartition(")")[2].split()[0] == "Z"


async def version(client: Client) -> object:
    """What the cluster answers."""
    return (await client.get_raw("/version"))["gitVersion"]


@pytest.mark.requirement("CP-22")
async def test_the_plugin_runs_with_our_environment_its_variables_and_the_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin, api = FakePlugin(tmp_path), ApiServer()
    monkeypatch.setenv("OF_THE_CALLER", "kept")
    async with serving(api.handle) as server:
        found = profile(offer(server=server, extensions={CONFIG: {"clusterName": "east"}}))
        env = [{"name": "OF_THE_FILE", "value": "given"}]
        async with client_of(found, tmp_path, args=["get", "token"], env=env) as client:
            assert await version(client) == "v1.36.0"
    (run,) = plugin.runs
    assert run["argv"] == ["get", "token"]
    assert run["environment"]["OF_THE_CALLER"] == "kept"
    assert run["environment"]["OF_THE_FILE"] == "given"
    assert run["environment"]["PATH"] == os.environ["PATH"]
    # Without provideClusterInfo nothing of the cluster is told, and nobody is ever asked for anything.
    assert plugin.info == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }
    assert api.tokens == ["token-number-1"]


@pytest.mark.requirement("CP-22", "CP-23", "CP-27")
async def test_with_provide_cluster_info_the_plugin_is_told_all_of_the_cluster(
    tmp_path: Path, pki: Pki
) -> None:
    plugin, api = FakePlugin(tmp_path), ApiServer()
    config = {"clusterName": "east", "nested": {"list": [1, None]}}
    async with serving(api.handle, pki.server_context()) as server:
        found = profile(
            offer(
                server=server,
                certificate_authority_data=ca_data(pki.data("ca.crt")),
                tls_server_name="apiserver.test",
                disable_compression=True,
                extensions={CONFIG: config, "of.others/thing": {"x": 1}},
            )
        )
        async with client_of(found, tmp_path, provideClusterInfo=True) as client:
            await version(client)
        assert plugin.info["spec"] == {
            "interactive": False,
            "cluster": {
                "server": server,
                "tls-server-name": "apiserver.test",
                "certificate-authority-data": ca_data(pki.data("ca.crt")),
                "disable-compression": True,
                "config": config,
            },
        }


@pytest.mark.requirement("CP-25")
async def test_a_profile_cannot_write_what_the_plugin_is_told_in_the_protocol(tmp_path: Path) -> None:
    plugin, api = FakePlugin(tmp_path), ApiServer()
    envs = "clusterprofiles.multicluster.x-k8s.io/exec/additional-envs"
    async with serving(api.handle) as server:
        lying = profile(offer(server=server, extensions={envs: {"KUBERNETES_EXEC_INFO": "mine"}}))
        with pytest.raises(UnusableProfile, match="KUBERNETES_EXEC_INFO"):
            async with client_of(lying, tmp_path, profileSourcedEnvVarsPolicy="Replace"):
                pass
        assert not plugin.runs
        honest = profile(offer(server=server, extensions={envs: {"ROLE": "x"}}))
        async with client_of(honest, tmp_path, profileSourcedEnvVarsPolicy="Replace") as client:
            await version(client)
    assert plugin.info["kind"] == "ExecCredential"
    assert plugin.runs[0]["environment"]["ROLE"] == "x"


@pytest.mark.requirement("CP-27")
async def test_ca_name_and_insecure_decide_whom_the_client_trusts(tmp_path: Path, pki: Pki) -> None:
    FakePlugin(tmp_path)
    api = ApiServer()
    ca, other = (ca_data(pki.data(name)) for name in ("ca.crt", "other.crt"))
    async with serving(api.handle, pki.server_context()) as server:
        for trusted, fields in (
            (True, {"certificate_authority_data": ca}),
            (True, {"certificate_authority_data": ca, "tls_server_name": "apiserver.test"}),
            (True, {"insecure_skip_tls_verify": True}),
            (False, {}),
            (False, {"certificate_authority_data": other}),
            (False, {"certificate_authority_data": ca, "tls_server_name": "west.test"}),
        ):
            asked_before = len(api.asked)
            async with client_of(profile(offer(server=server, **fields)), tmp_path) as client:
                if trusted:
                    assert await version(client) == "v1.36.0"
                else:
                    with pytest.raises(Unreachable, match="certificate"):
                        await version(client)
                    # The credential never left.
                    assert len(api.asked) == asked_before


@pytest.mark.requirement("CP-27")
async def test_requests_go_through_the_profiles_proxy(tmp_path: Path, pki: Pki) -> None:
    FakePlugin(tmp_path)
    api = ApiServer()
    heads: list[str] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """As a proxy does for TLS: it connects, and sees nothing of what is said."""
        while chunk := await reader.read(65_536):
            writer.write(chunk)
        writer.close()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        host, _, port = heads[-1].split()[1].partition(":")
        upstream, to_upstream = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(pass_on(reader, to_upstream), pass_on(upstream, writer))

    listening = await asyncio.start_server(proxy, "127.0.0.1", 0)
    proxy_url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening, serving(api.handle, pki.server_context()) as server:
        ca = ca_data(pki.data("ca.crt"))
        found = profile(offer(server=server, proxy_url=proxy_url, certificate_authority_data=ca))
        async with client_of(found, tmp_path) as client:
            assert await version(client) == "v1.36.0"
    assert [one.split()[:2] for one in heads] == [["CONNECT", server.removeprefix("https://")]]
    assert api.tokens == ["token-number-1"]
    assert "token-number" not in heads[0]


@pytest.mark.requirement("CP-27")
@pytest.mark.parametrize(("disabled", "coding"), [(True, "identity"), (False, "gzip")])
async def test_lists_are_asked_for_uncompressed_where_the_profile_says_so(
    tmp_path: Path, disabled: bool, coding: str
) -> None:
    FakePlugin(tmp_path)
    api = ApiServer()
    async with serving(api.handle) as server:
        found = profile(offer(server=server, disable_compression=disabled))
        async with client_of(found, tmp_path) as client:
            with pytest.raises(KubeError):
                await client.list(NAMESPACES)
    assert api.asked[0]["Accept-Encoding"].startswith(coding)


@pytest.mark.requirement("CP-28", "CP-29")
async def test_a_credential_is_used_until_it_is_refused_and_its_fetches_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcs_controller.kube.connection.credentials.RENEWED_LATELY_SECONDS", 0.0)
    plugin, api, registry = FakePlugin(tmp_path), ApiServer(), CollectorRegistry()
    async with serving(api.handle) as server:
        found = profile(offer(server=server))
        async with client_of(found, tmp_path, metrics=AccessMetrics(registry)) as client:
            for _ in range(5):
                await version(client)
            assert len(plugin.runs) == 1
            api.refused.add("token-number-1")
            await version(client)
            assert len(plugin.runs) == 2
            plugin.fail()
            api.refused.add("token-number-2")
            with pytest.raises(Unauthorized):
                await version(client)

    def sample(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"mcs_access_credential_{name}", {"provider": "plugin", **labels})

    assert sample("fetches_total", result="ok") == 2
    assert sample("fetches_total", result="error") == 1
    assert sample("fetch_duration_seconds_count") == 3


@pytest.mark.requirement("CP-28")
async def test_an_expired_credential_is_not_used(tmp_path: Path) -> None:
    plugin, api = (
        FakePlugin(tmp_path, token="token-number-RUNS", expirationTimestamp="2020-01-01T00:00:00Z"),
        (ApiServer()),
    )
    async with serving(api.handle) as server, client_of(profile(offer(server=server)), tmp_path) as client:
        await version(client)
        await version(client)
    assert api.tokens == ["token-number-1", "token-number-2"]
    assert len(plugin.runs) == 2


async def test_a_plugin_that_fails_is_an_error_without_its_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plugin, api = FakePlugin(tmp_path), ApiServer()
    plugin.fail()
    async with serving(api.handle) as server, client_of(profile(offer(server=server)), tmp_path) as client:
        with pytest.raises(ConfigError, match="failed with exit code 1") as caught:
            await version(client)
    assert not api.asked
    assert "s3cret" not in str(caught.value) + caplog.text


@pytest.mark.requirement("CP-22")
async def test_a_plugin_that_hangs_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcs_controller.kube.connection.credentials.EXEC_TIMEOUT_SECONDS", 1.0)
    FakePlugin(tmp_path)
    (tmp_path / "plugin").write_text(f"#!/bin/sh\nsleep 600 & echo $! >{tmp_path}/child; wait\n")
    async with client_of(profile(offer(server="http://127.0.0.1:9")), tmp_path) as client:
        with pytest.raises(ConfigError, match="did not answer within"):
            await version(client)
    child = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")

    async def is_gone() -> bool:
        return has_ended(child)

    assert await eventually(is_gone)


@pytest.mark.parametrize(
    ("command", "complaint"),
    [("./nothing", "nothing is not there: get it at example.org"), ("no-such-login", "is not there")],
)
def test_a_plugin_that_is_not_installed_is_known_before_anything_is_asked(
    tmp_path: Path, command: str, complaint: str
) -> None:
    known = providers(entry(command=command, installHint="get it at\n example.org"), folder=tmp_path)
    with pytest.raises(UnusableProfile, match=complaint):
        connect(profile(offer()), known)


def test_a_ca_that_is_none_is_known_before_anything_is_asked(tmp_path: Path) -> None:
    FakePlugin(tmp_path)
    pem = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    found = profile(offer(certificate_authority_data=ca_data(pem)))
    with pytest.raises(UnusableProfile, match="is no PEM certificate"):
        connect(found, providers(entry(command="./plugin"), folder=tmp_path))
