"""What proves to an API server who we are, and how it is renewed.

One credential object per connection, asked before every request. A token file is read again when it
changes, an exec plugin is run again before its answer expires, and either on demand after a 401. Nothing
here blocks the event loop longer than reading a small file, and no secret appears in a repr, a log line
or an error. Which credential a kubeconfig asks for is `kubeconfig.py`'s business.
"""

import asyncio
import contextlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from mcs_controller.clusterset.errors import cut
from mcs_controller.kube.clock import Clock, SystemClock
from mcs_controller.kube.connection.lifetime import Lifetime, lifetime_of
from mcs_controller.kube.connection.plugin_process import TooMuchOutput, run_to_end
from mcs_controller.kube.decoding.json_parser import parse_json
from mcs_controller.kube.errors import TEXT_MAX_CHARS, ConfigError
from mcs_controller.observe.masking import (
    is_secret_name,
    mask_random_words,
    mask_secrets,
    remember_secret,
)

_log = logging.getLogger(__name__)

EXEC_TIMEOUT_SECONDS: Final = 30.0
EXEC_OUTPUT_MAX_BYTES: Final = 1024 * 1024
RENEW_BEFORE_EXPIRY: Final = timedelta(seconds=60)
TOKEN_MIN_CHARS: Final = 16
"""A shorter one is no secret but a name, as simulated API servers take it."""
RENEWED_LATELY_SECONDS: Final = 5.0
"""Several requests may be answered with 401 at once: one renewal serves them all."""


class Credential(Protocol):
    """What goes with a request: an `Authorization` header, and a certificate if it has one of its own."""

    async def authorization(self) -> str | None:
        """The header's value now; raises `ConfigError` when there is none to be had."""
        ...

    def certificate(self) -> tuple[bytes, bytes] | None:
        """Certificate and key in PEM, where the credential brings them; the same object until renewed."""
        ...

    def lifetime(self) -> Lifetime | None:
        """Of the present token; None if it does not say, has not been read, or is renewed on demand."""
        ...

    async def renew(self) -> bool:
        """After a 401: True if there is a new credential, and one more try makes sense."""
        ...

    async def close(self) -> None:
        """Stop what runs in the background."""
        ...


class StaticCredential:
    """A header that never changes, or none: then a client certificate or nothing identifies us."""

    def __init__(self, authorization: str | None = None) -> None:
        self._authorization = authorization

    async def authorization(self) -> str | None:
        """The header's value."""
        return self._authorization

    def certificate(self) -> tuple[bytes, bytes] | None:
        """None: the connection's own settings hold the certificate."""
        return None

    def lifetime(self) -> Lifetime | None:
        """As the token says."""
        return lifetime_of(self._authorization)

    async def renew(self) -> bool:
        """There is nothing to renew."""
        return False

    async def close(self) -> None:
        """There is nothing to stop."""


