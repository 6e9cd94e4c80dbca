#!/usr/bin/env python3
"""Changes the code a little at a time (mutmut) and says which of the changes no test noticed.

Each file is tested by the quick tests of its room only, in a copy of the tree, so that a mutant costs a
fraction of a second and the checkout is never touched. --sample takes so many mutants at random, for a
figure of a whole room within minutes. What survives is printed as a diff. A survivor that
behaves as the original does is named in hack/mutants.toml, with the reason, and is not counted. Exit code 1
when fewer than --least percent were killed, 2 when there is nothing to tell.

mutmut leaves alone what stands at module level, in decorated functions (properties too) and in annotations.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "mcs_controller"
EQUIVALENTS = ROOT / "hack" / "mutants.toml"
QUICK = "not realkube and not realnode and not slow"
DETECTED = frozenset({"killed", "timeout", "segfault", "suspicious"})
"""Statuses of mutmut: an endless loop or a crash of the interpreter does not go unnoticed either."""
MUTMUT = (sys.executable, "-m", "mutmut")


@dataclass(frozen=True, slots=True)
class Change:
    """What a mutant changes: the lines without their indentation."""

    file: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    status: str
    change: Change | None = None
    diff: str = ""


def tests_of_room(file: str) -> str:
    """The folder of tests that mirrors the room of a file."""
    parts = Path(file).parts
    if len(parts) < 3 or parts[0] != PACKAGE:
        sys.exit(f"hack/mutate.py: {file}: not a file of a room below {PACKAGE}/")
    return f"tests/{parts[1]}"


def change_of(diff: str) -> Change:
    """From what `mutmut show` prints."""
    lines = diff.splitlines()
    file = next(line.removeprefix("--- ") for line in lines if line.startswith("--- "))
    body = [line for line in lines if not line.startswith(("---", "+++"))]
    before, after = (
        "\n".join(line[1:].strip() for line in body if line.startswith(sign)) for sign in ("-", "+")
    )
    return Change(file, before, after)


def load_equivalents(text: str) -> dict[Change, str]:
    """Each change that makes no difference, and why."""
    told = tomllib.loads(text).get("equivalent", [])
    return {Change(one["file"], one["before"], one["after"]): one["why"] for one in told}


def report(
    mutants: Iterable[Mutant],
    equivalents: Mapping[Change, str],
    least_percent: float,
    *,
    is_sample: bool = False,
) -> int:
    """Print survivors and figures by file; the exit code. A sample lacks many that are named equivalent."""
    survivors: list[Mutant] = []
    named: set[Change] = set()
    tallies: dict[str, Counter[str]] = {}
    for mutant in mutants:
        module = mutant.name.rpartition(".")[0].replace(".", "/") + ".py"
        tally = tallies.setdefault(module, Counter())
        if mutant.status in DETECTED:
            tally["killed"] += 1
        elif mutant.change is not None and mutant.change in equivalents:
            tally["equivalent"] += 1
            named.add(mutant.change)
        else:
            tally["survived"] += 1
            survivors.append(mutant)
    for survivor in survivors:
        print(f"{survivor.diff.rstrip()}\n")
    total = Counter[str]()
    for module, tally in sorted(tallies.items()):
        print(line_of(module, tally))
        total += tally
    if not total["killed"] + total["survived"]:
        print("hack/mutate.py: no mutants", file=sys.stderr)
        return 2
    print(line_of("all", total))
    for change in equivalents:
        if change.file in tallies and change not in named and not is_sample:
            print(f"hack/mutants.toml: no longer a survivor of {change.file}: {change.after}")
    return 0 if percent(total) >= least_percent else 1


def percent(tally: Counter[str]) -> float:
    return 100 * tally["killed"] / ((tally["killed"] + tally["survived"]) or 1)


def line_of(name: str, tally: Counter[str]) -> str:
    counts = ", ".join(f"{tally[kind]} {kind}" for kind in ("killed", "survived", "equivalent"))
    return f"{percent(tally):5.1f} %  {name}: {counts}"


def copy_of_tree(folder: Path) -> Path:
    """What git knows or would add, as it is in the checkout now."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    return folder


def git(*arguments: str) -> str:
    return subprocess.run(("git", *arguments), cwd=ROOT, check=True, capture_output=True, text=True).stdout


def changed_files() -> list[str]:
    """Files of the package that are not as on main; on main itself, those of the last commit."""
    base = "main" if git("rev-parse", "HEAD") != git("rev-parse", "main") else "HEAD~1"
    return git("diff", "--name-only", "--diff-filter=d", base, "--", f"{PACKAGE}/*.py").split()


