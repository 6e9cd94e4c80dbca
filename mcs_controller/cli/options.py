"""Reads the options that a settings class declares (`mcs_controller/options.py`).

A flag wins over the environment, the environment over the default; an empty variable counts as not set, which
is what templates make of a value left out. A value that cannot be used is a `UsageError` that names the
option and where the value came from.
"""

import argparse
import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar, get_type_hints

from mcs_controller.cli.errors import UsageError
from mcs_controller.options import Group, Option

_Settings = TypeVar("_Settings")
_Argument = TypeVar("_Argument")


def options_of(settings: type) -> list[Option]:
    """The options that a settings class declares, those of its groups included, in its order."""
    return _options_of(Group(settings))


def add_options(parser: argparse.ArgumentParser, settings: type, *, inherited: Collection[str] = ()) -> None:
    """Add every option of a settings class to a parser; values stay texts until `read_options`.

    The keys in `inherited` the command before this one has as well: what was given there holds here.
    """
    for declared in options_of(settings):
        sources = f"[{declared.env}]"
        if declared.default is not None:
            sources = f"(default {declared.default}) {sources}"
        kwargs: dict[str, Any] = {
            "dest": declared.key,
            "help": f"{declared.help} {sources}".replace("%", "%%"),
        }
        if declared.is_switch:
            kwargs["action"] = argparse.BooleanOptionalAction
        else:
            kwargs["metavar"] = declared.metavar or declared.key.rpartition("_")[2].upper()
            if declared.repeatable:
                kwargs["action"] = "append"
        default = argparse.SUPPRESS if declared.key in inherited else None
        flags = (declared.short, declared.flag) if declared.short else (declared.flag,)
        parser.add_argument(*flags, default=default, **kwargs)


def read_options(
    settings: type[_Settings], arguments: argparse.Namespace, environment: Mapping[str, str]
) -> _Settings:
    """The settings that flags, environment and defaults give together. Raises `UsageError`."""

    def read(option: Option) -> Any:
        return _value(option, getattr(arguments, option.key), environment.get(option.env, ""))

    made: _Settings = _make(Group(settings), read)
    return made


def read_argument(parse: Callable[[str], _Argument], text: str) -> _Argument:
    """The value of an argument that is no option, such as the NAME of a member. Raises `UsageError`."""
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _options_of(group: Group) -> list[Option]:
    found: list[Option] = []
    for _, declared in _declared(group):
        found += _options_of(declared) if isinstance(declared, Group) else [declared]
    return found


def _make(group: Group, read: Callable[[Option], Any]) -> Any:
    return group.config(
        **{
            name: _make(declared, read) if isinstance(declared, Group) else read(declared)
            for name, declared in _declared(group)
        }
    )


def _declared(group: Group) -> Iterator[tuple[str, Option | Group]]:
    """Each field that is an option, or a group of options; other fields keep their default."""
    hints = get_type_hints(group.config, include_extras=True)
    for field in dataclasses.fields(group.config):
        annotations = (group.options.get(field.name), *getattr(hints[field.name], "__metadata__", ()))
        for declared in annotations:
            if isinstance(declared, Group):
                yield field.name, dataclasses.replace(declared, prefix=group.prefix + declared.prefix)
                break
            if isinstance(declared, Option):
                default = declared.default
                if field.default is not dataclasses.MISSING:
                    default = declared.show(field.default)
                yield (
                    field.name,
                    dataclasses.replace(declared, key=group.prefix + field.name, default=default),
                )
                break


def _value(declared: Option, given: Any, variable: str) -> Any:
    if given is not None:
        if declared.is_switch:
            return given
        texts, source = _texts(declared, given), declared.flag
    elif variable.strip():
        texts = _texts(declared, [variable] if declared.repeatable else variable)
        source = f"{declared.flag} (from {declared.env})"
    elif declared.default is not None:
        texts, source = [declared.default], f"{declared.flag} (the default)"
    elif declared.required:
        raise UsageError(f"{declared.flag} is missing: give it, or set {declared.env}")
    else:
        return () if declared.repeatable else None
    values = tuple(_parse(declared, text.strip(), source) for text in texts)
    return values if declared.repeatable else values[0]


def _texts(declared: Option, given: Any) -> list[str]:
    """One text for each value: a repeatable option takes several with commas, too."""
    return [text for one in given for text in one.split(",")] if declared.repeatable else [given]


def _parse(declared: Option, text: str, source: str) -> Any:
    if not text:
        raise UsageError(f"{source}: the value is empty")
    try:
        return declared.parse(text)
    except ValueError as error:
        raise UsageError(f"{source}: {error}") from error