class TokenFile:
    """A bearer token in a file that another program replaces, such as a projected service account token."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._authorization: str | None = None
        self._changed_at = -RENEWED_LATELY_SECONDS

    async def authorization(self) -> str | None:
        """The token as the file holds it now; while the file is missing, the last one read."""
        self._read_if_changed()
        return self._authorization

    def certificate(self) -> tuple[bytes, bytes] | None:
        """None: a token file brings no certificate."""
        return None

    def lifetime(self) -> Lifetime | None:
        """As the token says that was last read."""
        return lifetime_of(self._authorization)

    async def renew(self) -> bool:
        """True if the file has, or lately had, another token than the one that was refused."""
        self._stamp = None
        self._read_if_changed()
        return asyncio.get_running_loop().time() - self._changed_at < RENEWED_LATELY_SECONDS

    async def close(self) -> None:
        """There is nothing to stop."""

    def _read_if_changed(self) -> None:
        try:
            status = os.stat(self._path)
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp == self._stamp:
                return
            token = self._path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            if self._authorization is not None:
                return
            raise ConfigError(f"token file {self._path} cannot be read: {_reason(error)}") from error
        authorization = bearer(token, f"token file {self._path}")
        self._stamp = stamp
        if authorization != self._authorization:
            if self._authorization is not None:
                self._changed_at = asyncio.get_running_loop().time()
            self._authorization = authorization


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """What a kubeconfig says about its exec plugin; `environment` may hold secrets."""

    command: str
    arguments: tuple[str, ...]
    api_version: str
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)
    cluster: Mapping[str, Any] | None = field(repr=False, default=None)
    """Given to the plugin when the kubeconfig sets `provideClusterInfo`."""


RunObserver = Callable[[bool, float], None]
"""Told of each run of a plugin that ended: whether it handed out a credential, and after how many seconds."""


class ExecCredential:
    """A token or certificate that an exec plugin hands out, renewed before it expires.

    The library's own provider is not used: it has no time limit, reads one pipe after the other, passes no
    cluster information, and drops certificates when it renews.
    """

    def __init__(
        self, plugin: ExecPlugin, *, clock: Clock | None = None, observer: RunObserver | None = None
    ) -> None:
        self._plugin = plugin
        self._observer = observer
        self._clock = clock or SystemClock()
        self._authorization: str | None = None
        self._certificate: tuple[bytes, bytes] | None = None
        self._expires: datetime | None = None
        self._have = False
        self._renewal: asyncio.Task[None] | None = None
        self._renewed_at = -RENEWED_LATELY_SECONDS

    async def authorization(self) -> str | None:
        """The token; waits for the plugin only when none is valid, else it is renewed in the background."""
        now = self._clock.now()
        if not self._have or (self._expires is not None and self._expires <= now):
            await self._renew_shared()
        elif self._expires is not None and self._expires - RENEW_BEFORE_EXPIRY <= now:
            self._start_renewal()
        return self._authorization

    def certificate(self) -> tuple[bytes, bytes] | None:
        """The certificate and key that the plugin handed out, if it did."""
        return self._certificate

    def lifetime(self) -> Lifetime | None:
        """None: however short it is, the plugin is asked again in time."""
        return None

    async def renew(self) -> bool:
        """Run the plugin now, unless that has just happened."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._renewed_at >= RENEWED_LATELY_SECONDS:
            try:
                await self._renew_shared()
            except ConfigError as error:
                _log.warning("after a 401: %s", error)
                return False
        return True

    async def close(self) -> None:
        """End a renewal that is under way."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)

    async def _renew_shared(self) -> None:
        # A caller that is cancelled must not take the renewal away from the others.
        await asyncio.shield(self._start_renewal())

    def _start_renewal(self) -> "asyncio.Task[None]":
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._run(), name=f"exec credential {self._plugin.command}")
            self._renewal.add_done_callback(self._report)
        return self._renewal

    def _report(self, renewal: "asyncio.Task[None]") -> None:
        error = None if renewal.cancelled() else renewal.exception()
        if error is not None and self._have:
            _log.warning("the credential could not be renewed: %s", error)

    async def _run(self) -> None:
        if self._observer is None:
            return await self._fetch()
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            await self._fetch()
        except ConfigError:
            self._observer(False, loop.time() - started)
            raise
        self._observer(True, loop.time() - started)

    async def _fetch(self) -> None:
        status = _exec_status(self._plugin, await _exec_output(self._plugin))
        source = f"exec plugin {self._plugin.command}"
        token, certificate, key = (
            _text(status, name, source) for name in ("token", "clientCertificateData", "clientKeyData")
        )
        if bool(certificate) != bool(key):
            raise ConfigError(f"{source} gave only a certificate, or only its key: both are needed")
        if not token and not certificate:
            raise ConfigError(f"{source} gave neither a token nor a certificate")
        authorization = bearer(token, source) if token else None
        self._expires = _expiry(status.get("expirationTimestamp"), self._plugin)
        # All of it is replaced: what is not handed out any more is not to be used any more.
        self._authorization = authorization
        self._certificate = (certificate.encode(), key.encode()) if certificate else None
        self._have = True
        self._renewed_at = asyncio.get_running_loop().time()


def bearer(token: str, source: str) -> str:
    """The header for a token; a trailing newline is no part of it, anything else odd is refused."""
    token = token.strip()
    if not token:
        raise ConfigError(f"{source} is empty: it must hold a bearer token")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(
            f"{source} holds no bearer token, since it has spaces or odd characters: correct it"
        )
    if len(token) >= TOKEN_MIN_CHARS:
        remember_secret(token)
    return f"Bearer {token}"


def find_plugin(command: str, folder: Path, install_hint: str = "") -> str:
    """The program that `command` names: beside `folder` if it has a slash, else one of PATH.

    Raises `ConfigError`, with the hint where to get it.
    """
    where = str(folder / command) if os.sep in command else shutil.which(command)
    if where is None or not os.access(where, os.X_OK):
        hint = " ".join(install_hint.split())[:TEXT_MAX_CHARS] or "install it or correct the command"
        raise ConfigError(f"exec plugin {command} is not there: {hint}")
    return where


async def _exec_output(plugin: ExecPlugin) -> bytes:
    spec: dict[str, Any] = {"interactive": False}
    if plugin.cluster is not None:
        spec["cluster"] = plugin.cluster
    info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    for name, value in plugin.environment.items():
        if is_secret_name(name):
            remember_secret(value)
    environment = {**os.environ, **plugin.environment, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    try:
        exit_code, output, complaint = await run_to_end(
            plugin.command,
            plugin.arguments,
            environment,
            timeout_seconds=EXEC_TIMEOUT_SECONDS,
            output_max_bytes=EXEC_OUTPUT_MAX_BYTES,
        )
    except TimeoutError as error:
        raise ConfigError(
            f"exec plugin {plugin.command} did not answer within {EXEC_TIMEOUT_SECONDS:.0f} s"
        ) from error
    except TooMuchOutput as error:
        raise ConfigError(
            f"exec plugin {plugin.command} printed more than {EXEC_OUTPUT_MAX_BYTES} bytes"
        ) from error
    except OSError as error:
        raise ConfigError(f"exec plugin {plugin.command} cannot be run: {_reason(error)}") from error
    if exit_code != 0:
        # It may be the token that it has just got, which nobody here has seen yet.
        _remember_secrets(output)
        text = mask_random_words(mask_secrets(complaint.decode("utf-8", "replace")))
        text = cut(" ".join(text.split()), TEXT_MAX_CHARS)
        raise ConfigError(f"exec plugin {plugin.command} failed with exit code {exit_code}: {text}")
    return output


def _remember_secrets(output: bytes) -> None:
    """What a plugin that failed printed for a credential: it may be good all the same, and is one to hide."""
    with contextlib.suppress(ValueError):
        answer = parse_json(output, max_bytes=EXEC_OUTPUT_MAX_BYTES)
        status = answer.get("status") if isinstance(answer, dict) else None
        for name in ("token", "clientKeyData"):
            secret = status.get(name) if isinstance(status, dict) else None
            if isinstance(secret, str):
                remember_secret(secret.strip())


def _exec_status(plugin: ExecPlugin, output: bytes) -> Mapping[str, Any]:
    try:
        answer = parse_json(output, max_bytes=EXEC_OUTPUT_MAX_BYTES)
    except ValueError:
        # The decoding error quotes what it could not read, which may be half a token.
        raise ConfigError(
            f"exec plugin {plugin.command} did not print JSON: correct its command and arguments"
        ) from None
    if not isinstance(answer, dict) or not isinstance(answer.get("status"), dict):
        raise ConfigError(f"exec plugin {plugin.command} printed no ExecCredential with a status")
    if answer.get("apiVersion") != plugin.api_version:
        raise ConfigError(f"exec plugin {plugin.command} did not answer in {plugin.api_version}")
    return dict(answer["status"])


def _text(status: Mapping[str, Any], field_: str, source: str) -> str:
    value = status.get(field_)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"{source} gave a {field_} that is no text")
    return value or ""


def _expiry(raw: Any, plugin: ExecPlugin) -> datetime | None:
    if raw is None:
        return None
    try:
        moment = datetime.fromisoformat(str(raw))
    except ValueError as error:
        raise ConfigError(f"exec plugin {plugin.command} gave no readable expirationTimestamp") from error
    if moment.tzinfo is None:
        raise ConfigError(f"exec plugin {plugin.command} gave an expirationTimestamp without a time zone")
    return moment


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
