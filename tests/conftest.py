"""What every test can use: the plugins of the suite."""

import asyncio

pytest_plugins = ["tests.realkube.plugin", "tests.realnode.plugin", "tests.requirements_plugin"]

# Says that this thread has no loop. Else pytest-asyncio, asking for "the current one" before the
# first async test, makes Python 3.11 create one that nobody closes, and that warning fails the run.
asyncio.set_event_loop(None)
