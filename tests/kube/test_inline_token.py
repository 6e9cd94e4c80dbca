"""The token that stands in a kubeconfig itself is found and replaced, and nothing else there changes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from mcs_controller.kube.connection.inline_token import inline_token, with_inline_token
from mcs_controller.kube.errors import ConfigError
from mcs_controller.observe.masking import MASK, mask_secrets
from tests.support.kubeconfigs import kubeconfig

SECRET = "a-word-that-nobody-may-see"


def content(config: Any) -> bytes:
    return yaml.safe_dump(config).encode()


def two_contexts() -> dict[str, Any]:
    config = kubeconfig(user={"token": SECRET})
    config["users"].append({"name": "second", "user": {"token": "another-one"}})
    config["contexts"].append({"name": "second", "context": {"cluster": "c", "user": "second"}})
    return config


def test_the_token_of_the_current_context_or_of_another_one_is_found() -> None:
    assert inline_token(content(two_contexts()), None) == SECRET
    assert inline_token(content(two_contexts()), "second") == "another-one"
    assert mask_secrets(f"so: {SECRET}") == f"so: {MASK}"


@pytest.mark.parametrize("context", [None, "second"])
def test_only_the_token_of_the_context_is_replaced(context: str | None) -> None:
    config = two_contexts()
    changed = with_inline_token(content(config), context, "a-new-one")
    assert inline_token(changed, context) == "a-new-one"
    config["users"][0 if context is None else 1]["user"]["token"] = "a-new-one"
    assert yaml.safe_load(changed) == config


@pytest.mark.parametrize(
    "user",
    [
        {},
        {"token": ""},
        {"token": 7},
        {"token": SECRET, "tokenFile": "/var/token"},
        {"tokenFile": "/var/token"},
        {"exec": {"command": "login"}},
        {"client-certificate-data": "Y2VydA=="},
    ],
    ids=str,
)
def test_who_logs_in_otherwise_has_none(user: dict[str, Any]) -> None:
    assert inline_token(content(kubeconfig(user=user)), None) is None


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ([SECRET], "it is no kubeconfig"),
        (kubeconfig(current="elsewhere", user={"token": SECRET}), "one context 'elsewhere', but 0"),
        (kubeconfig(users=[]), "one user 'u', but 0"),
        (kubeconfig(users=[{"name": "u", "user": {"token": SECRET}}] * 2), "one user 'u', but 2"),
        (kubeconfig(users="u"), "one user 'u', but 0"),
        (kubeconfig(users=[{"name": "u", "user": SECRET}]), "one user 'u', but 0"),
    ],
)
def test_what_cannot_be_used_is_told_without_quoting_it(config: Any, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        inline_token(content(config), None)
    assert told in str(refused.value)
    assert SECRET not in str(refused.value)


def test_text_that_is_no_yaml_is_not_quoted() -> None:
    for text in (f"users: [token: {SECRET}", f"\x00{SECRET}", f"users: !!bool {SECRET}"):
        with pytest.raises(ConfigError) as refused:
            inline_token(text.encode(), None)
        assert str(refused.value) == "it is not valid YAML"
