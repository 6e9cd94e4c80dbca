"""Adds the clusterset's zone to kube-dns's `stubDomains`, and takes it out again.

The value is JSON in a ConfigMap: an object of zones and their servers. It is edited as text, so that the rest
stays as it was written; what was inserted is remembered beside it, since JSON has no comments.
"""

import json
from typing import Any, NamedTuple

from mcs_controller.install.cluster_dns.errors import ServedAlready, Unreadable
from mcs_controller.install.cluster_dns.stub import Stub


class Edited(NamedTuple):
    """The new value ("": there is none), and the text that was inserted into the old one."""

    text: str
    inserted: str


def with_stub_domain(text: str, inserted: str, stub: Stub) -> Edited:
    """`stubDomains` with the zone; `inserted` is what an earlier edit remembered, or "".

    Raises Unreadable, and ServedAlready where the zone is there and this program did not write it.
    """
    rest = without_stub_domain(text, inserted, stub.zone)
    domains = _read(rest) if rest.strip() else {}
    if any(zone.rstrip(".").lower() == stub.zone for zone in domains):
        raise ServedAlready(f"stubDomains has {stub.zone} already: remove it first")
    entry = f"{json.dumps(stub.zone)}: {json.dumps(list(stub.servers))}"
    if not rest.strip():
        whole = f"{{{entry}}}"
        return Edited(whole, whole)
    # Before the brace and the white space in front of it: the brace stays where its line put it.
    at = len(rest[: rest.rindex("}")].rstrip())
    new = f", {entry}" if domains else entry
    return Edited(rest[:at] + new + rest[at:], new)


def without_stub_domain(text: str, inserted: str, zone: str) -> str:
    """`stubDomains` as it was before; "" if there was none. Raises Unreadable."""
    if not inserted:
        return text
    if text.count(inserted) == 1:
        return text.replace(inserted, "")
    # Somebody wrote the value anew meanwhile: the zone is found by its name.
    domains = {name: servers for name, servers in _read(text).items() if name != zone} if text.strip() else {}
    return json.dumps(domains) if domains else ""


def _read(text: str) -> dict[str, Any]:
    try:
        domains = json.loads(text)
    except ValueError as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise Unreadable(line, f"stubDomains is not JSON ({error})") from None
    if not isinstance(domains, dict):
        raise Unreadable(1, "stubDomains is not a JSON object of zones")
    return domains
