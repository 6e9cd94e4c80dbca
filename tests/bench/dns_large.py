"""The part `large`: 10,000 services, 20,000 slices of 10 endpoints; start to ready, and memory."""

from __future__ import annotations

import statistics
from typing import Final

from tests.bench.dns_load import rss_mib
from tests.bench.dns_objects import NAMESPACE, ZONE, Shape
from tests.bench.dns_servers import fill, start
from tests.bench.dns_setting import Json, Setting, say, turned
from tests.realkube.controlplane import ControlPlane

STARTS: Final = 3
ASK_SECONDS: Final = 5


async def measure(setting: Setting, shape: Shape, plane: ControlPlane) -> Json:
    """Start, memory when ready, and memory after every name has been asked for."""
    say(f"writing {shape.services} services with two slices each")
    await fill(plane, shape)
    file = setting.folder / "large.questions"
    everything = [
        f"{name}.{NAMESPACE}.svc.{ZONE} {rtype}\n"
        for kind in ("vip", "db")
        for name in shape.names(kind)
        for rtype in ("A", "AAAA", "SRV")
    ]
    file.write_text("".join(everything))
    found: dict[str, list[Json]] = {}
    for number in range(STARTS):
        for name in turned(("ours", "coredns"), number):
            server = await start(name, plane, setting.folder)
            try:
                await setting.load.dnsperf(server.port, file, ASK_SECONDS, server.pid)
                row = {
                    "ready_s": round(server.ready_s, 2),
                    "ready_cpu_s": round(server.ready_cpu_s, 2),
                    "ready_mib": server.ready_mib,
                    "asked_mib": rss_mib(server.pid),
                }
            finally:
                server.stop()
            found.setdefault(name, []).append(row)
            say(f"large zone, start {number + 1}: {name} {row}")
    return {
        "services": shape.services,
        "slices": 2 * shape.services,
        **{
            name: {key: statistics.median(row[key] for row in rows) for key in rows[0]}
            for name, rows in found.items()
        },
    }
