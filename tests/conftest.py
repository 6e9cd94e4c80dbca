"""What every test can use: the plugins of the suite."""

import asyncio
import gc

pytest_plugins = [
    "tests.realkube.plugin",
    "tests.realnode.plugin",
    "tests.requirements_plugin",
    "tests.virtual_time",
    "tests.worlds",
]

YOUNG_OBJECTS = 50_000
"""How many new objects make Python look for cycles."""

# Says that this thread has no loop. Else pytest-asyncio, asking for "the current one" before the
# first async test, makes Python 3.11 create one that nobody closes, and that warning fails the run.
asyncio.set_event_loop(None)


def pytest_collection_finish() -> None:
    """Thousands of collected tests never become garbage, and to look at them again and again took a fifth."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
