"""The resolver tool that users have, as a function."""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple

_STATUS = re.compile(r"status: ([A-Z]+)")


class Lookup(NamedTuple):
    """Response code, and the data of the answers of the type that was asked for, sorted."""

    rcode: str
    data: tuple[str, ...]


async def dig(server: str, name: str, kind: str, *, tcp: bool = False) -> Lookup:
    """Ask `host:port` and nobody else, once."""
    host, _, port = server.rpartition(":")
    process = await asyncio.create_subprocess_exec(
        "dig",
        f"@{host}",
        "-p",
        port,
        "+noall",
        "+comments",
        "+answer",
        "+time=2",
        "+tries=1",
        "+tcp" if tcp else "+notcp",
        name,
        kind,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    text = out.decode()
    status = _STATUS.search(text)
    if status is None:
        return Lookup("no answer", (text.strip(),))
    rows = [line.split(None, 4) for line in text.splitlines() if line and not line.startswith(";")]
    return Lookup(status[1], tuple(sorted(row[4] for row in rows if row[3] == kind)))
