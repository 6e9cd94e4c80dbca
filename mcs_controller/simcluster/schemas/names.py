"""The syntax of names, labels and addresses.

Each function returns the real server's complaint, or "" when the text is valid. The caller knows the field.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

LABEL_MAX_CHARS = 63
SUBDOMAIN_MAX_CHARS = 253

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*")
_QUALIFIED_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_VALUE = re.compile(rf"({_QUALIFIED_NAME.pattern})?")
_PORT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.IGNORECASE)


def _must_match(what: str, examples: Sequence[str], pattern: re.Pattern[str]) -> str:
    shown = ",  or ".join(f"'{one}'" for one in examples)
    return f"{what} (e.g. {shown}, regex used for validation is '{pattern.pattern}')"


def label_complaint(text: str) -> str:
    """RFC 1123 label: names of Namespaces, Services, ports and hosts."""
    if len(text) > LABEL_MAX_CHARS:
        return f"must be no more than {LABEL_MAX_CHARS} characters"
    if not _LABEL.fullmatch(text):
        rule = (
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
            "and must start and end with an alphanumeric character"
        )
        return _must_match(rule, ("my-name", "123-abc"), _LABEL)
    return ""


def subdomain_complaint(text: str) -> str:
    """RFC 1123 subdomain: names of most objects."""
    if len(text) > SUBDOMAIN_MAX_CHARS:
        return f"must be no more than {SUBDOMAIN_MAX_CHARS} characters"
    if not _SUBDOMAIN.fullmatch(text):
        rule = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
            "and must start and end with an alphanumeric character"
        )
        return _must_match(rule, ("example.com",), _SUBDOMAIN)
    return ""


def qualified_name_complaint(text: str) -> str:
    """Keys of labels and annotations, application protocols: an optional DNS prefix and a name."""
    prefix, slash, name = text.rpartition("/")
    if slash and not prefix:
        return "prefix part must be non-empty"
    if prefix and (complaint := subdomain_complaint(prefix)):
        return f"prefix part {complaint}"
    if not name:
        return "name part must be non-empty"
    if len(name) > LABEL_MAX_CHARS:
        return f"name part must be no more than {LABEL_MAX_CHARS} bytes"
    if not _QUALIFIED_NAME.fullmatch(name):
        rule = (
            "name part must consist of alphanumeric characters, '-', '_' or '.', "
            "and must start and end with an alphanumeric character"
        )
        return _must_match(rule, ("MyName", "my.name", "123-abc"), _QUALIFIED_NAME)
    return ""


def label_value_complaint(text: str) -> str:
    if len(text) > LABEL_MAX_CHARS:
        return f"must be no more than {LABEL_MAX_CHARS} bytes"
    if not _LABEL_VALUE.fullmatch(text):
        rule = (
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
            "and must start and end with an alphanumeric character"
        )
        return _must_match(rule, ("MyValue", "my_value", "12345"), _LABEL_VALUE)
    return ""


def fqdn_complaint(text: str) -> str:
    name = text.removesuffix(".")
    if "." not in name:
        return "should be a domain with at least two segments separated by dots"
    return subdomain_complaint(name)


def port_number_complaint(port: int) -> str:
    return "" if 1 <= port <= 65535 else "must be between 1 and 65535, inclusive"


def port_name_complaint(text: str) -> str:
    """A target port given by name: an IANA service name."""
    if len(text) > 15:
        return "must be no more than 15 characters"
    if not _PORT_NAME.fullmatch(text):
        return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not any(character.isalpha() for character in text):
        return "must contain at least one letter (a-z)"
    if "--" in text:
        return "must not contain consecutive hyphens"
    return ""


@lru_cache(maxsize=16384)
def parse_ip(text: str) -> IPv4Address | IPv6Address | None:
    for kind in (IPv4Address, IPv6Address):
        try:
            return kind(text)
        except AddressValueError:
            continue
    return None


NOT_AN_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


@lru_cache(maxsize=16384)
def endpoint_ip_complaint(address: IPv4Address | IPv6Address) -> str:
    """Addresses with a meaning of their own on every host, such as loopback, cannot be endpoints."""
    if address.is_unspecified:
        return f"may not be unspecified ({address})"
    if address.is_loopback:
        return "may not be in the loopback range (127.0.0.0/8, ::1/128)"
    if address.is_link_local:
        return "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
    multicast = (b"\xe0\x00\x00", b"\xff\x02")
    if address.packed.startswith(multicast):
        return "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
    return ""
