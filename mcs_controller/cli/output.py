"""How results are printed: a table for people, JSON or YAML for programs; and files that hold credentials."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mcs_controller.cli.errors import CliError
from mcs_controller.kube.yaml_writer import to_yaml
from mcs_controller.observe.visible import visible


def table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Columns as wide as what stands in them. Texts of others send no control codes to a terminal."""
    lines = [columns, *(tuple(visible(text) for text in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def as_document(output: str, content: Any) -> str:
    """One document of JSON or YAML, without a newline at its end."""
    if output == "json":
        return json.dumps(content, indent=2)
    return to_yaml([content], explicit_start=False).rstrip("\n")


def as_manifests(bodies: Sequence[Any]) -> str:
    """Objects as kubectl reads them."""
    return to_yaml(bodies).rstrip("\n")


def check_may_write(path: Path, *, force: bool) -> None:
    """Raise `CliError` if `write_private` could not write the file: before that is done which it is about."""
    if path.is_dir():
        raise CliError(f"{path} is a directory: name a file")
    if not force and path.exists():
        raise CliError(f"{path} exists: name another file, or give --force to replace it")
    tried = _beside(path)
    try:
        os.close(os.open(tried, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        tried.unlink()
    except OSError as error:
        raise CliError(f"{path} cannot be written: {error.strerror}") from error


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def write_private(path: Path, text: str, *, force: bool) -> None:
    """Write a file that only its owner can read; with `force` one that is there is replaced as a whole.

    Raises `CliError`, and leaves no part of the text behind.
    """
    made = _beside(path) if force else path
    try:
        # Made anew with these rights: it is never readable by others, not for a moment.
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CliError(f"{made} exists: name another file, or give --force to replace it") from None
    except OSError as error:
        raise CliError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        if force:
            made.replace(path)
    except OSError as error:
        made.unlink(missing_ok=True)
        raise CliError(f"{path} cannot be written: {error.strerror}") from error
