"""Files of objects, as kubectl reads them.

A file may come from somebody else, as where a change is looked at before it is taken over. So it is bounded
in length, in depth, and in what aliases and merge keys amount to; what is wrong with it is said in a line.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from mcs_controller.cli.errors import CliError
from mcs_controller.kube.decoding.yaml_parser import UNREADABLE, Loader

FILE_MAX_CHARS: Final = 4_000_000
VALUES_MAX: Final = 500_000
"""Of a file, with those that aliases repeat."""


def objects_in(name: str) -> Iterator[Mapping[str, Any]]:
    """The objects in a file of YAML or JSON, those of lists one by one; - is standard input.

    Raises `CliError`.
    """
    try:
        documents = list(yaml.load_all(_text(name), Loader))
    except UNREADABLE as error:
        # The error's own text quotes the file.
        mark = getattr(error, "problem_mark", None)
        where = f": look at line {mark.line + 1}" if mark is not None else ""
        raise CliError(f"{name} is no YAML or JSON, or nested too deeply{where}") from None
    _check_size(name, documents)
    for document in documents:
        if document is None:
            continue
        items = document.get("items") if isinstance(document, dict) else None
        for one in items if isinstance(items, list) else (document,):
            if not isinstance(one, dict):
                raise CliError(f"{name} holds something that is no object")
            yield one


def _text(name: str) -> str:
    try:
        if name == "-":
            text = sys.stdin.read(FILE_MAX_CHARS + 1)
        else:
            with Path(name).expanduser().open(encoding="utf-8") as file:
                text = file.read(FILE_MAX_CHARS + 1)
    except OSError as error:
        raise CliError(f"{name} cannot be read: {error.strerror}") from error
    if len(text) > FILE_MAX_CHARS:
        raise CliError(f"{name} has more than {FILE_MAX_CHARS} characters: give less of it")
    return text


def _check_size(name: str, documents: list[Any]) -> None:
    """Aliases make a small text a huge value, or one that holds itself."""
    waiting, count = [iter(documents)], 0
    while waiting:
        for one in waiting[-1]:
            count += 1
            if count > VALUES_MAX:
                raise CliError(f"{name} holds more than {VALUES_MAX} values: give less of it")
            if isinstance(one, dict):
                waiting.append(iter(one.values()))
                break
            if isinstance(one, list):
                waiting.append(iter(one))
                break
        else:
            waiting.pop()
