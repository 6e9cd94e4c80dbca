"""The tour and the how-to pages, followed from the first command to the last, on one demo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.demo.running import places_of, running_demo
from tests.cli.program import PROGRAM
from tests.docs.blocks import run_blocks
from tests.docs.shell import Shell
from tests.realkube.binaries import locate_binaries

pytestmark = [pytest.mark.realkube, pytest.mark.slow]
"""Because of kubectl, which is built with the real control planes; these are not started."""

TOUR = run_blocks("docs/tour.md")
HOW_TO = [
    *run_blocks("docs/how-to/debug-a-name.md"),
    *run_blocks("docs/how-to/export-a-service.md"),
    *run_blocks("docs/how-to/go-headless.md"),
    *run_blocks("docs/how-to/roll-out.md"),
    *run_blocks("docs/how-to/drain-a-cluster.md"),
]
PORT_OF_NORTH = "1055"


@pytest.mark.timeout(300)
async def test_the_tour_and_then_each_how_to_can_be_followed(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(PROGRAM.parents[1])
    async with running_demo("--kubeconfig-dir", tmp_path / "demo") as (_, printed):
        dns = places_of(printed, "north")["DNS"]
        port = dns.rpartition(":")[2]
        for folder, blocks in ((tmp_path, TOUR), (tmp_path / "demo", HOW_TO)):
            shell = Shell(folder, locate_binaries().folder)
            for block in blocks:
                await shell.run(replace(block, commands=block.commands.replace(PORT_OF_NORTH, port)))
