"""What the observer saw at each fault, kept from run to run in build/faults.json.

Several processes, each with a world of its own, may keep results at once.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).resolve().parents[2] / "build" / "faults.json"


def keep(fault: str, result: Mapping[str, Any], file: Path = FILE) -> None:
    """The result of the fault's last run; those of the others stay."""
    file.parent.mkdir(exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = {**kept_results(file), fault: dict(result)}
        staged = file.with_name(f".{file.name}")
        staged.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        staged.replace(file)


def kept_results(file: Path = FILE) -> dict[str, dict[str, Any]]:
    """By fault; nothing where nothing was run."""
    if not file.exists():
        return {}
    found: dict[str, dict[str, Any]] = json.loads(file.read_text())
    return found
