"""What a user is told of a configuration that cannot be used: all of it, since it says what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mcs_controller.kube.connection.config import load_in_cluster, load_kubeconfig
from mcs_controller.kube.connection.credentials import ExecCredential, ExecPlugin, TokenFile
from mcs_controller.kube.errors import ConfigError
from tests.kube.test_config import kubeconfig

VERSION = "client.authentication.k8s.io/v1"
LOGIN = {"command": "no-such-login", "apiVersion": VERSION}
SHAPE = ": the file has not the shape of a kubeconfig"
NO_URL = "is no URL of an API server: it must look like https://host:port"
NO_FILE = "cannot be read: No such file or directory: give the path of a PEM file"
UNSUPPORTED = "are not supported, use an exec plugin or a token"
NO_CLUSTERS = " is no kubeconfig: it has no list of clusters"
HALF = "contexts: [{name: a, context: {cluster: b}}]"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a: [b\nc: }", " is not valid YAML at line 2, column 2: correct it or create it again"),
        ("\0", " is not valid YAML: correct it or create it again"),
        ("users: !!bool s3cret", " is not valid YAML: correct it or create it again"),
        ("users: !!timestamp s3cret", " is not valid YAML: correct it or create it again"),
        ("[" * 5000, " is not valid YAML: correct it or create it again"),
        ("just text", NO_CLUSTERS),
        ("clusters: {}", NO_CLUSTERS),
        ("clusters: []", " has no current-context: name a context (it has none)"),
        (
            "clusters: []\ncontexts: [{name: b}, 5, {x: y}]",
            " has no current-context: name a context (it has b)",
        ),
        ("clusters: []\ncurrent-context: a", " has no context 'a': it has none"),
        (
            "clusters: []\ncurrent-context: 1\ncontexts: [{name: b}, {name: a}]",
            " has no context '1': it has a, b",
        ),
        (f"clusters: [5]\ncurrent-context: a\n{HALF}", SHAPE),
        (f"clusters: [{{name: b, cluster: 5}}]\ncurrent-context: a\n{HALF}", SHAPE),
        (
            f"clusters: [{{name: b, cluster: {{server: 5}}}}]\ncurrent-context: a\n{HALF}",
            ": server is not text",
        ),
    ],
)
def test_of_a_broken_kubeconfig_it_is_told_which_it_is_and_what_is_wrong(
    tmp_path: Path, content: str, told: str
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_kubeconfig(path)
    assert str(caught.value) == f"kubeconfig {path}{told}"


@pytest.mark.parametrize(
    ("server", "cluster", "user", "told"),
    [
        ("ftp://east", {}, {}, f"server 'ftp://east' {NO_URL}"),
        ("https://", {}, {}, f"server 'https:' {NO_URL}"),
        ("https://east:0", {}, {}, f"server 'https://east:0' {NO_URL}"),
        ("https://a:b@c@east:port", {}, {}, f"server '***@east:port' {NO_URL}"),
        ("x" * 300, {}, {}, f"server '{'x' * 256}' {NO_URL}"),
        ("https://east", {"proxy-url": "socks5://x"}, {}, "only http and https proxies are supported"),
        (
            "https://east",
            {"proxy-url": f"http://{'x' * 64}:3128"},
            {},
            "the proxy's URL cannot be read: it must look like http://host:port",
        ),
        ("https://east", {"certificate-authority": "ca"}, {}, f"the CA file {{folder}}/ca {NO_FILE}"),
        ("https://east", {"certificate-authority-data": "%"}, {}, "certificate-authority-data is not base64"),
        (
            "https://east",
            {"certificate-authority-data": "bm8gcGVt"},
            {},
            "the CA certificate in the kubeconfig is no PEM certificate",
        ),
        (
            "https://east",
            {"certificate-authority-data": "/w=="},
            {},
            "the CA certificate in the kubeconfig is no PEM certificate",
        ),
        (
            "https://east",
            {"certificate-authority": "kubeconfig"},
            {},
            "the CA certificate {folder}/kubeconfig is no PEM certificate",
        ),
        (
            "https://east",
            {},
            {"client-certificate": "c"},
            "a client certificate is given without its client key",
        ),
        (
            "https://east",
            {},
            {"client-certificate": "c", "client-key": "kubeconfig"},
            f"the client certificate file {{folder}}/c {NO_FILE}",
        ),
        (
            "https://east",
            {},
            {"client-certificate": "kubeconfig", "client-key": "k"},
            f"the client key file {{folder}}/k {NO_FILE}",
        ),
        (
            "https://east",
            {},
            {"client-certificate": "kubeconfig", "client-key": "kubeconfig"},
            "the client certificate and key are no matching pair in PEM",
        ),
        (
            "https://east",
            {},
            {"token": "a b"},
            "the kubeconfig's token holds no bearer token, since it has spaces or odd characters: correct it",
        ),
        ("https://east", {}, {"token": " "}, "the kubeconfig's token is empty: it must hold a bearer token"),
        ("https://east", {}, {"auth-provider": {"name": "x"}}, f"users with 'auth-provider' {UNSUPPORTED}"),
        ("https://east", {}, {"as": "admin"}, f"users with 'as' {UNSUPPORTED}"),
        (
            "https://east",
            {},
            {"exec": LOGIN},
            "exec plugin no-such-login is not there: install it or correct the command",
        ),
        (
            "https://east",
            {},
            {"exec": {**LOGIN, "apiVersion": "v0"}},
            f"exec plugin no-such-login: apiVersion v0 is not one of ('{VERSION}', '{VERSION}beta1')",
        ),
        (
            "https://east",
            {},
            {"exec": {**LOGIN, "interactiveMode": "Always"}},
            "exec plugin no-such-login needs a terminal, which this program has not",
        ),
    ],
)
def test_of_an_entry_that_cannot_be_used_it_is_told_which_and_why(
    tmp_path: Path, server: str, cluster: dict[str, Any], user: dict[str, Any], told: str
) -> None:
    path = kubeconfig(tmp_path, server, cluster, user)
    with pytest.raises(ConfigError) as caught:
        load_kubeconfig(path)
    assert str(caught.value) == f"kubeconfig {path}: " + told.replace("{folder}", str(tmp_path))


def test_of_files_that_are_no_kubeconfigs_it_is_told_what_to_give_instead(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    give = "give the path of a kubeconfig file"
    for path, told in (
        (tmp_path / "no", f"does not exist: {give}"),
        (tmp_path, "cannot be read: Is a directory: check the path and its rights"),
        (binary, f"is not text: {give}"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_kubeconfig(path)
        assert str(caught.value) == f"kubeconfig {path} {told}"


HOST = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
PORT = {"KUBERNETES_SERVICE_PORT": "443"}


@pytest.mark.parametrize(
    ("environment", "token", "ca", "told"),
    [
        (HOST, "t", "c", "Service host/port is not set (KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT)."),
        (PORT, "t", "c", "Service host/port is not set (KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT)."),
        (
            {**HOST, "KUBERNETES_SERVICE_PORT": ""},
            "t",
            "c",
            "Service host/port is set but empty (KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT).",
        ),
        ({**HOST, **PORT}, None, "c", "Service token file does not exist: {folder}/token."),
        ({**HOST, **PORT}, "", "c", "Service token file is empty: {folder}/token."),
        ({**HOST, **PORT}, "t", None, "Service certification file does not exist: {folder}/ca.crt."),
        ({**HOST, **PORT}, "t", "", "Service certification file is empty: {folder}/ca.crt."),
    ],
)
def test_of_what_a_pod_lacks_it_is_told_what_and_what_to_do(
    tmp_path: Path, environment: dict[str, str], token: str | None, ca: str | None, told: str
) -> None:
    for name, content in (("token", token), ("ca.crt", ca)):
        if content is not None:
            (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_in_cluster(token_file=tmp_path / "token", ca_file=tmp_path / "ca.crt", environment=environment)
    assert str(caught.value) == (
        f"no in-cluster configuration: {told} Run in a pod with a service account, or give a kubeconfig"
    ).replace("{folder}", str(tmp_path))


def answering(version: str | None, **status: str) -> str:
    """A script that prints an ExecCredential."""
    return f"echo '{json.dumps({'apiVersion': version, 'status': status})}'"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("exit 3", "failed with exit code 3: "),
        ("echo 'no  way\nout' >&2; exit 1", "failed with exit code 1: no way out"),
        ("echo nothing", "did not print JSON: correct its command and arguments"),
        ("echo '[]'", "printed no ExecCredential with a status"),
        ("echo '{}'", "printed no ExecCredential with a status"),
        (answering(None), f"did not answer in {VERSION}"),
        (answering(VERSION), "gave neither a token nor a certificate"),
        (answering(VERSION, clientKeyData="k"), "gave only a certificate, or only its key: both are needed"),
        (
            answering(VERSION, token="a b"),
            "holds no bearer token, since it has spaces or odd characters: correct it",
        ),
        (
            answering(VERSION, token="a", expirationTimestamp="soon"),
            "gave no readable expirationTimestamp",
        ),
        (
            answering(VERSION, token="a", expirationTimestamp="2026-01-01T00:00:00"),
            "gave an expirationTimestamp without a time zone",
        ),
    ],
)
async def test_of_an_exec_plugin_that_gives_nothing_it_is_told_what_it_did_instead(
    tmp_path: Path, script: str, told: str
) -> None:
    login = tmp_path / "login"
    login.write_text(f"#!/bin/sh\n{script}\n")
    login.chmod(0o755)
    credential = ExecCredential(ExecPlugin(str(login), (), VERSION))
    with pytest.raises(ConfigError) as caught:
        await credential.authorization()
    assert str(caught.value) == f"exec plugin {login} {told}"
    await credential.close()


async def test_of_a_token_file_or_an_exec_plugin_that_cannot_be_opened_the_reason_is_told(
    tmp_path: Path,
) -> None:
    text = tmp_path / "text"
    text.write_bytes(b"\xff")
    for path, reason in (
        (tmp_path / "no", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (text, "UnicodeDecodeError"),
    ):
        with pytest.raises(ConfigError) as caught:
            await TokenFile(path).authorization()
        assert str(caught.value) == f"token file {path} cannot be read: {reason}"
    with pytest.raises(ConfigError) as caught:
        await ExecCredential(ExecPlugin(str(text), (), VERSION)).authorization()
    assert str(caught.value) == f"exec plugin {text} cannot be run: Permission denied"
