#!/usr/bin/env python3
"""Prints each requirement of tests/requirements.toml with its tests and their results.

Runs the tests that carry a requirement mark, unless --from gives the report of an earlier run
(`pytest --requirements-report FILE`). Exit code 1 when one of them failed; with --strict also
when one that is no "may" has no passing test.

--page runs no test: it writes docs/conformance.md, which says for each requirement which tests prove it.
--check-page writes nothing: exit code 1 when that page differs, or when one that is no "may" has no test.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LEVELS = {"M": "must", "S": "should", "Y": "may", "D": "our decision", "R": "as the reference does"}
STRICT_LEVELS = {"M", "S", "D", "R"}
PAGE = ROOT / "docs" / "conformance.md"
SERVERS = ("rules", "simcluster", "real control plane", "real node")
FAILED, PROVEN, IN_PART, NOT_RUN, NO_TEST = "FAILED", "proven", "in part", "not run", "no test"


def run_tests(pytest_args: list[str], *, quiet: bool = False) -> dict[str, Any]:
    """The report. Exit codes: 0 all passed, 1 some failed, 5 none found; all else cannot be trusted."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "requirements.json"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "requirement"]
        command += [f"--requirements-report={report}", *pytest_args]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=quiet, text=True)
        if done.returncode not in (0, 1, 5):
            print(done.stdout or "", done.stderr or "", file=sys.stderr)
            sys.exit(done.returncode)
        told: dict[str, Any] = json.loads(report.read_text())
        return told


def result(outcomes: Sequence[str]) -> str:
    """Of a requirement whose tests came out so: proven is only what all of them were run for."""
    if "failed" in outcomes:
        return FAILED
    if "passed" in outcomes:
        return PROVEN if set(outcomes) == {"passed"} else IN_PART
    return NOT_RUN if outcomes else NO_TEST


def page_of(report: dict[str, Any]) -> str:
    """docs/conformance.md: one table for each group of requirements."""
    lines = [
        "# Conformance",
        "",
        "What KEP-1645, the API (mcs-api v0.5.0), its DNS specification and its conformance suite",
        "ask for, one line each, and the tests that prove it; and what the APIs beside it ask for: ABT is",
        "the About API (KEP-2149), CP are ClusterProfiles and the access to clusters (KEP-4322, KEP-5339),",
        "CR is what takes the place of the retired cluster registry. `make conformance` writes this page,",
        "and `make lint` fails while it differs from the tests. It holds no results: `make requirements`",
        "runs the tests and prints them, and each run of CI leaves them in `build/requirements.txt`.",
        "",
        "Levels: M must, S should, Y may, D left open by the specification and decided by us, R as the",
        "reference implementation does where the specification is silent.",
        "Servers: *rules* needs none, *simcluster* is the simulated API server, *real control plane*",
        "is etcd, kube-apiserver and kube-controller-manager, *real node* a whole cluster with pods.",
    ]
    group = ""
    for key, one in report.items():
        if key.rpartition("-")[0] != group:
            group = key.rpartition("-")[0]
            lines += [
                "",
                f"## {group}",
                "",
                "| id | level | requirement | tests | on |",
                "|---|---|---|---|---|",
            ]
        files = {test.partition("::")[0].removeprefix("tests/") for test in one["tests"]}
        tests = "<br>".join(sorted(files))
        servers = [name for name in SERVERS if name in one.get("servers", {}).values()]
        cells = (key, one["level"], one["text"], tests, ", ".join(servers))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write_page() -> int:
    PAGE.write_text(page_of(listed()))
    return 0


def check_page() -> int:
    report = listed()
    untested = [key for key in strict_ones(report) if not report[key]["tests"]]
    if untested:
        print(f"hack/requirements.py: no test has the mark of {', '.join(untested)}", file=sys.stderr)
        return 1
    if not PAGE.exists() or PAGE.read_text() != page_of(report):
        print("docs/conformance.md differs from the tests: run `make conformance`", file=sys.stderr)
        return 1
    return 0


def listed() -> dict[str, Any]:
    """The report of a run that only collects the tests."""
    return run_tests(["--collect-only", "-qq"], quiet=True)


def strict_ones(report: dict[str, Any]) -> list[str]:
    return [key for key, one in report.items() if one["level"] in STRICT_LEVELS]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--from", dest="report", metavar="FILE", type=Path, help="print this report, run nothing"
    )
    parser.add_argument("--strict", action="store_true", help="all but a may need a passing test")
    parser.add_argument("--page", action="store_true", help=f"write {PAGE.relative_to(ROOT)}, run no test")
    parser.add_argument("--check-page", action="store_true", help="is that page up to date? runs no test")
    parser.add_argument("pytest_args", nargs="*", help="after --: passed on to pytest")
    options = parser.parse_args()
    if options.page:
        return write_page()
    if options.check_page:
        return check_page()
    if options.report is None:
        report = run_tests(options.pytest_args)
    else:
        report = json.loads(options.report.read_text())

    results = {key: result([*one["tests"].values()]) for key, one in report.items()}
    for key, one in report.items():
        print(f"{key:<11} {one['level']}  {results[key]:<9} {one['text']}")
        for test, outcome in one["tests"].items():
            print(f"{'':<15}{outcome:<9} {test}")
    print()
    for level, meaning in LEVELS.items():
        counts = Counter(results[key] for key, one in report.items() if one["level"] == level)
        told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        print(f"{level} ({meaning}): {told or 'none'}")

    unproven = [key for key in strict_ones(report) if results[key] not in (PROVEN, IN_PART)]
    failed = FAILED in results.values()
    if options.strict and unproven:
        print(f"without a passing test: {', '.join(unproven)}")
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
