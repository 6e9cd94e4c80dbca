"""hack/packages where it may not install: it names what is missing and how to get it, and goes on."""

from __future__ import annotations

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "hack" / "packages"


def run_with(folder: Path, *programs: str) -> subprocess.CompletedProcess[str]:
    """On a machine that has these programs and nothing else, so no apt-get either."""
    for name in programs:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return subprocess.run(
        ["/bin/sh", str(SCRIPT)],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_missing_programs_are_named_with_the_command_that_installs_them(tmp_path: Path) -> None:
    run = run_with(tmp_path, "chromium-headless-shell", "curl", "dnsperf", "faketime", "promtool")
    assert run.returncode == 0
    told, *reasons = run.stdout.splitlines()
    assert told.endswith("sudo apt-get install -y --no-install-recommends bind9-dnsutils")
    assert [reason.split(":")[0].strip() for reason in reasons] == ["bind9-dnsutils (dig)"]


def test_nothing_is_said_where_nothing_is_missing(tmp_path: Path) -> None:
    run = run_with(tmp_path, "chromium-headless-shell", "curl", "dig", "dnsperf", "faketime", "promtool")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
