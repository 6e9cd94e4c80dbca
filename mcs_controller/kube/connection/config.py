"""From a kubeconfig file, or from inside a pod, to a transport that is ready to be used.

Both functions check whatever can be checked without a request, and raise `ConfigError` with one line that
says what is wrong and what to do. They neither connect nor run an exec plugin: that happens with the first
request, so that a server (or a login service) that is away for a while is waited for, not fatal.

What a pod or a plain kubeconfig says is read by ourselves; only another kubeconfig loads the Kubernetes
library (`kubeconfig.py`), which would double what this takes of a start.
"""

import os
import urllib.request
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from yarl import URL

from mcs_controller.kube.connection.followed import FollowedTransport
from mcs_controller.kube.connection.http_transport import HttpTransport
from mcs_controller.kube.connection.in_cluster import settings_in_cluster
from mcs_controller.kube.connection.plain_kubeconfig import plain_settings
from mcs_controller.kube.connection.settings import ConnectionSettings
from mcs_controller.kube.connection.transport import Transport
from mcs_controller.kube.errors import TEXT_MAX_CHARS, ConfigError
from mcs_controller.observe.masking import MASK, remember_secret

_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def load_kubeconfig(path: Path, context: str | None = None) -> Transport:
    """The API server of `context`, or of the file's current context; when the file changes it is followed."""
    path = path.expanduser()
    return FollowedTransport(path, partial(_load, path, context))


def _load(path: Path, context: str | None) -> Transport:
    settings = read_settings(path, context)
    try:
        return transport_of(settings)
    except ConfigError as error:
        raise ConfigError(f"kubeconfig {path}: {error}") from error


def load_kubeconfigs(paths: Sequence[Path], context: str | None = None) -> Transport:
    """The API server of `context`, or of the first current context, from the first file that has it.

    As kubectl reads several files, where a context's cluster and user stand in the same file as the context.
    A file that is not there is passed over.
    """
    return load_kubeconfig(*choose_kubeconfig(paths, context))


def choose_kubeconfig(paths: Sequence[Path], context: str | None = None) -> tuple[Path, str | None]:
    """Which of several files `load_kubeconfigs` takes, and which context of it."""
    there = [path for path in paths if path.expanduser().exists()]
    if len(there) < 2:
        return (there or list(paths))[0], context
    configs = [(path, _parse(path.expanduser())) for path in there]
    currents = (str(config["current-context"]) for _, config in configs if config.get("current-context"))
    wanted = context or next(currents, "")
    having = (path for path, config in configs if wanted in _context_names(config))
    return next(having, there[0]), wanted or None


def read_settings(path: Path, context: str | None = None) -> ConnectionSettings:
    """How a kubeconfig reaches its API server, for whoever tells others the way. Raises `ConfigError`."""
    path = path.expanduser()
    config = _parse(path)
    _check_context(path, config, context)
    try:
        return _settings(config, context, path.absolute().parent)
    except ConfigError as error:
        raise ConfigError(f"kubeconfig {path}: {error}") from error


def context_namespace(paths: Sequence[Path], context: str | None = None) -> str:
    """The namespace of the context that `load_kubeconfigs` takes, "" if none. Raises `ConfigError`."""
    path, context = choose_kubeconfig(paths, context)
    config = _parse(path.expanduser())
    _check_context(path, config, context)
    wanted = context if context is not None else str(config["current-context"])
    for entry in config["contexts"]:
        if isinstance(entry, dict) and entry.get("name") == wanted:
            namespace = (entry.get("context") or {}).get("namespace")
            return namespace if isinstance(namespace, str) else ""
    return ""


def load_kubeconfig_text(text: str) -> Transport:
    """The API server of a kubeconfig that stands by itself: its current context, and no other files."""
    return transport_of(_settings(_parse_text(text, "kubeconfig"), None, Path("/")))


def load_in_cluster(
    *,
    token_file: Path = _SERVICE_ACCOUNT / "token",
    ca_file: Path = _SERVICE_ACCOUNT / "ca.crt",
    environment: Mapping[str, str] = os.environ,
) -> Transport:
    """The API server of the cluster whose pod we are in, as the pod's service account."""
    try:
        return transport_of(settings_in_cluster(token_file, ca_file, environment))
    except ConfigError as error:
        raise ConfigError(
            f"no in-cluster configuration: {error} Run in a pod with a service account, or give a kubeconfig"
        ) from error


