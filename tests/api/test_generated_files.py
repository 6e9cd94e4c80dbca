"""crds/ holds what the models say, and `hack/crds.py` keeps it so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from mcs_controller.api.crd import all_crds

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "hack" / "crds.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT.parent)


def test_the_committed_files_are_what_the_models_say() -> None:
    checked = run("--check")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_each_file_is_one_definition_that_any_yaml_reader_understands(tmp_path: Path) -> None:
    assert run("--dir", tmp_path).returncode == 0
    files = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {name: yaml.safe_load(text) for name, text in files.items()} == {
        f"{crd['metadata']['name']}.yaml": crd for crd in all_crds()
    }
    for name, text in files.items():
        assert "make crds" in text.splitlines()[0], name
        assert not {"&id001", "*id001"} & set(text.split()), name


def test_check_names_the_files_that_differ_are_missing_or_belong_to_no_model(tmp_path: Path) -> None:
    run("--dir", tmp_path)
    edited, removed, *_ = sorted(tmp_path.glob("exported*.yaml"))
    edited.write_text(edited.read_text().replace("maxItems: 1000", "maxItems: 2000"))
    removed.unlink()
    (tmp_path / "widgets.example.yaml").write_text("kind: Widget\n")
    checked = run("--check", "--dir", tmp_path)
    assert checked.returncode == 1
    assert [line.split()[1] for line in checked.stderr.splitlines()] == [
        edited.name,
        removed.name,
        "widgets.example.yaml",
    ]


def test_writing_puts_right_what_check_complains_of_and_only_that(tmp_path: Path) -> None:
    run("--dir", tmp_path)
    edited, *_ = sorted(tmp_path.iterdir())
    edited.write_text("")
    (tmp_path / "widgets.example.yaml").write_text("kind: Widget\n")
    written = run("--dir", tmp_path)
    assert written.stdout.splitlines() == [f"wrote {edited.name}", "removed widgets.example.yaml"]
    assert run("--check", "--dir", tmp_path).returncode == 0
    assert run("--dir", tmp_path).stdout == ""
