"""The credential plugins as programs run them: as processes, with the protocol of exec plugins."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcs_controller.access.errors import PluginError
from mcs_controller.access.plugins.kubeconfig_secretreader import credential_of
from tests.access.hub import Hub, complaint_of, exec_info, serving_hub, status_of
from tests.access.profiles import CONFIG
from tests.cli.program import PROGRAM, run
from tests.kube.pki import Pki
from tests.support.kubeconfigs import kubeconfig

pytestmark = pytest.mark.slow

READER, KUBECONFIG_READER = "secretreader", "kubeconfig-secretreader"
EAST = {"clusterName": "east"}
TOKEN = "token-of-the-cluster-east"


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with serving_hub(tmp_path) as found:
        yield found


@pytest.mark.requirement("CP-30")
@pytest.mark.parametrize("plugin", [READER, KUBECONFIG_READER])
async def test_a_plugin_that_is_not_told_for_which_cluster_ends_with_one_line(hub: Hub, plugin: str) -> None:
    no_server = [{"interactive": False}, {"cluster": {}}, {"cluster": {"server": "null"}}]
    for told, complaint in (
        ("", "KUBERNETES_EXEC_INFO is not set"),
        ("  ", "KUBERNETES_EXEC_INFO is not set"),
        ("s3cret", "is not valid JSON"),
        ("[]", "is no ExecCredential"),
        ("null", "is no ExecCredential"),
        (
            exec_info(EAST, apiVersion="client.authentication.k8s.io/v1beta1"),
            "is no ExecCredential of client",
        ),
        (exec_info(EAST, kind="Other"), "is no ExecCredential"),
        *((exec_info(EAST, spec=spec), "names no spec.cluster.server") for spec in no_server),
        (exec_info(EAST, spec={"cluster": {"server": " "}}), "names no spec.cluster.server"),
        (exec_info("east"), "spec.cluster.config is no object"),
    ):
        ended = await hub.plugin(plugin, EAST, KUBERNETES_EXEC_INFO=told)
        assert complaint in complaint_of(ended, plugin)
        assert "s3cret" not in ended.stderr
    assert not hub.paths


@pytest.mark.requirement("CP-30", "CP-31")
async def test_secretreader_prints_the_token_of_the_secret_that_is_named_like_the_cluster(hub: Hub) -> None:
    hub.secrets["consumer/east"] = {"token": f"{TOKEN}\n"}
    assert status_of(await hub.plugin(READER, EAST)) == {"token": TOKEN}
    assert hub.paths == ["/api/v1/namespaces/consumer/secrets/east"]


@pytest.mark.requirement("CP-31")
async def test_without_a_namespace_in_the_context_it_reads_the_default_one(hub: Hub) -> None:
    hub.secrets["default/east"] = {"token": TOKEN}
    file = str(hub.kubeconfig())
    assert status_of(await hub.plugin(READER, EAST, KUBECONFIG=file)) == {"token": TOKEN}
    assert status_of(await hub.plugin(READER, EAST, "--kubeconfig", file, KUBECONFIG="")) == {"token": TOKEN}


@pytest.mark.requirement("CP-30", "CP-31")
async def test_each_piece_that_is_missing_is_named(hub: Hub) -> None:
    hub.secrets["consumer/empty"] = {"token": ""}
    hub.secrets["consumer/other"] = {"password": "s3cret-of-mine"}
    hub.secrets["consumer/odd"] = {"token": "s3cret of mine"}
    hub.secrets["consumer/bytes"] = {"token": b"\xff\xfes3cret"}
    for config, complaint in (
        (None, "clusterName is missing"),
        ({}, "clusterName is missing"),
        ({"clusterName": ""}, "clusterName is missing"),
        ({"clusterName": 7}, "clusterName in spec.cluster.config is no text"),
        ({"clusterName": "nobody"}, "there is no Secret consumer/nobody"),
        ({"clusterName": "empty"}, "has nothing under the key 'token'"),
        ({"clusterName": "other"}, "has nothing under the key 'token'"),
        ({"clusterName": "odd"}, "holds no bearer token"),
        ({"clusterName": "bytes"}, "holds no bearer token"),
    ):
        ended = await hub.plugin(READER, config)
        assert complaint in complaint_of(ended, READER)
        assert "s3cret" not in ended.stderr


@pytest.mark.requirement("CP-30", "CP-31")
@pytest.mark.parametrize("plugin", [READER, KUBECONFIG_READER])
async def test_a_secret_that_is_not_read_is_named_with_its_namespace_and_why_it_was_that(
    hub: Hub, plugin: str
) -> None:
    config = {"clusterName": "east-token", "name": "east-token", "key": "k"}
    elsewhere = {**config, "namespace": "elsewhere"}
    by_profile = plugin == KUBECONFIG_READER
    for refuses, complaint, advice in (
        (None, "there is no Secret", "; create it with the key"),
        ((403, "Forbidden"), "may not read the Secret", "(403): grant get on it;"),
    ):
        hub.refuses = refuses
        told = complaint_of(await hub.plugin(plugin, config), plugin)
        assert told.startswith(f"{complaint} consumer/east-token")
        assert advice in told
        assert "that of the kubeconfig's context, else the pod's, else default" in told
        told = complaint_of(await hub.plugin(plugin, elsewhere), plugin)
        assert f"{complaint} {'elsewhere' if by_profile else 'consumer'}/east-token" in told
        assert ("the ClusterProfile's extension names" in told) == by_profile


@pytest.mark.requirement("CP-30")
async def test_a_hub_that_does_not_know_the_plugins_credential_is_told_with_its_kubeconfig(hub: Hub) -> None:
    hub.refuses = (401, "Unauthorized")
    told = complaint_of(await hub.plugin(READER, EAST), READER)
    assert "does not accept the credential of" in told
    assert "hub.kubeconfig" in told
    assert "renew it" in told


@pytest.mark.parametrize("plugin", [READER, KUBECONFIG_READER])
async def test_help_says_in_which_namespace_a_plugin_looks(plugin: str) -> None:
    ended = await run("credentials", plugin, "--help")
    assert "kubeconfig's context" in " ".join(ended.stdout.split())


@pytest.mark.requirement("CP-31", "CP-32")
@pytest.mark.parametrize(
    "name", ["../../../kube-system/secrets/root", "a/b", "East", "x" * 300, "a\nb", "%2e"]
)
async def test_a_profile_cannot_lead_a_plugin_to_another_path(hub: Hub, name: str) -> None:
    assert "is not the name of a Secret" in complaint_of(
        await hub.plugin(READER, {"clusterName": name}), READER
    )
    for config in ({"name": name, "key": "k"}, {"name": "east", "key": "k", "namespace": name}):
        assert "is not the name of a" in complaint_of(
            await hub.plugin(KUBECONFIG_READER, config), KUBECONFIG_READER
        )
    assert not hub.paths


@pytest.mark.requirement("CP-30")
async def test_a_hub_that_is_away_or_unknown_is_one_line_of_the_plugin(hub: Hub, tmp_path: Path) -> None:
    for changes in ({"KUBECONFIG": ""}, {"KUBECONFIG": str(tmp_path / "nothing")}):
        assert complaint_of(await hub.plugin(READER, EAST, **changes), READER)


@pytest.mark.requirement("CP-30")
async def test_a_plugin_that_its_own_kubeconfig_runs_again_ends_and_says_so(hub: Hub) -> None:
    runs = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(PROGRAM),
        "args": ["credentials", READER],
        "interactiveMode": "Never",
        "provideClusterInfo": True,
    }
    # As `clusters kubeconfig` writes it: whoever uses it as KUBECONFIG has the plugin run by itself.
    told = {"extensions": [{"name": CONFIG, "extension": EAST}]}
    file = str(hub.kubeconfig(namespace="consumer", user={"exec": runs}, cluster=told))
    ended = await hub.plugin(READER, EAST, KUBECONFIG=file)
    assert "runs this plugin again" in complaint_of(ended, READER)
    assert not hub.paths


def in_secret(user: dict[str, Any], **changes: Any) -> str:
    """The text of a kubeconfig with this user."""
    return yaml.safe_dump(kubeconfig(user=user, **changes))


def encoded(pem: bytes) -> str:
    """As a kubeconfig has it."""
    return b64encode(pem).decode()


@pytest.mark.requirement("CP-30", "CP-32")
async def test_kubeconfig_secretreader_prints_token_certificate_or_both(hub: Hub, pki: Pki) -> None:
    certificate, key = pki.data("client.crt"), pki.data("client.key")
    pair = {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}
    hub.secrets["consumer/east"] = {
        "token": in_secret({"token": TOKEN}),
        "pair": in_secret(pair),
        "both": in_secret({"token": TOKEN, **pair}),
    }
    printed = {"clientCertificateData": certificate.decode(), "clientKeyData": key.decode()}
    for name, status in (
        ("token", {"token": TOKEN}),
        ("pair", printed),
        ("both", {"token": TOKEN, **printed}),
    ):
        assert status_of(await hub.plugin(KUBECONFIG_READER, {"name": "east", "key": name})) == status


@pytest.mark.requirement("CP-32")
async def test_namespace_and_context_are_the_profiles_choice(hub: Hub) -> None:
    users = [{"name": name, "user": {"token": f"token-of-the-user-{name}"}} for name in ("a", "b")]
    contexts = [{"name": f"of-{name}", "context": {"cluster": "c", "user": name}} for name in ("a", "b")]
    content = in_secret({}, users=users, contexts=contexts, current="of-a")
    hub.secrets["elsewhere/east"] = {"config": content}
    place = {"name": "east", "key": "config", "namespace": "elsewhere"}
    assert status_of(await hub.plugin(KUBECONFIG_READER, place)) == {"token": "token-of-the-user-a"}
    chosen = {**place, "context": "of-b"}
    assert status_of(await hub.plugin(KUBECONFIG_READER, chosen)) == {"token": "token-of-the-user-b"}


PAIR = {"client-certificate-data": encoded(b"c"), "client-key-data": encoded(b"k")}
EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/evil"}


@pytest.mark.requirement("CP-32")
async def test_each_kubeconfig_that_is_of_no_use_is_refused_without_its_content(hub: Hub) -> None:
    cases = {
        "yaml": ("s3cret: [", "is not valid YAML"),
        "list": ("[]", "is no kubeconfig"),
        "extensions": (in_secret({"token": TOKEN}, extensions=[{"name": "x"}]), "has extensions"),
        "no-current": (in_secret({"token": TOKEN}, current=""), "has no current-context"),
        "no-context": (in_secret({"token": TOKEN}, current="west"), "has no context 'west'"),
        "no-user": (in_secret({"token": TOKEN}, users=[]), "has no user 'u'"),
        "no-auth": (in_secret({}), "has neither a token nor a client certificate"),
        "exec": (in_secret({"exec": EXEC}), "runs a program (exec)"),
        "provider": (in_secret({"auth-provider": {"name": "x"}, "token": TOKEN}), "runs a program"),
        "token-file": (in_secret({"tokenFile": "/s3cret"}), "names a file (tokenFile)"),
        "cert-file": (in_secret({**PAIR, "client-certificate": "/s3cret"}), "names a file"),
        "key-file": (in_secret({**PAIR, "client-key": "/s3cret"}), "names a file"),
        "no-key": (in_secret({"client-certificate-data": encoded(b"s3cret")}), "has no client-key-data"),
        "no-cert": (in_secret({"client-key-data": encoded(b"s3cret")}), "has no client-certificate-data"),
        "base64": (in_secret({**PAIR, "client-key-data": "s3cret"}), "client-key-data is no base64"),
        "type": (in_secret({"token": ["s3cret"]}), "token is no text"),
    }
    hub.secrets["consumer/east"] = {key: text for key, (text, _) in cases.items()}
    for key, (_, complaint) in cases.items():
        ended = await hub.plugin(KUBECONFIG_READER, {"name": "east", "key": key})
        assert complaint in complaint_of(ended, KUBECONFIG_READER), key
        assert "s3cret" not in ended.stderr, key
        assert TOKEN not in ended.stderr
    for config, complaint in (
        ({"key": "token"}, "name is missing"),
        ({"name": "east"}, "key is missing"),
        ({"name": "east", "key": "nothing"}, "has nothing under the key 'nothing'"),
        ({"name": "nobody", "key": "k"}, "there is no Secret consumer/nobody"),
        ({"name": "east", "key": "yaml", "context": 7}, "context in spec.cluster.config is no text"),
    ):
        ended = await hub.plugin(KUBECONFIG_READER, config)
        assert complaint in complaint_of(ended, KUBECONFIG_READER)


@pytest.mark.requirement("CP-15")
async def test_what_a_plugin_is_configured_with_names_a_secret_and_holds_none(hub: Hub) -> None:
    hub.secrets["consumer/east"] = {"token": TOKEN}
    ended = await hub.plugin(READER, EAST)
    assert TOKEN in ended.stdout
    assert TOKEN not in json.dumps(EAST) + exec_info(EAST)


@pytest.mark.parametrize(
    "content",
    [
        b"users: [{name: u, user: {token: !!bool s3cr3t-token}}]",
        b"users: !!timestamp s3cr3t-token",
        b"a: &a {b: c}\nd: {<<: [" + b"*a, " * 11_000 + b"*a]}",
    ],
)
def test_a_kubeconfig_that_no_reader_understands_is_refused_without_its_content(content: bytes) -> None:
    with pytest.raises(PluginError, match=r"^the Secret is not valid YAML$"):
        credential_of(content, "", "the Secret")
