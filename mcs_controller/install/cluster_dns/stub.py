"""Adds the server block that forwards the clusterset's zone to a Corefile, and takes it out again.

What is added stands between two lines of comment that name this program. Nothing else is touched, not by a
byte: taking out what was added gives the file of before.
"""

from dataclasses import dataclass
from typing import Final

from mcs_controller.install.cluster_dns.corefile import DEFAULT_PORT, Block, Corefile, read_corefile
from mcs_controller.install.cluster_dns.errors import ServedAlready, Unreadable

_BEGIN: Final = "# BEGIN mcs-controller (added by `dns install`; `mcs-controller dns uninstall` removes it)"
_BEGIN_WITHOUT_NEWLINE: Final = f"{_BEGIN} (the last line had no end)"
_END: Final = "# END mcs-controller"
_FAILURES_KEPT_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Stub:
    """A zone, without its last dot, and the addresses of the DNS servers that answer for it."""

    zone: str
    servers: tuple[str, ...]


def with_stub(text: str, stub: Stub) -> str:
    """The Corefile with the zone forwarded; as it is, if it says so already.

    Raises Unreadable, and ServedAlready where the zone is served by what this program did not write.
    """
    rest = without_stub(text)
    corefile = read_corefile(rest)
    _check_is_free(corefile, stub.zone)
    begin, gap = (_BEGIN, "") if rest.endswith("\n") or not rest else (_BEGIN_WITHOUT_NEWLINE, "\n")
    return f"{rest}{gap}{begin}\n{server_block(corefile, stub)}{_END}\n"


def without_stub(text: str) -> str:
    """The Corefile as it was before `with_stub`, whatever was changed around it since. Raises Unreadable."""
    begin = text.find(_BEGIN)
    if begin < 0:
        return text
    end = text.find(_END, begin)
    line = text.count("\n", 0, begin) + 1
    if end < 0 or text.find(_BEGIN, begin + 1) >= 0:
        raise Unreadable(line, f"{_BEGIN!r} needs one {_END!r} after it: remove both, and what is between")
    after = end + len(_END)
    after += text.startswith("\n", after)
    if text.startswith(_BEGIN_WITHOUT_NEWLINE, begin) and after == len(text):
        begin -= 1
    return text[:begin] + text[after:]


def server_block(corefile: Corefile, stub: Stub) -> str:
    """The zone's server block, on the ports and addresses where this Corefile answers for all other names."""
    serving_all = [
        (served, block)
        for block in corefile.blocks
        for served in block.served
        if served.scheme == "dns" and served.zone == ""
    ]
    ports = list(dict.fromkeys(served.port for served, _ in serving_all)) or [DEFAULT_PORT]
    bound = list(dict.fromkeys(line for _, block in serving_all for line in _bind_lines(block)))
    keys = " ".join(f"{stub.zone}:{port}" for port in ports)
    lines = [*bound, "errors", f"cache {_FAILURES_KEPT_SECONDS}", f"forward . {' '.join(stub.servers)}"]
    return f"{keys} {{\n" + "".join(f"    {line}\n" for line in lines) + "}\n"


def _check_is_free(corefile: Corefile, zone: str) -> None:
    for block in corefile.blocks:
        for served in block.served:
            if served.zone == zone or served.zone.endswith(f".{zone}"):
                raise ServedAlready(f"a server block for {served.zone} is there already: remove it first")
        for directive in block.directives:
            zones = [word.rstrip(".").lower() for word in directive[1:]]
            if directive[0] in ("kubernetes", "multicluster") and zone in zones:
                line = " ".join(directive)
                raise ServedAlready(
                    f"CoreDNS itself answers {zone} ({line!r}): take the zone out of it first"
                )


def _bind_lines(block: Block) -> list[str]:
    return [" ".join(directive) for directive in block.directives if directive[0] == "bind"]
