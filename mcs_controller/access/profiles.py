"""How a ClusterProfile says that its cluster is reached: one access provider, chosen and read.

A profile is another party's text: whoever writes it could name a server that collects credentials, or a
variable that changes what a program does. So only the entry that the consumer's provider file chooses is
read, each field is checked, and what would change the run of a program is handed on as it stands for
`connecting.py` to judge by the consumer's policy. The field `certificate-authority` is a path on somebody's
machine; it is not read at all.
"""

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from mcs_controller.access.errors import NoProvider, UnusableProfile
from mcs_controller.access.providers import NAME_MAX_CHARS, Provider, Providers
from mcs_controller.clusterset.errors import MalformedObject, cut
from mcs_controller.clusterset.fields import an_object, bad, child, items, text

CONFIG_EXTENSION: Final = "client.authentication.k8s.io/exec"
ARGS_EXTENSION: Final = "clusterprofiles.multicluster.x-k8s.io/exec/additional-args"
ENVS_EXTENSION: Final = "clusterprofiles.multicluster.x-k8s.io/exec/additional-envs"

ACCESS_PROVIDERS_MAX: Final = 1000
EXTENSIONS_MAX: Final = 256
URL_MAX_CHARS: Final = 2048
CA_MAX_CHARS: Final = 512 * 1024
PEM_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """The server, how it proves who it is, and the extensions by name, as the profile has them."""

    server: str
    ca: bytes | None = field(repr=False, default=None)
    tls_server_name: str | None = None
    insecure: bool = False
    proxy_url: str | None = field(repr=False, default=None)
    disable_compression: bool = False
    extensions: Mapping[str, Any] = field(repr=False, default_factory=dict)


def name_of(profile: Mapping[str, Any]) -> str:
    """Namespace and name, for messages."""
    metadata = profile.get("metadata")
    found = metadata if isinstance(metadata, dict) else {}
    return cut(f"{found.get('namespace', '')}/{found.get('name', '')}", 320)


def choose(profile: Mapping[str, Any], providers: Providers) -> tuple[Provider, ClusterAccess]:
    """The first entry of the provider file that the profile offers (CP-21), and what the profile says there.

    `accessProviders` counts before the deprecated `credentialProviders`, which v1alpha1 alone has.
    Raises `NoProvider`, `UnusableProfile`.
    """
    name = name_of(profile)
    try:
        offered = _offered(profile)
    except MalformedObject as error:
        raise UnusableProfile(f"ClusterProfile {name}: {error}") from error
    for provider in providers.entries:
        if provider.name in offered:
            try:
                return provider, _access(offered[provider.name])
            except MalformedObject as error:
                raise UnusableProfile(
                    f"ClusterProfile {name}: access provider {provider.name}: {error}"
                ) from error
    offers = ", ".join(sorted(offered)[:10]) or "none"
    knows = ", ".join([one.name for one in providers.entries][:10]) or "none"
    raise NoProvider(
        f"no access provider of ClusterProfile {name} is in the provider file: it offers {cut(offers)}, the "
        f"file has {cut(knows)}; add one that it offers to the file, or have one of the file set for the "
        "cluster (`broker set-access`)"
    )


def _offered(profile: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    status = child(profile, "status")
    found: dict[str, Mapping[str, Any]] = {}
    for kind in ("credentialProviders", "accessProviders"):
        for one in items(status, kind, ACCESS_PROVIDERS_MAX):
            name = text(an_object(one, kind), "name")
            if 0 < len(name) <= NAME_MAX_CHARS:
                found[name] = one
    return found


def _access(entry: Mapping[str, Any]) -> ClusterAccess:
    cluster = child(entry, "cluster")
    insecure, ca = _switch(cluster, "insecure-skip-tls-verify"), _ca(cluster)
    if insecure and ca is not None:
        raise MalformedObject("it has a CA and insecure-skip-tls-verify: one of the two has to go")
    server, proxy_url = checked_server(text(cluster, "server")), _proxy(text(cluster, "proxy-url"))
    if proxy_url is not None and server.startswith("http:"):
        raise MalformedObject(
            "server is reached without TLS, which would show the proxy the credential that is sent: use https"
        )
    return ClusterAccess(
        server=server,
        ca=ca,
        tls_server_name=_server_name(text(cluster, "tls-server-name")),
        insecure=insecure,
        proxy_url=proxy_url,
        disable_compression=_switch(cluster, "disable-compression"),
        extensions=_extensions(cluster),
    )


def checked_server(url: str) -> str:
    """The URL without a slash at its end. Raises `MalformedObject`.

    Without TLS only what stays on this machine is taken: the credential would be read on the way.
    """
    parts = _parts(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or "@" in url:
        raise MalformedObject("server is no URL of an API server: it must look like https://host:port")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise MalformedObject(
            "server is reached without TLS, which would show the credential on the way: use https"
        )
    return url.rstrip("/")


def _proxy(url: str) -> str | None:
    if not url:
        return None
    parts = _parts(url)
    if parts is not None and parts.scheme == "socks5":
        raise MalformedObject("proxy-url is a SOCKS proxy, which is not supported: use one of http or https")
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        # It may hold a password.
        raise MalformedObject("proxy-url is no URL of a proxy: it must look like http://host:port")
    return url


def _parts(url: str) -> Any:
    if len(url) > URL_MAX_CHARS or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
        return None if parts.port == 0 else parts
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _server_name(name: str) -> str | None:
    if len(name) > NAME_MAX_CHARS or not name.isprintable():
        raise bad("tls-server-name", name, "a name")
    return name or None


def _switch(cluster: Mapping[str, Any], field_: str) -> bool:
    value = cluster.get(field_)
    if value is not None and type(value) is not bool:
        raise bad(field_, value, "true or false")
    return bool(value)


def _ca(cluster: Mapping[str, Any]) -> bytes | None:
    encoded = text(cluster, "certificate-authority-data")
    if not encoded:
        return None
    try:
        pem = base64.b64decode("".join(encoded[: CA_MAX_CHARS + 1].split()), validate=True)
    except ValueError:
        pem = b""
    if len(encoded) > CA_MAX_CHARS or PEM_BEGIN not in pem:
        # Nothing in its place would mean that all is trusted that the system trusts.
        raise MalformedObject("certificate-authority-data is no base64 of a PEM certificate")
    return pem


def _extensions(cluster: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in items(cluster, "extensions", EXTENSIONS_MAX):
        name = text(an_object(one, "extensions"), "name")
        if name in found:
            raise MalformedObject(f"the extension {name} is there twice")
        found[name] = one.get("extension")
    return found
