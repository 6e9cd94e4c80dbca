"""The kubeconfig files of a demo: made for as long as it runs, readable by the user alone, then removed.

The folder may be one that the user named and keeps other things in. A file that no demo wrote is never
overwritten, and only what this demo wrote is removed.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import yaml

from mcs_controller.cli.errors import CliError

_MARK: Final = "# Written by mcs-controller demo, for as long as it runs.\n"


class KubeconfigFolder:
    """Writes kubeconfig files into one folder and removes them again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written: list[Path] = []

    def file(self, name: str) -> Path:
        """Where the kubeconfig of the cluster `name` is."""
        return self.path / f"{name}.kubeconfig"

    def check(self, names: Sequence[str]) -> None:
        """Whether these can be written. Raises `CliError`."""
        for name in names:
            file = self.file(name)
            with _readable(file):
                if file.exists() and not file.read_text("utf-8", "replace").startswith(_MARK):
                    raise CliError(
                        f"{file} exists and is not from a demo: "
                        "move it away, or choose another --kubeconfig-dir"
                    )

    def write(self, name: str, kubeconfig: str) -> Path:
        """Write one, for the user's eyes only."""
        file = self.file(name)
        with _readable(file):
            # Created again, since the rights of a file are only set when it is made.
            file.unlink(missing_ok=True)
            with open(
                os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
            ) as out:
                out.write(_MARK + kubeconfig)
        self._written.append(file)
        return file

    def remove_all(self) -> None:
        """Remove what was written."""
        for file in self._written:
            file.unlink(missing_ok=True)
        self._written.clear()


@contextlib.contextmanager
def kubeconfig_folder(asked_for: Path | None) -> Iterator[KubeconfigFolder]:
    """The folder that was asked for, made if need be, or a fresh one that is removed at the end."""
    with contextlib.ExitStack() as stack:
        if asked_for is None:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mcs-demo-")))
        else:
            path = asked_for.expanduser().absolute()
            with _readable(path):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = KubeconfigFolder(path)
        stack.callback(folder.remove_all)
        yield folder


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CliError(f"--kubeconfig-dir: {path}: {error.strerror}: choose another directory") from error


def with_users(kubeconfig: str, users: Sequence[str]) -> str:
    """The same kubeconfig with a context for each of these users, whose name is the context's."""
    config = yaml.safe_load(kubeconfig)
    cluster = config["clusters"][0]["name"]
    for user in users:
        config["users"].append({"name": user, "user": {"token": user}})
        config["contexts"].append({"name": user, "context": {"cluster": cluster, "user": user}})
    return yaml.safe_dump(config, sort_keys=False)
