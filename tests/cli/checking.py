"""`mcs-controller check` without a process of its own: its start costs more than all that it asks."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
from pathlib import Path
from typing import Any

from mcs_controller.cli.check import add_arguments, run
from mcs_controller.install.checks.judging import CHECKS
from tests.cli.program import Ended


async def check(*words: str | Path) -> Ended:
    """What the command prints as JSON, and its exit code."""
    parser = argparse.ArgumentParser()
    parser.set_defaults(program="mcs-controller")
    add_arguments(parser)
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = await run(parser.parse_args(["-o", "json", *map(str, words)]))
    return Ended(code, stdout.getvalue(), stderr.getvalue())


def found(ended: Ended) -> dict[str, Any]:
    """What it says of each check, by the number of its id."""
    assert ended.stdout, ended
    checks = {one["id"]: one for one in json.loads(ended.stdout)["checks"]}
    assert list(checks) == [one.id for one in CHECKS]
    return {id.removeprefix("MCS-CHK-"): one for id, one in checks.items()}


def results(ended: Ended) -> dict[str, str]:
    """The result of each check."""
    return {id: one["result"] for id, one in found(ended).items()}


def wrong(ended: Ended) -> dict[str, str]:
    """What is not ok."""
    return {id: result for id, result in results(ended).items() if result != "ok"}
