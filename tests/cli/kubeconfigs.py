"""Kubeconfig files for tests of the command line."""

from pathlib import Path
from typing import Any

import yaml

NOBODY_LISTENS = "http://127.0.0.1:9"
"""The discard port: refused at once on any machine that runs tests."""


def kubeconfig(server: str = NOBODY_LISTENS, **changes: Any) -> dict[str, Any]:
    """A kubeconfig with one context, `main`, for a server; `changes` replace its top-level fields."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "not-a-real-token"}}],
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "main",
        **changes,
    }


def write(folder: Path, name: str, content: dict[str, Any] | str) -> Path:
    """Write a kubeconfig, or any text in its place."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path
