"""README.md and docs/helm.md on clusters in which nothing is installed, and what they say of the demo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.demo.running import places_of, running_demo
from tests.cli.program import PROGRAM
from tests.docs.blocks import Block, run_blocks
from tests.docs.clusters import three_clusters
from tests.docs.shell import Shell
from tests.realkube.binaries import locate_binaries

pytestmark = [pytest.mark.realkube, pytest.mark.slow]

README = run_blocks("README.md")
OPERATIONS = run_blocks("docs/operations.md")


def of_demo(blocks: list[Block]) -> list[Block]:
    """DIR stands for what the demo prints."""
    return [block for block in blocks if "DIR/" in block.commands]


@pytest.mark.usefixtures("helm_program")
@pytest.mark.timeout(900)
async def test_the_charts_page_and_the_readme_each_add_a_member(tmp_path: Path) -> None:
    """The README's member is another one here: its commands are run where the charts' page has east."""
    async with three_clusters(tmp_path) as world:
        for block in run_blocks("docs/helm.md"):
            await world.shell.run(block)
        west = world.shell.another(KUBECONFIG="west.kubeconfig")
        for block in README:
            if block not in of_demo(README):
                printed = await west.run(replace(block, commands=block.commands.replace("east", "west")))
        assert "Name:         web" in printed
        members = await world.planes["broker"].kubectl("get", "membercluster", "-A", "--output=name")
        assert [line.rpartition("/")[2] for line in members.stdout.splitlines()] == ["east", "west"]


async def test_commands_about_the_demo_work_in_it(tmp_path: Path) -> None:
    kubeconfigs = tmp_path / "kubeconfigs"
    (tmp_path / ".venv").symlink_to(PROGRAM.parents[1])
    async with running_demo("--kubeconfig-dir", kubeconfigs) as (_, printed):
        shell = Shell(tmp_path, locate_binaries().folder)
        for block in of_demo([*README, *OPERATIONS]):
            await shell.run(replace(block, commands=in_this_demo(block.commands, printed, kubeconfigs)))


def in_this_demo(commands: str, printed: list[str], kubeconfigs: Path) -> str:
    """With the ports and the folder of a demo that chose them itself."""
    east = places_of(printed, "east")
    port = east["DNS"].rpartition(":")[2]
    return (
        commands.replace("DIR/", f"{kubeconfigs}/")
        .replace("-p 1053", f"-p {port}")
        .replace("127.0.0.1:8080/metrics", east["METRICS"])
    )
