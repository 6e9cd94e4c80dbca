"""What users write for an option, made a value: each function raises ValueError with what would be right."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from mcs_controller.access.profiles import checked_server
from mcs_controller.clusterset.membership.release import RELEASE_MAX_SECONDS
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.syntax import is_dns_label, is_label_value, is_subdomain
from mcs_controller.controllers.config import SecretName
from mcs_controller.kube.decoding.json_parser import parse_json
from mcs_controller.observe.listening import ListenAddress
from mcs_controller.observe.masking import mask_random_words, mask_secrets

EXEC_CONFIG_MAX_CHARS: Final = 16 * 1024
_SECONDS_OF: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def namespace_name(text: str) -> str:
    """The name of a namespace. Raises ValueError with what would be right."""
    if not is_dns_label(text):
        raise ValueError(f"{text!r} is not the name of a namespace: use lower-case letters, digits and '-'")
    return text


def lease_name(text: str) -> str:
    """The name of a Lease. Raises ValueError with what would be right."""
    if not is_subdomain(text):
        raise ValueError(f"{text!r} is not the name of a Lease: use lower-case letters, digits, '-' and '.'")
    return text


def lease_identity(text: str) -> str:
    """Who a replica is. Raises ValueError with what would be right."""
    if not is_subdomain(text):
        raise ValueError(
            f"{text!r} is not the name of a replica: use lower-case letters, digits, '-' and '.', as in a UID"
        )
    return text


def import_name(text: str) -> ServiceKey:
    """The namespace and name of a ServiceImport. Raises ValueError with what would be right."""
    return _service_key(text, "ServiceImport")


def service_name(text: str) -> ServiceKey:
    """The namespace and name of a Service. Raises ValueError with what would be right."""
    return _service_key(text, "Service")


def secret_name(text: str) -> SecretName:
    """The namespace and name of a Secret. Raises ValueError with what would be right."""
    namespace, _, name = text.partition("/")
    if not (is_dns_label(namespace) and is_subdomain(name)):
        raise ValueError(f"{text!r} is not NAMESPACE/NAME of a Secret")
    return SecretName(namespace, name)


def dns_server(text: str) -> str:
    """An IP address, with or without a port. Raises ValueError with what would be right."""
    address = text
    if text.startswith("[") or text.count(":") == 1:
        address = ListenAddress.parse(text).host
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise ValueError(f"{text!r} is no address of a server: write 10.96.0.53 or 10.96.0.53:1053") from None
    return text


def release_duration(text: str) -> float:
    """Seconds of a duration such as 30m. Raises ValueError with what would be right."""
    unit = _SECONDS_OF.get(text[-1:])
    number = text[:-1]
    if unit is not None and number.isascii() and number.isdigit() and len(number) <= 6:
        seconds = float(int(number) * unit)
        if 0.0 < seconds <= RELEASE_MAX_SECONDS:
            return seconds
    raise ValueError(f"{text!r} is not a duration up to a day: write 90s, 30m or 2h")


def controller(text: str) -> str:
    """One word of `--controllers`. Raises ValueError with what would be right."""
    # A DNS server reads this module, too, and needs no controller in its memory.
    from mcs_controller.cli.controllers import check_word

    return check_word(text)


def network(text: str) -> str:
    """A network as the broker stores it. Raises ValueError with what would be right."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ValueError(f"{text!r} is no network ({error}): write 10.1.0.0/16") from None


def location(text: str) -> tuple[str, str]:
    """A region and a zone ("" for none) from REGION[/ZONE]. Raises ValueError with what would be right."""
    region, slash, zone = text.partition("/")
    if not (region and is_label_value(region) and is_label_value(zone) and bool(zone) == bool(slash)):
        raise ValueError(f"{text!r} is no location: write REGION or REGION/ZONE, such as eu-west/eu-west-1")
    return region, zone


def clusterset_name(text: str) -> str:
    """The name of a clusterset. Raises ValueError with what would be right."""
    if not is_dns_label(text):
        raise ValueError(f"{text!r} is no name of a clusterset: use lower-case letters, digits and '-'")
    return text


def cluster_manager(text: str) -> str:
    """The name of a cluster manager. Raises ValueError with what would be right."""
    if not is_dns_label(text):
        raise ValueError(f"{text!r} is no name of a cluster manager: use lower-case letters, digits and '-'")
    return text


def access_provider(text: str) -> str:
    """The name of an access provider. Raises ValueError with what would be right."""
    if not (is_subdomain(text) and len(text) <= 200):
        raise ValueError(f"{text!r} is no name of an access provider: use lower-case letters, digits and '-'")
    return text


def member_server(text: str) -> str:
    """Where consumers reach a member. Raises ValueError with what would be right."""
    return checked_server(text)


def proxy_url(text: str) -> str:
    """The URL of a proxy, without a password. Raises ValueError with what would be right."""
    if not re.fullmatch(r"(https?|socks5)://[^\s/?#@]+(/[^\s@]*)?", text):
        raise ValueError("the value is no URL of a proxy: write http://host:port, without a password")
    return text


def exec_config(text: str) -> Mapping[str, Any]:
    """What a credential plugin is told. Raises ValueError with what would be right."""
    try:
        parsed = parse_json(text, max_bytes=EXEC_CONFIG_MAX_CHARS)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise ValueError('the value is no JSON object: write {"clusterName": "NAME"}')
    if mask_random_words(mask_secrets(text)) != text:
        # Everybody who reads the inventory reads it.
        raise ValueError(
            "the value looks as if it held a credential, which everybody could read: name a Secret instead"
        )
    return parsed


def profile_name(text: str) -> str:
    """The name of a ClusterProfile. Raises ValueError with what would be right."""
    if not is_subdomain(text):
        raise ValueError(f"{text!r} is not the name of a ClusterProfile: use what `clusters` lists")
    return text


def server_url(text: str) -> str:
    """The URL of an API server. Raises ValueError with what would be right."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in text:
        raise ValueError("the value is no URL of an API server: write https://host:port")
    return text.rstrip("/")


def server_address(text: str) -> ListenAddress:
    """The IP address and port of a DNS server. Raises ValueError with what would be right."""
    address = ListenAddress.parse(text)
    try:
        ipaddress.ip_address(address.host)
    except ValueError:
        raise ValueError(f"{address.host!r} is not an IP address: write 10.96.0.53:53") from None
    return address


def _service_key(text: str, kind: str) -> ServiceKey:
    namespace, _, name = text.partition("/")
    if not (is_dns_label(namespace) and is_dns_label(name)):
        raise ValueError(f"{text!r} is not the namespace and name of a {kind}: {_meant(text)}")
    return ServiceKey(namespace, name)


def _meant(text: str) -> str:
    """What to write instead of this, most likely."""
    namespace, _, name = text.partition("/")
    if namespace and name and "/" not in name:
        return "write NAMESPACE/NAME, each of at most 63 lower-case letters, digits and -"
    # A name as DNS has it: the service comes first.
    service, *rest = text.split(".")
    if rest and is_dns_label(service) and is_dns_label(rest[0]) and rest[1:2] in ([], [""], ["svc"]):
        return f"write NAMESPACE/NAME, such as {rest[0]}/{service}"
    return "write NAMESPACE/NAME"
