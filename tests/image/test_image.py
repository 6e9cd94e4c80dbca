"""The image as it was built: what it starts and as whom, and what is not in it.

Whether it works is for tests/realnode/, where pods of whole clusters run it.
"""

from __future__ import annotations

import json
import re
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcs_controller import __version__

BUILD_TOOLS = {"pip", "pip3", "ensurepip", "setuptools", "wheel", "hatchling", "gcc", "cc", "ld", "make"}
NAME = f"mcs-controller:{__version__}"
HOME = "opt/mcs-controller"


@pytest.fixture(scope="module")
def config(container_image: Path) -> dict[str, Any]:
    with tarfile.open(container_image) as archive:
        (image,) = read(archive, "manifest.json")
        assert [name.removeprefix("docker.io/library/") for name in image["RepoTags"]] == [NAME]
        told: dict[str, Any] = read(archive, image["Config"])["config"]
        return told


@pytest.fixture(scope="module")
def files(container_image: Path) -> dict[str, tarfile.TarInfo]:
    """By path, as the layers leave them."""
    found: dict[str, tarfile.TarInfo] = {}
    with tarfile.open(container_image) as archive:
        (image,) = read(archive, "manifest.json")
        for name in image["Layers"]:
            layer = archive.extractfile(name)
            assert layer is not None
            with tarfile.open(fileobj=layer) as unpacked:
                for entry in unpacked:
                    folder, _, last = entry.name.removeprefix("./").rpartition("/")
                    if last.startswith(".wh."):
                        gone = f"{folder}/{last.removeprefix('.wh.')}"
                        found = {path: one for path, one in found.items() if not is_below(path, gone)}
                    else:
                        found[entry.name.removeprefix("./")] = entry
    return found


def read(archive: tarfile.TarFile, name: str) -> Any:
    member = archive.extractfile(name)
    assert member is not None
    return json.load(member)


def is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def test_it_starts_the_program_as_a_user_who_is_not_root(config: dict[str, Any]) -> None:
    assert config["Entrypoint"] == ["mcs-controller"]
    assert not config.get("Cmd")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", config["User"])
    environment = dict(one.split("=", 1) for one in config["Env"])
    assert environment["PATH"].startswith(f"/{HOME}/bin:")
    assert not [name for name in environment if name.startswith("PIP_")]


def test_it_says_what_it_is(config: dict[str, Any]) -> None:
    labels = {
        name.rpartition(".")[2]: value for name, value in config["Labels"].items() if "opencontainers" in name
    }
    assert labels["title"] == "mcs-controller"
    assert labels["version"] == __version__
    assert labels["licenses"] == "Apache-2.0"
    assert labels["description"]


def test_nothing_that_installs_or_compiles_is_in_it(files: dict[str, tarfile.TarInfo]) -> None:
    assert f"{HOME}/bin/mcs-controller" in files
    places = re.compile(r"(?:^|/)(?:s?bin|python3[.\d]*|(?:site|dist)-packages)/([^/]+)$")
    installed = {found[1] for path in files if (found := places.search(path))}
    assert {"python3", "asyncio", "aiohttp"} <= installed
    assert installed & BUILD_TOOLS == set()
    assert [path for path in files if "mcs_controller/" in path and "/tests/" in path] == []
    assert [path for path in files if path.endswith(".whl")] == []


def test_nobody_but_root_can_write_the_program(files: dict[str, tarfile.TarInfo]) -> None:
    ours = {path: entry for path, entry in files.items() if is_below(path, HOME)}
    assert ours
    assert [path for path, entry in ours.items() if entry.uid or entry.gid] == []
    assert [path for path, entry in ours.items() if not entry.issym() and entry.mode & stat.S_IWOTH] == []


def test_every_module_is_compiled_since_a_read_only_root_never_will(
    files: dict[str, tarfile.TarInfo],
) -> None:
    assert list(not_compiled(files)) == []


def not_compiled(files: dict[str, tarfile.TarInfo]) -> Iterator[str]:
    compiled = {
        re.sub(r"__pycache__/(.+?)\.cpython-\d+\.pyc$", r"\1.py", path)
        for path in files
        if "__pycache__" in path
    }
    standard = re.compile(r"usr/(?:local/)?lib/python3\.\d+/(?!.*(?:/test/|-packages/))")
    for path in files:
        if path.endswith(".py") and (is_below(path, HOME) or standard.match(path)) and path not in compiled:
            yield path
