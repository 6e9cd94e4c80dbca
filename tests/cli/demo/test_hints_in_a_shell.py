"""Every command that the demo prints, pasted into a shell as it is: what a newcomer sees first."""

import asyncio
import os
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.demo.running import running_demo
from tests.realkube.binaries import locate_binaries

pytestmark = [pytest.mark.realkube, pytest.mark.slow]
"""Because of kubectl, which is built with the real control planes; these are not started."""

DEADLINE_SECONDS = 20.0


class Expected(NamedTuple):
    """A command is known by words in it; its output has all of `shows` and none of `hides`."""

    words: str
    shows: tuple[str, ...]
    hides: tuple[str, ...] = ()


EXPECTED = [
    Expected("dig", ("10.101.0.",)),
    Expected("dig", ("10.102.0.",)),
    Expected("dig", ("10.103.0.",)),
    Expected("dig", ("10.1.2.10", "10.1.2.11", "10.2.2.10", "10.2.2.11")),
    Expected("dig", ("10.2.2.10",), ("10.1.2.10",)),
    Expected("SRV", ("0 100 5432 db-1.west.db.shop.svc.clusterset.local.",)),
    Expected("get serviceexports", ("serviceexport.multicluster.x-k8s.io/cart", "Headless", "web-west-")),
    Expected(" -w", ("NAMESPACE", "shop        web    ClusterSetIP")),
    Expected("get memberclusters", ("HEARTBEAT", "exportedservice.broker.mcs-controller.io/shop.web")),
    Expected("explain", ("FIELD: conditions", "lastTransitionTime")),
    Expected("get clusterprofiles", ("mcs-controller.east", "mcs-controller.north")),
    Expected(" clusters ", ("mcs-controller.east", "mcs-controller.north")),
    Expected("get clusterproperties", ("clusterset.k8s.io", "demo", "cluster.clusterset.k8s.io", "east")),
    Expected("patch", ("clusterproperty.about.k8s.io/clusterset.k8s.io patched",)),
    Expected("get clusterproperty", ("demo",), ("another",)),
    Expected("curl", ("<h1>The clusterset, seen from north</h1>",)),
    Expected(" status ", ("MEMBER  HEARTBEAT", "north", "conflict", "PortConflict (east, west)")),
    Expected(
        "explain", ("shop/web works in north: 4 endpoints of east, west take traffic", "(as it should)")
    ),
    Expected("explain", ("MCS-WHY-10", "west has http 8080/TCP instead")),
    Expected("describe", ("PortConflict", "Events:", "mcs-controller.io/agent")),
    Expected("delete", ('serviceexport.multicluster.x-k8s.io "cart" deleted',)),
    Expected("get serviceexport cart", ("reason: NoConflicts",), ("reason: PortConflict",)),
    Expected("apply", ("serviceexport.multicluster.x-k8s.io/cart created",)),
    Expected("edit", ("Edit cancelled, no changes made",)),
    Expected("patch", ("endpointslice.discovery.k8s.io/db-east patched",)),
    Expected("dig", ("10.1.2.11", "10.2.2.10", "10.2.2.11"), ("10.1.2.10",)),
    Expected("touch", ()),
    Expected("explain", ("MCS-WHY-30 in west", "2 endpoints of east take traffic")),
    Expected("get clusterprofiles", ("Unknown",)),
    Expected("rm", ()),
    Expected("touch", ()),
    Expected("dig", ("10.103.0.",)),
    Expected("rm", ()),
    Expected("curl", ('mcs_exports{condition="Valid",status="True"} 3.0', 'member="west"} 1.0')),
    Expected("curl", ("mcs_export_to_import_seconds_count",)),
    Expected("curl", ("[+] agent ok", "[+] zone ok", "readyz check passed")),
]


async def test_every_printed_command_works_and_shows_what_it_is_said_to_show(tmp_path: Path) -> None:
    folder = tmp_path / "it's here"
    async with running_demo("--kubeconfig-dir", folder) as (_, printed):
        hints = printed[printed.index("Try, in another terminal:") + 1 :]
        commands = [line for line in hints if line and not line.startswith("#")]
        for command, expected in zip(commands, EXPECTED, strict=True):
            assert expected.words in command
            await assert_shows(command, expected, cwd=tmp_path)


async def assert_shows(command: str, expected: Expected, cwd: Path) -> None:
    """What only looks is looked at again for a while, since what was done before takes its time."""
    only_looks = (
        expected.words in ("dig", "SRV", "curl", " status ", " clusters ", "explain")
        or "get" in expected.words
    )
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            output = await shell(command, cwd)
            complete = all(text in output for text in expected.shows)
            if complete and not any(text in output for text in expected.hides):
                return
            assert only_looks, f"{command}\n{output}"
            await asyncio.sleep(0.1)


async def shell(command: str, cwd: Path) -> str:
    """Paste it; what goes on for ever is stopped after a second, and an editor closed without a change."""
    watches = command.endswith(" -w")
    environment = {
        "PATH": f"{locate_binaries().kubectl.parent}:{os.environ['PATH']}",
        "HOME": str(cwd),
        "EDITOR": "true",
    }
    process = await asyncio.create_subprocess_shell(
        f"timeout 1 {command}" if watches else command,
        cwd=cwd,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == (124 if watches else 0), output.decode()
    return output.decode()
