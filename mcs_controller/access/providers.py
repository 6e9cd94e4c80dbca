"""The provider file: which programs hand out credentials here, and what a ClusterProfile may add to a run.

It is the consumer's own file (KEP-5339, CP-20), in JSON, and is trusted: it names programs that are run. It
holds no credential. What it says is checked as a whole when it is read, so that a mistake shows at once and
not when some cluster is reached for the first time. The order of its entries is the consumer's preference.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, cast

from mcs_controller.access.errors import ProviderFileError, ProviderFileMissing
from mcs_controller.clusterset.errors import MalformedObject, cut
from mcs_controller.clusterset.fields import an_object, bad, child, items, text, texts
from mcs_controller.kube.decoding.json_parser import parse_json

ArgsPolicy = Literal["Ignore", "Append"]
EnvsPolicy = Literal["Ignore", "Replace", "AppendIfNotExists"]

DEFAULT_FILE: Final = "clusterprofile-provider-file.json"
EXEC_VERSION: Final = "client.authentication.k8s.io/v1"
FILE_MAX_BYTES: Final = 1024 * 1024
PROVIDERS_MAX: Final = 1000
ARGUMENTS_MAX: Final = 256
VARIABLES_MAX: Final = 256
NAME_MAX_CHARS: Final = 253
_KEYS: Final = frozenset({"providers"})
_PROVIDER_KEYS: Final = frozenset(
    {"name", "execConfig", "profileSourcedCLIArgsPolicy", "profileSourcedEnvVarsPolicy"}
)
_PLUGIN_KEYS: Final = frozenset(
    {"apiVersion", "command", "args", "env", "installHint", "interactiveMode", "provideClusterInfo"}
)
_UNKNOWN_MAX: Final = 10
"""Unknown keys of one object that are named."""
_NEWLINE: Final = b"\n"
_PLACE: Final = re.compile(r"\(byte (\d{1,9})\)$")
INTERACTIVE_MODES: Final = ("", "Never", "IfAvailable", "Always")


@dataclass(frozen=True, slots=True)
class Plugin:
    """A program that speaks the protocol of exec plugins; `environment` may hold secrets.

    `command` is as the file has it; one with a slash starts at the file's folder.
    """

    command: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)
    provide_cluster_info: bool = False
    install_hint: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """One entry: what is run for clusters that offer this way. Without `plugin` it only has a name."""

    name: str
    plugin: Plugin | None
    args_policy: ArgsPolicy = "Ignore"
    envs_policy: EnvsPolicy = "Ignore"


@dataclass(frozen=True, slots=True)
class Providers:
    """All entries, in the order of the file; `folder` is where commands with a slash start.

    `unknown` are the keys that nobody here reads, with where they stand: mistakes, or another consumer's.
    """

    entries: tuple[Provider, ...]
    folder: Path
    unknown: tuple[str, ...] = ()


def read_provider_file(path: Path) -> Providers:
    """What the file says. Raises `ProviderFileMissing`, `ProviderFileError`."""
    path = path.expanduser()
    try:
        with path.open("rb") as file:
            content = file.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise ProviderFileMissing(
            f"the provider file {path} cannot be read: {error.strerror}: name it with "
            "--clusterprofile-provider-file"
        ) from error
    try:
        return Providers(parse_providers(content), path.absolute().parent, tuple(_unknown(_parsed(content))))
    except ProviderFileError as error:
        raise ProviderFileError(f"the provider file {path}: {error}") from error


def parse_providers(content: bytes) -> tuple[Provider, ...]:
    """The entries of a provider file. Raises `ProviderFileError`, which quotes no value of a variable."""
    parsed = _parsed(content)
    try:
        if not isinstance(parsed, dict):
            raise MalformedObject('the file is no object: write {"providers": [...]}')
        entries = items(parsed, "providers", PROVIDERS_MAX)
        return tuple(_provider(an_object(one, "providers")) for one in entries)
    except MalformedObject as error:
        raise ProviderFileError(str(error)) from error


def _parsed(content: bytes) -> Any:
    try:
        return parse_json(content, max_bytes=FILE_MAX_BYTES)
    except ValueError as error:
        # The decoder's text quotes what it could not read, and has the place at its end.
        place = _PLACE.search(str(error))
        where = f" at line {content[: int(place[1])].count(_NEWLINE) + 1}" if place else ""
        raise ProviderFileError(f"it is not valid JSON{where}, or too long: correct it") from None


def _unknown(parsed: Mapping[str, Any]) -> Iterator[str]:
    """The keys of a file that could be read which are none of `_KEYS`, and where they stand."""
    yield from _others(parsed, "the file", _KEYS)
    for entry in parsed.get("providers") or ():
        where = f"provider {cut(entry['name'], 80)}"
        yield from _others(entry, where, _PROVIDER_KEYS)
        yield from _others(entry.get("execConfig") or {}, f"execConfig of {where}", _PLUGIN_KEYS)


def _others(raw: Mapping[str, Any], where: str, known: Collection[str]) -> Iterator[str]:
    for key in sorted(raw.keys() - known)[:_UNKNOWN_MAX]:
        yield f"{cut(key, 80)} in {where}"


def _provider(raw: Mapping[str, Any]) -> Provider:
    name = text(raw, "name")
    if not 0 < len(name) <= NAME_MAX_CHARS:
        raise bad("name", name, f"a name of up to {NAME_MAX_CHARS} characters")
    try:
        exec_config = child(raw, "execConfig")
        return Provider(
            name,
            _plugin(exec_config) if exec_config else None,
            cast(ArgsPolicy, _policy(raw, "profileSourcedCLIArgsPolicy", "Ignore", "Append")),
            cast(
                EnvsPolicy,
                _policy(raw, "profileSourcedEnvVarsPolicy", "Ignore", "Replace", "AppendIfNotExists"),
            ),
        )
    except MalformedObject as error:
        raise MalformedObject(f"provider {name}: {error}") from error


def _policy(raw: Mapping[str, Any], field_: str, *known: str) -> str:
    value = text(raw, field_) or known[0]
    if value not in known:
        raise bad(field_, value, f"one of {', '.join(known)}")
    return value


def _plugin(raw: Mapping[str, Any]) -> Plugin:
    version, command = text(raw, "apiVersion"), text(raw, "command")
    if version != EXEC_VERSION:
        raise bad("apiVersion", version, EXEC_VERSION)
    if not command or "\0" in command:
        raise bad("command", command, "a program")
    mode = text(raw, "interactiveMode")
    if mode not in INTERACTIVE_MODES:
        raise bad("interactiveMode", mode, "Never, IfAvailable or Always")
    if mode == "Always":
        raise MalformedObject("interactiveMode is Always, and there is no terminal: choose another plugin")
    told = raw.get("provideClusterInfo")
    if told is not None and type(told) is not bool:
        raise bad("provideClusterInfo", told, "true or false")
    return Plugin(
        command,
        tuple(argument(one) for one in texts(raw, "args", ARGUMENTS_MAX)),
        dict(
            variable(text(an_object(one, "env"), "name"), one.get("value", ""))
            for one in items(raw, "env", VARIABLES_MAX)
        ),
        bool(told),
        text(raw, "installHint"),
    )


def argument(value: str) -> str:
    """The value, which must be one that a program can be given. Raises `MalformedObject`."""
    if not _can_be_given(value):
        raise MalformedObject("an argument has a NUL character, or half of one")
    return value


def variable(name: str, value: object) -> tuple[str, str]:
    """Name and value of a variable of the environment. Raises `MalformedObject`, without the value."""
    if not name or "=" in name or not _can_be_given(name) or len(name) > NAME_MAX_CHARS:
        raise bad("the name of a variable", name, "a text without = and NUL")
    if type(value) is not str or not _can_be_given(value):
        raise MalformedObject(f"variable {name[:80]} has no text for a value")
    return name, value


def _can_be_given(value: str) -> bool:
    """Whether an operating system takes it: half of a surrogate pair has no bytes."""
    return "\0" not in value and not any("\ud800" <= one <= "\udfff" for one in value)


def absolute(command: str, folder: Path) -> str:
    """The command for a program that runs in any folder: a bare name is left to its PATH."""
    return os.path.normpath(folder / command) if os.sep in command else command
