"""pytest plugin: with `-n N --worlds` the tests of one world run in one process, other worlds beside it.

A world is what takes long to start and what its tests share: the real clusterset, the whole clusters, or what
one file sets up for itself. `hack/test.py` runs so what needs real Kubernetes: much of that time is waiting.

Only the processes that run tests collect them. Which worlds there are they tell the one that hands out the
tests in a file. (`--dist loadgroup` of pytest-xdist writes it into the tests' ids, which is not possible with
pytest 9.2.)
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.realnode.plugin import FIXTURES as OF_WHOLE_CLUSTERS

CLUSTERSET, WHOLE_CLUSTERS = "clusterset", "whole clusters"
MARK = "world"
ON_CLUSTERSET = pytest.mark.world(CLUSTERSET)
"""For a test that asks for the real clusterset only while it runs, where no signature tells."""
LONGEST_FIRST = (
    CLUSTERSET,
    "tests/integration/test_check.py",
    "tests/docs/test_installed.py",
    "tests/docs/test_tour.py",
    "tests/faults/test_faults.py",
    WHOLE_CLUSTERS,
    "tests/docs/test_readme.py",
)
"""The order only saves time: the last world that is begun should not be a long one."""
_FILE = "worlds"
_folder = pytest.StashKey[TemporaryDirectory[str]]()


def world_of(item: pytest.Item) -> str:
    """The name of the world that the test is in."""
    mark = item.get_closest_marker(MARK)
    if mark is not None:
        return str(mark.args[0])
    fixtures = set(getattr(item, "fixturenames", ()))
    if fixtures & OF_WHOLE_CLUSTERS:
        return WHOLE_CLUSTERS
    return CLUSTERSET if "real_clusterset" in fixtures else item.nodeid.partition("::")[0]


class WorldScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """A process gets all tests of a world, and the next world when it is nearly done."""

    def __init__(self, config: pytest.Config, log: Producer, file: Path) -> None:
        super().__init__(config, log)
        self._file = file
        self._worlds: dict[str, str] = {}

    def schedule(self) -> None:
        """When all have collected: the file is there."""
        if not self._worlds:
            self._worlds = json.loads(self._file.read_text())
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        return self._worlds[nodeid]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--worlds", action="store_true", help="with -n: a process for the tests of one world")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("worlds") and not hasattr(config, "workerinput"):
        config.stash[_folder] = TemporaryDirectory()


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(_folder, None)
    if folder is not None:
        folder.cleanup()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    if _folder in node.config.stash:
        node.workerinput[_FILE] = str(Path(node.config.stash[_folder].name, _FILE))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> WorldScheduling | None:
    if _folder not in config.stash:
        return None
    # Theirs would begin with the world that has most tests.
    config.option.loadscopereorder = False
    return WorldScheduling(config, log, Path(config.stash[_folder].name, _FILE))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("worlds"):
        order = {world: place for place, world in enumerate(LONGEST_FIRST)}
        items.sort(key=lambda item: order.get(world_of(item), len(order)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Before pytest-xdist says that all is collected."""
    told: dict[str, str] = getattr(session.config, "workerinput", {})
    if _FILE in told and told["workerid"] == "gw0":
        Path(told[_FILE]).write_text(json.dumps({item.nodeid: world_of(item) for item in session.items}))
