"""What the observer saw at each fault, kept from run to run in build/faults.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).resolve().parents[2] / "build" / "faults.json"


def keep(fault: str, result: Mapping[str, Any], file: Path = FILE) -> None:
    """The result of the fault's last run; those of the others stay."""
    file.parent.mkdir(exist_ok=True)
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
