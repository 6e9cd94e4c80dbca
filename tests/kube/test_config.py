"""From kubeconfigs, good and bad, to a transport: what works, and what a user is told when it does not."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from kubernetes_asyncio.client import Configuration
from kubernetes_asyncio.config.config_exception import ConfigException
from kubernetes_asyncio.config.incluster_config import InClusterConfigLoader

from mcs_controller.kube.connection.config import load_in_cluster, load_kubeconfig
from mcs_controller.kube.connection.in_cluster import settings_in_cluster
from mcs_controller.kube.connection.transport import Request
from mcs_controller.kube.errors import ConfigError
from tests.kube.http_servers import serving
from tests.kube.pki import Pki
from tests.support import kubeconfigs

SECRET = "s3cret-token"
GET = Request("GET", "/version")


async def who(request: web.Request) -> web.Response:
    assert request.transport is not None
    peer = request.transport.get_extra_info("peercert")
    certificate = dict(field[0] for field in peer["subject"])["commonName"] if peer else None
    return web.json_response([request.headers.get("Authorization"), certificate])


def kubeconfig(folder: Path, server: str, cluster: dict[str, Any], user: dict[str, Any]) -> Path:
    contexts = [
        {"name": "east", "context": {"cluster": "c", "user": "u"}},
        {"name": "nobody", "context": {"cluster": "c"}},
        {"name": "lost-user", "context": {"cluster": "c", "user": "missing"}},
        {"name": "lost-cluster", "context": {"cluster": "missing", "user": "u"}},
    ]
    config = kubeconfigs.kubeconfig(server, cluster=cluster, user=user, current="east", contexts=contexts)
    return kubeconfigs.write(folder, "kubeconfig", config)


async def told_by(path: Path, context: str | None = None) -> Any:
    transport = load_kubeconfig(path, context)
    try:
        return json.loads((await transport.request(GET, timeout_seconds=5)).body)
    finally:
        await transport.close()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def test_a_token_and_a_ca_given_as_data(tmp_path: Path, pki: Pki) -> None:
    async with serving(who, pki.server_context()) as server:
        ca = {"certificate-authority-data": encoded(pki.data("ca.crt"))}
        path = kubeconfig(tmp_path, server, ca, {"token": SECRET})
        assert await told_by(path) == [f"Bearer {SECRET}", None]
        assert await told_by(path, "nobody") == [None, None]


async def test_data_may_be_broken_into_lines(tmp_path: Path, pki: Pki) -> None:
    """As `base64` prints it, in a block text of YAML."""
    async with serving(who, pki.server_context()) as server:
        ca = {"certificate-authority-data": base64.encodebytes(pki.data("ca.crt")).decode()}
        assert await told_by(kubeconfig(tmp_path, server, ca, {"token": SECRET})) == [
            f"Bearer {SECRET}",
            None,
        ]


async def test_files_are_found_relative_to_the_kubeconfig_and_a_token_file_is_followed(
    tmp_path: Path, pki: Pki
) -> None:
    (tmp_path / "ca.crt").write_bytes(pki.data("ca.crt"))
    (tmp_path / "token").write_text("one\n")
    async with serving(who, pki.server_context()) as server:
        user = {"tokenFile": "token", "token": "fallback"}
        path = kubeconfig(tmp_path, server, {"certificate-authority": "ca.crt"}, user)
        transport = load_kubeconfig(path)
        assert json.loads((await transport.request(GET, timeout_seconds=5)).body)[0] == "Bearer one"
        (tmp_path / "token").write_text("another\n")
        assert json.loads((await transport.request(GET, timeout_seconds=5)).body)[0] == "Bearer another"
        await transport.close()


@pytest.mark.parametrize("as_data", [True, False])
async def test_a_client_certificate_identifies_us_and_leaves_no_file_behind(
    tmp_path: Path, pki: Pki, as_data: bool
) -> None:
    if as_data:
        user = {
            "client-certificate-data": encoded(pki.data("client.crt")),
            "client-key-data": encoded(pki.data("client.key")),
        }
    else:
        user = {"client-certificate": str(pki.path("client.crt")), "client-key": str(pki.path("client.key"))}
    async with serving(who, pki.server_context(ask_client=True)) as server:
        cluster = {"certificate-authority": str(pki.path("ca.crt"))}
        assert await told_by(kubeconfig(tmp_path, server, cluster, user)) == [None, "client"]
    assert os.listdir(tmp_path) == ["kubeconfig"]


async def test_an_exec_plugin_is_run_with_the_cluster_it_is_for(tmp_path: Path, pki: Pki) -> None:
    script = tmp_path / "login"
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "x"},
    }
    script.write_text(
        f"#!/bin/sh\necho \"$KUBERNETES_EXEC_INFO\" > {tmp_path}/info\necho '{json.dumps(answer)}'\n"
    )
    script.chmod(0o755)
    user = {
        "exec": {
            "command": "./login",
            "apiVersion": "client.authentication.k8s.io/v1",
            "provideClusterInfo": True,
            "interactiveMode": "Never",
        }
    }
    async with serving(who, pki.server_context()) as server:
        path = kubeconfig(tmp_path, server, {"certificate-authority": str(pki.path("ca.crt"))}, user)
        assert (await told_by(path))[0] == "Bearer x"
        cluster = json.loads((tmp_path / "info").read_text())["spec"]["cluster"]
        assert cluster["server"] == server
        assert base64.b64decode(cluster["certificate-authority-data"]) == pki.data("ca.crt")


async def test_a_user_name_and_password_are_sent_as_basic(tmp_path: Path) -> None:
    async with serving(who) as server:
        path = kubeconfig(tmp_path, server, {}, {"username": "a", "password": "b"})
        assert (await told_by(path))[0] == f"Basic {encoded(b'a:b')}"


async def test_a_proxy_is_used_when_the_kubeconfig_or_the_environment_names_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    async def proxy(request: web.BaseRequest) -> web.Response:
        seen.append(str(request.url))
        return web.json_response([])

    monkeypatch.setenv("no_proxy", "")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with serving(proxy) as address:
        await told_by(kubeconfig(tmp_path, "http://east.test:6443", {"proxy-url": address}, {}))
        monkeypatch.setenv("http_proxy", address)
        await told_by(kubeconfig(tmp_path, "http://west.test:6443", {}, {}))
    assert seen == ["http://east.test:6443/version", "http://west.test:6443/version"]


def one_line(error: ConfigError) -> str:
    text = str(error)
    assert "\n" not in text
    assert SECRET not in text
    return text


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (f"a: [{SECRET}\nb: }}", "is not valid YAML at line 2"),
        (f"token: '{SECRET}", "is not valid YAML"),
        ("\0", "is not valid YAML"),
        ("", "is no kubeconfig"),
        ("just text", "is no kubeconfig"),
        ("- a\n- b", "is no kubeconfig"),
        ("clusters: {}", "is no kubeconfig"),
        ("clusters: []", "has no current-context: name a context .it has none."),
        ("clusters: []\ncurrent-context: a", "has no context 'a': it has none"),
        ("clusters: []\ncurrent-context: a\ncontexts: 5", "has no context 'a'"),
        ("clusters: []\ncurrent-context: a\ncontexts: [{name: a}]", "Expected key context"),
        (
            "clusters: []\ncurrent-context: a\ncontexts: [{name: a, context: {user: b}}]",
            "Expected key cluster",
        ),
        ("clusters: [5]\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: b}}]", "not the shape"),
        (
            "clusters: [{name: b, cluster: 5}]\n"
            "current-context: a\n"
            "contexts: [{name: a, context: {cluster: b}}]",
            "not the shape",
        ),
    ],
)
def test_a_broken_kubeconfig_is_one_line_that_names_the_file(
    tmp_path: Path, content: str, complaint: str
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_kubeconfig(path)
    assert str(path) in one_line(caught.value)


@pytest.mark.parametrize(
    ("context", "complaint"),
    [
        ("west", "has no context 'west': it has east, lost-cluster, lost-user, nobody"),
        ("lost-user", "the context's user 'missing' is not among the users"),
        ("lost-cluster", "Expected object with name missing in .*clusters"),
    ],
)
def test_a_context_that_leads_nowhere_is_told(tmp_path: Path, context: str, complaint: str) -> None:
    path = kubeconfig(tmp_path, "https://127.0.0.1:1", {}, {"token": SECRET})
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_kubeconfig(path, context)
    one_line(caught.value)


EXEC = {"command": "no-such-login-plugin", "apiVersion": "client.authentication.k8s.io/v1"}


@pytest.mark.parametrize(
    ("server", "cluster", "user", "complaint"),
    [
        ("127.0.0.1:6443", {}, {}, "is no URL of an API server: it must look like https://host:port"),
        ("ftp://east", {}, {}, "is no URL"),
        (f"admin:{SECRET}@east:6443", {}, {}, "server '[*]{3}@east:6443' is no URL"),
        (f"https://admin:{SECRET}@east:port", {}, {}, "server '[*]{3}@east:port' is no URL"),
        (f"https://admin:{SECRET}@east", {}, {}, "holds a user name"),
        ("https://east:port", {}, {}, "is no URL"),
        ("https://east..example:6443", {}, {}, "server 'https://east..example:6443' is no URL"),
        (f"https://{'e' * 64}.example", {}, {}, "is no URL"),
        ("https://.:6443", {}, {}, "is no URL"),
        ("https://admin:pw@east", {}, {}, "holds a user name"),
        ("https://east", {"proxy-url": "socks5://x"}, {}, "only http and https proxies"),
        (
            "https://east",
            {"certificate-authority": "missing.crt"},
            {},
            "CA file .*missing.crt cannot be read",
        ),
        ("https://east", {"certificate-authority-data": "%%%"}, {}, "is not base64"),
        ("https://east", {"certificate-authority-data": "bm8gcGVt"}, {}, "is no PEM certificate"),
        ("https://east", {}, {"client-certificate": "c.crt"}, "without its client key"),
        (
            "https://east",
            {},
            {"client-certificate": "c", "client-key": "k"},
            "client certificate file .* cannot",
        ),
        ("https://east", {}, {"token": f"{SECRET} x"}, "holds no bearer token"),
        ("https://east", {}, {"auth-provider": {"name": "gcp"}}, "'auth-provider' are not supported"),
        ("https://east", {}, {"as": "admin", "token": SECRET}, "'as' are not supported"),
        ("https://east", {}, {"exec": EXEC}, "no-such-login-plugin is not there: install it"),
        ("https://east", {}, {"exec": {**EXEC, "installHint": "brew it\nnow"}}, "is not there: brew it now"),
        (
            "https://east",
            {},
            {"exec": {**EXEC, "apiVersion": "v1alpha1"}},
            "apiVersion v1alpha1 is not one of",
        ),
        ("https://east", {}, {"exec": {**EXEC, "interactiveMode": "Always"}}, "needs a terminal"),
        ("https://east", {}, {"exec": {"command": "x"}}, "Expected key apiVersion"),
    ],
)
def test_an_entry_that_cannot_be_used_is_told(
    tmp_path: Path, server: str, cluster: dict[str, Any], user: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_kubeconfig(kubeconfig(tmp_path, server, cluster, user))
    one_line(caught.value)


def test_a_missing_kubeconfig_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist: give the path of a kubeconfig file"):
        load_kubeconfig(tmp_path / "nothing")


def test_a_folder_and_a_binary_file_are_no_kubeconfigs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_kubeconfig(tmp_path)
    path = tmp_path / "binary"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not text"):
        load_kubeconfig(path)


async def test_a_pods_service_account_is_used_and_its_token_followed(tmp_path: Path, pki: Pki) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    async with serving(who, pki.server_context()) as server:
        host, port = server.removeprefix("https://").split(":")
        environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
        transport = load_in_cluster(token_file=token, ca_file=pki.path("ca.crt"), environment=environment)
        assert json.loads((await transport.request(GET, timeout_seconds=5)).body)[0] == "Bearer one"
        token.write_text("other\n")
        assert json.loads((await transport.request(GET, timeout_seconds=5)).body)[0] == "Bearer other"
        await transport.close()


IN_CLUSTER = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.mark.parametrize(
    ("environment", "files", "complaint"),
    [
        ({}, (), "Service host/port is not set"),
        ({**IN_CLUSTER, "KUBERNETES_SERVICE_PORT": ""}, (), "is set but empty"),
        (IN_CLUSTER, ("ca.crt",), "token file does not exist"),
        (IN_CLUSTER, ("token",), "certification file does not exist"),
        (IN_CLUSTER, ("token", "ca.crt"), "is no PEM certificate"),
        (IN_CLUSTER, ("ca.crt", "token/"), "token file does not exist"),
        (IN_CLUSTER, ("ca.crt", "token-empty"), "token file is empty"),
        (IN_CLUSTER, ("token", "ca.crt-empty"), "certification file is empty"),
    ],
)
def test_outside_of_a_pod_there_is_no_in_cluster_configuration(
    tmp_path: Path, environment: dict[str, str], files: tuple[str, ...], complaint: str
) -> None:
    for name in files:
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            (tmp_path / name.removesuffix("-empty")).write_text("" if name.endswith("-empty") else "no pem")
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_in_cluster(token_file=tmp_path / "token", ca_file=tmp_path / "ca.crt", environment=environment)
    assert "give a kubeconfig" in one_line(caught.value)


async def test_an_ipv6_service_address_becomes_a_url(tmp_path: Path, pki: Pki) -> None:
    (tmp_path / "token").write_text("x")
    transport = load_in_cluster(
        token_file=tmp_path / "token", ca_file=pki.path("ca.crt"), environment=IN_CLUSTER
    )
    assert repr(transport) == "HttpTransport(https://[fd00::1]:443)"
    await transport.close()


@pytest.mark.parametrize("host", ["10.0.0.1", "east.test", "fd00::1", "fe80::1%eth0", "%", ""])
@pytest.mark.parametrize("port", ["443", "0", ""])
def test_a_pods_environment_says_the_same_to_us_as_to_the_kubernetes_library(
    tmp_path: Path, host: str, port: str
) -> None:
    for name in ("token", "ca.crt"):
        (tmp_path / name).write_text("x")
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    configuration = Configuration()
    theirs = InClusterConfigLoader(
        token_filename=str(tmp_path / "token"),
        cert_filename=str(tmp_path / "ca.crt"),
        try_refresh_token=False,
        environ=environment,
    )
    try:
        theirs.load_and_set(configuration)
        expected = configuration.host
    except ConfigException:
        expected = None
    try:
        server = settings_in_cluster(tmp_path / "token", tmp_path / "ca.crt", environment).server
    except ConfigError:
        server = None
    assert server == expected
