"""What the observer saw at each fault, kept from run to run in build/faults.json.

Several processes, each with a world of its own, may keep results at once.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
FILE: Final = ROOT / "build" / "faults.json"


def keep(fault: str, result: Mapping[str, Any], file: Path = FILE) -> None:
    """The result of the fault's last run; those of the others stay."""
    file.parent.mkdir(exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = {**kept_results(file), fault: dict(result)}
        staged = file.with_name(f".{file.name}")
        staged.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        staged.replace(file)


def commit() -> str:
    """What the checkout is at, and whether it was changed since; "unknown" where there is no git."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return said.stdout.strip()


def kept_results(file: Path = FILE) -> dict[str, dict[str, Any]]:
    """By fault; nothing where nothing was run."""
    if not file.exists():
        return {}
    found: dict[str, dict[str, Any]] = json.loads(file.read_text())
    return found
