"""docs/getting-started.md on real control planes, and in what it has made the pages about its operation.

The tests of this file share one clusterset, which the first of them that runs installs by the page's own
commands; the last one takes it away by those at the page's end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.docs.blocks import ROOT, Block, run_blocks
from tests.docs.clusters import World, three_clusters
from tests.docs.invocations import Invocation, in_sentences, only_reads
from tests.realkube.contents import everything

pytestmark = [
    pytest.mark.realkube,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("helm_program"),
]

A_HUBS_LEASE = "mcs-hub"
"""Getting started installs no hub; tests/integration/test_hub_rights.py has one, with its Lease."""

PAGE = run_blocks("docs/getting-started.md")
LAST = "Take it away again"


@dataclass(frozen=True, slots=True)
class Installed:
    world: World
    before: dict[str, set[tuple[str, str, str]]]
    """What each cluster held before anything of ours was in it."""
    printed: list[tuple[Block, str]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installed]:
    async with three_clusters(tmp_path_factory.mktemp("installed")) as world:
        before = {name: set(await everything(plane)) for name, plane in world.planes.items()}
        printed = [(block, await world.shell.run(block)) for block in PAGE if block.section != LAST]
        yield Installed(world, before, printed)


async def test_the_exported_name_resolves_through_the_clusters_own_dns(installed: Installed) -> None:
    east = installed.world.planes["east"]
    found = await east.call("GET", "/apis/multicluster.x-k8s.io/v1beta1/namespaces/shop/serviceimports/web")
    addresses = tuple(found["spec"]["ips"])
    assert addresses
    name = "web.shop.svc.clusterset.local"
    assert await installed.world.answers("east", name) == addresses


LOOKING = [*run_blocks("docs/checks.md"), *run_blocks("docs/explain.md"), *run_blocks("docs/security.md")]


@pytest.mark.parametrize("block", LOOKING, ids=lambda block: block.place)
async def test_commands_of_the_pages_about_looking_and_limiting(installed: Installed, block: Block) -> None:
    await installed.world.shell.run(block)


async def test_commands_of_the_page_about_operations(installed: Installed) -> None:
    """In their order: a credential is revoked before it is made anew."""
    shell = installed.world.shell
    await installed.world.planes["east"].kubectl("create", "--filename=-", stdin=IMPORT_OF_OTHERS)
    for block in run_blocks("docs/operations.md"):
        if "DIR/" not in block.commands:
            await shell.run(block)


@pytest.mark.parametrize(
    "invocation",
    [
        one
        for page in ("getting-started.md", "operations.md")
        for one in in_sentences(ROOT / "docs" / page, frozenset({"kubectl"}))
        if only_reads(one) and A_HUBS_LEASE not in one.argv
    ],
    ids=lambda one: f"{one.place} {' '.join(one.argv)}",
)
async def test_commands_in_sentences_that_only_read(installed: Installed, invocation: Invocation) -> None:
    """Those of the alerts among them; where they are in east or in west, both are asked."""
    may_be_empty = not NONE_THERE.isdisjoint(invocation.argv)
    told = [
        await installed.world.planes[name].kubectl(*invocation.argv[1:], check=False)
        for name in ("east", "west")
    ]
    assert any(one.returncode == 0 and (one.stdout or may_be_empty) for one in told), told


NONE_THERE = frozenset({"serviceexportpolicies"})
"""Kinds of which these clusters have no object."""

IMPORT_OF_OTHERS = """\
apiVersion: multicluster.x-k8s.io/v1beta1
kind: ServiceImport
metadata: {name: web, namespace: default}
spec: {type: ClusterSetIP, ports: [{port: 80}]}
"""


async def test_all_of_it_can_be_taken_away_again(installed: Installed) -> None:
    for block in PAGE:
        if block.section == LAST:
            await installed.world.shell.run(block)
    for name, plane in installed.world.planes.items():
        left = set(await everything(plane)) - installed.before[name]
        assert [one for one in left if "mcs" in str(one) or "multicluster" in str(one)] == []