def files_below(names: Iterable[str]) -> list[str]:
    """Files as they are, and the Python files of folders."""
    found: set[str] = set()
    for name in names:
        path = (ROOT / name).resolve()
        if not path.exists() or not path.is_relative_to(ROOT):
            sys.exit(f"hack/mutate.py: {name}: no such file or folder in this checkout")
        inside = path.rglob("*.py") if path.is_dir() else [path]
        found.update(str(one.relative_to(ROOT)) for one in inside)
    return sorted(found)


def run_room(
    files: Sequence[str], tests: Sequence[str], processes: int, pick: Callable[[list[str]], list[str]] | None
) -> list[Mutant]:
    """The mutants of files of one room, or those that are picked by name, in a copy of the tree that is gone
    afterwards."""
    with tempfile.TemporaryDirectory(prefix="mutate-") as name:
        folder = copy_of_tree(Path(name))
        others = sorted(path.name for path in folder.iterdir() if path.name not in (PACKAGE, "tests"))
        settings: dict[str, Sequence[str]] = {
            "source_paths": [PACKAGE],
            "only_mutate": files,
            "also_copy": others,
            "pytest_add_cli_args": ["-q", "-p", "no:cacheprovider", "-m", QUICK],
            "pytest_add_cli_args_test_selection": tests,
        }
        laid_out = (f"{key} =\n" + "".join(f"  {one}\n" for one in value) for key, value in settings.items())
        (folder / "setup.cfg").write_text("[mutmut]\n" + "".join(laid_out))
        # A program that a test starts runs the mutant as well, not what is installed. The folder has to be
        # there before the interpreter starts, which else remembers that it is not.
        (folder / "mutants").mkdir()
        env = {**os.environ, "PYTHONPATH": str(folder / "mutants")}
        log = folder / "mutate.log"

        def mutmut_run(*names: str) -> bool:
            command = (*MUTMUT, "run", "--max-children", str(processes), *names)
            with log.open("w") as output:
                done = subprocess.run(command, cwd=folder, env=env, stdout=output, stderr=output, check=False)
            return done.returncode == 0

        picked: list[str] = []
        if pick is not None:
            # A name that no mutant has: mutmut lays out the mutants, then finds nothing to run and fails.
            mutmut_run("none")
            picked = pick(list(statuses_told(folder)))
        if not mutmut_run(*picked):
            print("\n".join(log.read_text(errors="replace").splitlines()[-40:]), file=sys.stderr)
            sys.exit("hack/mutate.py: mutmut failed; do the tests of the room pass?")
        statuses = statuses_told(folder)
        return [with_diff(folder, name, statuses[name]) for name in picked or statuses]


def statuses_told(folder: Path) -> dict[str, str]:
    """The status of each mutant by its name."""
    lines = (line.strip() for line in told(folder, "results", "--all", "true").splitlines())
    return {name: status for name, sign, status in (line.rpartition(": ") for line in lines) if sign}


def with_diff(folder: Path, name: str, status: str) -> Mutant:
    if status in DETECTED:
        return Mutant(name, status)
    diff = told(folder, "show", name)
    return Mutant(name, status, change_of(diff), diff)


def told(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        (*MUTMUT, *arguments), cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="*", help="files or folders; without any, what differs from main")
    parser.add_argument("--least", type=float, default=90, metavar="PERCENT", help="killed (default: 90)")
    parser.add_argument("--tests", nargs="+", help="these tests instead of the room's")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="at the same time")
    parser.add_argument("--sample", type=int, metavar="N", help="so many of each room's mutants, at random")
    parser.add_argument("--seed", type=int, default=1, help="of the sample: the same one again (default: 1)")
    options = parser.parse_args()
    files = files_below(options.files) if options.files else changed_files()
    rooms: dict[str, list[str]] = {}
    for file in files:
        rooms.setdefault(tests_of_room(file), []).append(file)

    def pick(names: list[str]) -> list[str]:
        return random.Random(options.seed).sample(sorted(names), min(options.sample, len(names)))

    mutants = [
        mutant
        for tests, mutated in rooms.items()
        for mutant in run_room(
            mutated, options.tests or [tests], options.processes, pick if options.sample else None
        )
    ]
    equivalents = load_equivalents(EQUIVALENTS.read_text())
    return report(mutants, equivalents, options.least, is_sample=bool(options.sample))


if __name__ == "__main__":
    sys.exit(main())
