"""The syntax of what stands in specs: port numbers and names, host names, IP addresses.

Names of objects, labels and annotations are `metadata.py`'s. Each function gives the complaint that the real
server makes, or None when the text is fine; in which field it belongs is the caller's business.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from mcs_controller.simcluster import metadata

_PORT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.IGNORECASE)


def label_complaint(text: str) -> str | None:
    """Names of ports and hosts."""
    return metadata.name_problem(text, by_label=True)


def subdomain_complaint(text: str) -> str | None:
    return metadata.name_problem(text, by_label=False)


def fqdn_complaint(text: str) -> str | None:
    name = text.removesuffix(".")
    if "." not in name:
        return "should be a domain with at least two segments separated by dots"
    return subdomain_complaint(name)


def label_value_complaint(text: str) -> str | None:
    """A label's value has the form of a key's name part, or is empty."""
    return metadata.qualified_name_problem(text) if text else None


def port_number_complaint(port: int) -> str | None:
    return None if 1 <= port <= 65535 else "must be between 1 and 65535, inclusive"


def port_name_complaint(text: str) -> str | None:
    """The IANA service name that a target port may be given as."""
    if len(text) > 15:
        return "must be no more than 15 characters"
    if not _PORT_NAME.fullmatch(text):
        return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not any(character.isalpha() for character in text):
        return "must contain at least one letter (a-z)"
    if "--" in text:
        return "must not contain consecutive hyphens"
    return None


def parse_ip(text: str) -> IPv4Address | IPv6Address | None:
    for kind in (IPv4Address, IPv6Address):
        try:
            return kind(text)
        except AddressValueError:
            continue
    return None


NOT_AN_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def endpoint_ip_complaint(address: IPv4Address | IPv6Address) -> str | None:
    """Addresses that mean something else on every host cannot be endpoints."""
    if address.is_unspecified:
        return f"may not be unspecified ({address})"
    if address.is_loopback:
        return "may not be in the loopback range (127.0.0.0/8, ::1/128)"
    if address.is_link_local:
        return "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
    multicast = (b"\xe0\x00\x00", b"\xff\x02")
    if address.packed.startswith(multicast):
        return "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
    return None
