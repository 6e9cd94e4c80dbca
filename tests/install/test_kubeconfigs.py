"""The kubeconfig that takes a member's credential from the broker to the member."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from mcs_controller.install.errors import UnusableKubeconfig
from mcs_controller.install.kubeconfigs import (
    Server,
    as_yaml,
    member_kubeconfig,
    read_member_kubeconfig,
)
from mcs_controller.observe.masking import mask_secrets
from tests.support.kubeconfigs import kubeconfig

SECRET = "a-secret-that-nobody-may-see"
SERVER = Server("https://broker.example:6443", b"-----BEGIN CERTIFICATE-----", "kubernetes")


def test_what_is_made_for_a_member_is_read_as_its() -> None:
    text = as_yaml(member_kubeconfig("east", SERVER, SECRET))
    found = read_member_kubeconfig(text)
    assert (found.cluster_id, found.server, found.token) == ("east", SERVER.url, SECRET)
    assert found.text == text
    cluster = yaml.safe_load(text)["clusters"][0]["cluster"]
    assert base64.b64decode(cluster["certificate-authority-data"]) == SERVER.ca
    assert cluster["tls-server-name"] == "kubernetes"
    assert SECRET not in repr(found)


def test_other_contexts_and_their_credentials_are_not_handed_on() -> None:
    config = kubeconfig(user={"token": SECRET})
    config["users"].append({"name": "admin", "user": {"token": "the-administrators-own"}})
    config["contexts"].append({"name": "second", "context": {"cluster": "c", "user": "admin"}})
    found = read_member_kubeconfig(yaml.safe_dump(config))
    assert "the-administrators-own" not in found.text
    assert found.cluster_id is None
    assert read_member_kubeconfig(yaml.safe_dump(config), "second").token == "the-administrators-own"


@pytest.mark.parametrize("kind", ["token", "client-key-data", "password"])
def test_what_is_secret_in_it_is_masked_from_then_on(kind: str) -> None:
    secret = f"nobody-may-see-this-{kind}"
    read_member_kubeconfig(yaml.safe_dump(kubeconfig(user={"token": SECRET, kind: secret})))
    assert secret not in mask_secrets(f"refused: {secret}")


def test_a_client_certificate_is_a_credential_too() -> None:
    user = {"client-certificate-data": "Y2VydA==", "client-key-data": "a2V5"}
    assert read_member_kubeconfig(yaml.safe_dump(kubeconfig(user=user))).token == ""


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (
            kubeconfig(user={"tokenFile": "/var/token"}),
            "its user has tokenFile, which is of no use elsewhere",
        ),
        (kubeconfig(user={"exec": {"command": "login"}}), "its user has exec"),
        (kubeconfig(cluster={"certificate-authority": "ca.crt"}), "its cluster has certificate-authority"),
        (kubeconfig(user={}), "it has neither a token nor a client certificate"),
        (kubeconfig(current="elsewhere"), "it has no context 'elsewhere'"),
        (kubeconfig(current=""), "it names no context"),
        (kubeconfig(users=[]), "it has no user 'u'"),
        ([], "it is no kubeconfig"),
    ],
)
def test_what_is_of_no_use_in_the_member_is_refused_with_the_reason(config: Any, told: str) -> None:
    with pytest.raises(UnusableKubeconfig) as refused:
        read_member_kubeconfig(yaml.safe_dump(config))
    assert told in str(refused.value)


@pytest.mark.parametrize("text", [f"users: [token: {SECRET}", f"users: !!bool {SECRET}"])
def test_text_that_is_no_yaml_is_not_quoted(text: str) -> None:
    with pytest.raises(UnusableKubeconfig) as refused:
        read_member_kubeconfig(text)
    assert SECRET not in str(refused.value)
