"""Kubeconfigs of one cluster and one user, as files that programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

NOBODY_LISTENS = "http://127.0.0.1:9"
"""The discard port: refused at once on any machine that runs tests."""

Json = dict[str, Any]


def kubeconfig(
    server: str = NOBODY_LISTENS,
    *,
    cluster: Json | None = None,
    user: Json | None = None,
    current: str = "main",
    **changes: Any,
) -> Json:
    """One context, `main`, for a server, and `current` the one to use; `changes` replace top-level fields.

    `cluster` are fields beside the server, `user` all that is told of the user: a token unless given.
    """
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "u", "user": {"token": "not-a-real-token"} if user is None else user}],
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u"}}],
        "current-context": current,
        **changes,
    }


def write(folder: Path, name: str, content: Json | str) -> Path:
    """Write a kubeconfig, or any text in its place."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path