def _settings(config: Mapping[str, Any], context: str | None, folder: Path) -> ConnectionSettings:
    settings = plain_settings(config, context, folder)
    if settings is None:
        # Importing it loads the whole Kubernetes library: only what is not plain pays for that.
        from mcs_controller.kube.connection.kubeconfig import settings_of_kubeconfig

        settings = settings_of_kubeconfig(config, context, folder)
    return settings


def transport_of(settings: ConnectionSettings) -> Transport:
    """The transport, ready to be used; nothing is asked yet. Raises `ConfigError`."""
    parts = _checked_url(settings.server)
    if parts.username is not None or parts.password is not None:
        raise ConfigError("the server's URL holds a user name: put credentials into the user entry instead")
    proxy = settings.proxy or _proxy_of_environment(parts.scheme, parts.hostname or "")
    if proxy:
        _check_proxy(proxy)
    return HttpTransport(
        settings.server,
        credential=settings.credential,
        tls=settings.tls,
        proxy=proxy,
        disable_compression=settings.disable_compression,
    )


def _check_proxy(proxy: str) -> None:
    """Check the URL, and remember its password: a proxy may repeat that in what it answers."""
    try:
        url = URL(proxy)
        _check_host(url)
    except ValueError:
        raise ConfigError("the proxy's URL cannot be read: it must look like http://host:port") from None
    if url.scheme not in ("http", "https"):
        raise ConfigError("only http and https proxies are supported")
    if url.password:
        remember_secret(url.password)
        remember_secret(b64encode(f"{url.user or ''}:{url.password}".encode()).decode())


def _checked_url(server: str) -> Any:
    try:
        parts = urlsplit(server)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        _check_host(URL(server))
    except ValueError:
        usable = False
    if not usable:
        # What is before an @ is a user name and a password.
        _, at, rest = server.rpartition("@")
        shown = f"{MASK}@{rest}" if at else server
        raise ConfigError(
            f"server {shown[:TEXT_MAX_CHARS]!r} is no URL of an API server: it must look like https://host:port"
        )
    return parts


def _check_host(url: URL) -> None:
    """Raise ValueError for a label that is empty or too long: no resolver finds it."""
    (url.raw_host or "").encode("idna")


def _proxy_of_environment(scheme: str, host: str) -> str | None:
    # Looked up once: aiohttp's own way reads the environment again for every request.
    if urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(scheme)


def _parse(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(f"kubeconfig {path} does not exist: give the path of a kubeconfig file") from None
    except OSError as error:
        raise ConfigError(
            f"kubeconfig {path} cannot be read: {error.strerror}: check the path and its rights"
        ) from error
    except UnicodeDecodeError:
        raise ConfigError(f"kubeconfig {path} is not text: give the path of a kubeconfig file") from None
    return _parse_text(text, f"kubeconfig {path}")


def _parse_text(text: str, what: str) -> Mapping[str, Any]:
    # A pod has no kubeconfig, and its start need not pay for a parser.
    import yaml

    from mcs_controller.kube.decoding.yaml_parser import UNREADABLE, Loader

    try:
        config = yaml.load(text, Loader)
    except UNREADABLE as error:
        # The error's own text quotes the file, which holds secrets.
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise ConfigError(f"{what} is not valid YAML{where}: correct it or create it again") from None
    if not isinstance(config, dict) or not isinstance(config.get("clusters"), list):
        raise ConfigError(f"{what} is no kubeconfig: it has no list of clusters")
    return config


def _check_context(path: Path, config: Mapping[str, Any], context: str | None) -> None:
    names = _context_names(config)
    known = f"it has {', '.join(sorted(names)[:10])}" if names else "it has none"
    if context is None and not config.get("current-context"):
        raise ConfigError(f"kubeconfig {path} has no current-context: name a context ({known})")
    wanted = context if context is not None else str(config["current-context"])
    if wanted not in names:
        raise ConfigError(f"kubeconfig {path} has no context {wanted!r}: {known}")


def _context_names(config: Mapping[str, Any]) -> list[str]:
    entries = config.get("contexts")
    return [
        str(entry["name"])
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and "name" in entry
    ]
