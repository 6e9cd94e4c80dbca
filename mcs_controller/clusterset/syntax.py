"""Kubernetes' rules for texts: names, label keys and values, addresses, timestamps.

The API server of an importing cluster refuses a whole object for one bad text in it. So texts from another
cluster are checked by the same rules before they are used (MCS-IMP-17). Only predicates and conversions are
here: the caller decides what to do about a bad text.
"""

import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from mcs_controller.clusterset.model import AddressFamily, StringMap

_LABEL: Final = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_is_label = re.compile(_LABEL).fullmatch
# The API server limits the whole of a subdomain only, not its labels.
_PART: Final = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_is_subdomain = re.compile(rf"{_PART}(?:\.{_PART})*").fullmatch
_is_value = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?").fullmatch
_is_time = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z").fullmatch
LATEST_CHANGE_SECONDS: Final = 2.0**33
"""In the year 2242: until then a float holds microseconds."""
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_is_ipv4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}").fullmatch

_LOOPBACK, _FIRST_MULTICAST = 127, 224
"""First numbers of IPv4 addresses; all from 224 on are multicast, reserved or broadcast."""
_MULTICAST_BYTE, _LINK_LOCAL_BYTE, _LINK_LOCAL_BITS = 0xFF, 0xFE, 0x80
"""Of IPv6: `ff00::/8` and `fe80::/10`."""
_COMPATIBLE: Final = bytes(12)
_MAPPED: Final = bytes(10) + b"\xff\xff"
_EMBEDDING: Final = (
    (bytes.fromhex("0064ff9b") + bytes(8), 12),  # NAT64, RFC 6052
    (bytes.fromhex("0064ff9b0001"), 12),  # NAT64 of a site's own, RFC 8215, in its usual layout
    (bytes(8) + b"\xff\xff" + bytes(2), 12),  # SIIT, RFC 2765
    (bytes.fromhex("2002"), 2),  # 6to4, RFC 3056
)
"""Prefixes of IPv6 addresses that embed an IPv4 one, and the byte at which it begins."""

MAX_LABEL_CHARS: Final = 63
MAX_NAME_CHARS: Final = 253
MAX_ANNOTATIONS_BYTES: Final = 240 * 1024
"""Of exported annotations; the API server's limit is 256 KiB for all of an object's."""
MAX_ANNOTATION_CHARS: Final = 16_384
"""Of one exported annotation, as the broker's schema bounds it."""


def is_dns_label(text: str) -> bool:
    """RFC 1123: the form of namespaces, Services, host names and port names."""
    return _is_label(text) is not None


def is_subdomain(text: str) -> bool:
    """At most 253 characters, parts like DNS labels with dots between: the form of most object names."""
    return len(text) <= MAX_NAME_CHARS and _is_subdomain(text) is not None


def is_label_value(text: str) -> bool:
    """Whether the text is a label value; the empty text is one, too."""
    return _is_value(text) is not None


def is_qualified_name(text: str) -> bool:
    """`name` or `prefix/name`: the form of label keys, annotation keys and application protocols."""
    prefix, slash, name = text.rpartition("/")
    if slash and not is_subdomain(prefix):
        return False
    return name != "" and is_label_value(name)


@lru_cache(maxsize=65_536)
def endpoint_address(text: str, family: AddressFamily) -> str | None:
    """The address in canonical form, None when no endpoint of the family may have it.

    Refused are addresses that the API server refuses, and those that no pod can have: of the node itself
    (unspecified, loopback, link-local), of many hosts (multicast, broadcast), of nobody (reserved), and IPv6
    forms of such IPv4 addresses. Older API servers also accept other forms than the canonical one. The cache
    is for speed: every change of a slice brings the same addresses again.
    """
    if family == "IPv4":
        return text if _is_ipv4(text) is not None and _is_unicast(text) else None
    address = parse_ip(text)
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    packed = address.packed
    if packed[0] == _MULTICAST_BYTE or (
        packed[0] == _LINK_LOCAL_BYTE and packed[1] & 0xC0 == _LINK_LOCAL_BITS
    ):
        return None
    return None if _stands_for_none_or_itself(packed) else address.compressed


def _is_unicast(ipv4: str) -> bool:
    """Whether one host that is not the node itself can have the address (RFC 6890, RFC 1112)."""
    first = int(ipv4.partition(".")[0])
    return 0 < first < _FIRST_MULTICAST and first != _LOOPBACK and not ipv4.startswith("169.254.")


def _stands_for_none_or_itself(packed: bytes) -> bool:
    """Whether an IPv6 address embeds an IPv4 address in a way that is refused.

    Mapped and compatible forms (`::/96`, with `::` and `::1` in it) are always refused. A translator or relay
    turns other forms (NAT64, 6to4, SIIT) into the embedded IPv4 address, so that one must be acceptable.
    """
    if packed.startswith((_COMPATIBLE, _MAPPED)):
        return True
    for prefix, start in _EMBEDDING:
        if packed.startswith(prefix):
            return not _is_unicast(str(ipaddress.IPv4Address(packed[start : start + 4])))
    return False


def parse_ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, None if the text is not one; a text with a zone index (`fe80::1%eth0`) is not one."""
    if "%" in text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def family_of(ip: str) -> AddressFamily:
    """The family of a valid address."""
    return "IPv6" if ":" in ip else "IPv4"


def string_map(pairs: Mapping[str, str]) -> StringMap:
    """The map as sorted pairs, so that equal content compares equal."""
    return tuple(sorted(pairs.items()))


def valid_labels(pairs: StringMap) -> StringMap:
    """The pairs that an API server accepts as labels."""
    return tuple((k, v) for k, v in pairs if is_qualified_name(k) and is_label_value(v))


def valid_annotations(pairs: StringMap) -> StringMap:
    """The pairs that an API server accepts as annotations, up to the size that one object can hold."""
    kept = []
    room_bytes = MAX_ANNOTATIONS_BYTES
    for key, value in pairs:
        if not is_qualified_name(key.lower()) or len(value) > MAX_ANNOTATION_CHARS:
            continue
        try:
            room_bytes -= len(key) + len(value.encode())
        except UnicodeEncodeError:  # half of a surrogate pair: JSON can spell it, UTF-8 cannot
            continue
        if room_bytes < 0:
            break
        kept.append((key, value))
    return tuple(kept)


def seconds_of_time(text: str) -> float | None:
    """Seconds since the epoch of an RFC 3339 time in UTC, None if the text is not one."""
    if _is_time(text) is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def seconds_of_change(text: str) -> float | None:
    """Seconds since the epoch of the time of a change; None if the text is no time in UTC.

    0.0 (unknown) for a time before 1970 or after `LATEST_CHANGE_SECONDS`, which cannot be written again, or
    not exactly.
    """
    seconds = seconds_of_time(text)
    if seconds is None:
        return None
    return seconds if 0.0 <= seconds <= LATEST_CHANGE_SECONDS else 0.0


def micro_time(seconds: float) -> str:
    """RFC 3339 in UTC with microseconds, the form of a metav1.MicroTime."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
