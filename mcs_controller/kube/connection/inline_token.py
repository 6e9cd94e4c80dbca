"""The bearer token that stands in a kubeconfig itself: read, and replaced, for whoever renews it.

All else in the file stays as it is, apart from comments and layout.
"""

from typing import Any

import yaml

from mcs_controller.kube.decoding.yaml_parser import UNREADABLE, Loader
from mcs_controller.kube.errors import ConfigError
from mcs_controller.observe.masking import remember_secret


def inline_token(content: bytes, context: str | None) -> str | None:
    """The token with which `context` (None: the current one) logs in, None if it logs in otherwise.

    Raises `ConfigError`, whose text quotes nothing of the file.
    """
    user = _user(_parse(content), context)
    token = user.get("token")
    if not (isinstance(token, str) and token) or user.get("tokenFile"):
        return None
    remember_secret(token)
    return token


def with_inline_token(content: bytes, context: str | None, token: str) -> bytes:
    """The kubeconfig with another token where `inline_token` finds one. Raises `ConfigError`."""
    config = _parse(content)
    _user(config, context)["token"] = token
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True).encode()


def _parse(content: bytes) -> dict[str, Any]:
    try:
        config = yaml.load(content, Loader)
    except UNREADABLE:
        # The error's own text quotes the file, which holds secrets.
        raise ConfigError("it is not valid YAML") from None
    if not isinstance(config, dict):
        raise ConfigError("it is no kubeconfig")
    return config


def _user(config: dict[str, Any], context: str | None) -> dict[str, Any]:
    wanted = config.get("current-context") if context is None else context
    return _only(config, "user", _only(config, "context", wanted).get("user"))


def _only(config: dict[str, Any], kind: str, name: Any) -> dict[str, Any]:
    entries = config.get(f"{kind}s")
    found = [
        entry[kind]
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get(kind), dict)
    ]
    if len(found) != 1:
        raise ConfigError(f"it does not have one {kind} {name!r}, but {len(found)}")
    one: dict[str, Any] = found[0]
    return one
