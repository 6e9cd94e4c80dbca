"""Reads the JSON and YAML that clients send, within bounds.

JSON is read with pydantic_core, not with `kube/decoding`: objects are stored with its writer, and what its
reader accepts is never nested too deeply for that. In YAML, aliases are refused: a few lines with aliases
could stand for an object larger than memory.
"""

from __future__ import annotations

from typing import Any

import yaml
from pydantic_core import from_json, to_json


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def read_json(payload: bytes) -> Any:
    """Raises ValueError for anything that cannot be read."""
    return from_json(payload)


def read_yaml(payload: bytes) -> Any:
    """JSON, too: kubectl sends it as YAML. Raises ValueError for anything that cannot be read."""
    try:
        return read_json(payload)
    except ValueError:
        pass
    try:
        return read_json(to_json(yaml.load(payload, _Loader)))
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"not YAML: {str(error)[:256]}") from error
