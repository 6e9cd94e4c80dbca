"""ClusterProfiles and provider files to write, and a plugin that says what it was given."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

from mcs_controller.access.providers import EXEC_VERSION, Providers, parse_providers

ARGS = "clusterprofiles.multicluster.x-k8s.io/exec/additional-args"
ENVS = "clusterprofiles.multicluster.x-k8s.io/exec/additional-envs"
CONFIG = "client.authentication.k8s.io/exec"
SERVER = "https://east.example:6443"

Json = dict[str, Any]


def offer(name: str = "plugin", server: str = SERVER, extensions: Json | None = None, **cluster: Any) -> Json:
    """One access provider; underscores in the fields' names stand for hyphens."""
    fields = {field.replace("_", "-"): value for field, value in cluster.items()}
    listed = [{"name": key, "extension": value} for key, value in (extensions or {}).items()]
    return {
        "name": name,
        "cluster": {"server": server, **fields, **({"extensions": listed} if listed else {})},
    }


def profile(*offers: Json, name: str = "prod-east", deprecated: tuple[Json, ...] = ()) -> Json:
    """A ClusterProfile with these access providers, and with these under the name that is deprecated."""
    status: Json = {"accessProviders": list(offers)}
    if deprecated:
        status["credentialProviders"] = list(deprecated)
    return {
        "apiVersion": "multicluster.x-k8s.io/v1alpha1",
        "kind": "ClusterProfile",
        "metadata": {"name": name, "namespace": "mcs-inventory"},
        "spec": {"clusterManager": {"name": "prod"}},
        "status": status,
    }


def entry(name: str = "plugin", command: str = "login", **changes: Any) -> Json:
    """One entry of a provider file; `changes` are fields of its execConfig, or its two policies."""
    policies: Json = {
        field: changes.pop(field)
        for field in ("profileSourcedCLIArgsPolicy", "profileSourcedEnvVarsPolicy")
        if field in changes
    }
    return {
        "name": name,
        "execConfig": {"apiVersion": EXEC_VERSION, "command": command, **changes},
        **policies,
    }


def file_text(*entries: Json) -> bytes:
    """A provider file."""
    return json.dumps({"providers": list(entries)}).encode()


def providers(*entries: Json, folder: Path = Path("/nowhere")) -> Providers:
    """What a provider file says that lies in `folder`."""
    return Providers(parse_providers(file_text(*entries)), folder)


def ca_data(pem: bytes) -> str:
    """As a profile has it."""
    return b64encode(pem).decode()


_PLUGIN = """
import json, os, sys
from pathlib import Path
folder = Path(__file__).parent
with (folder / "runs").open("a") as file:
    print(json.dumps({"argv": sys.argv[1:], "environment": dict(os.environ)}), file=file)
answer = (folder / "answer").read_text()
if not answer:
    print("no login for db_password=s3cret-of-mine", file=sys.stderr)
    sys.exit(1)
runs = len((folder / "runs").read_text().splitlines())
print(answer.replace("RUNS", str(runs)))
"""


class FakePlugin:
    """A program in `folder` that hands out what the test says, and keeps what it was given."""

    def __init__(self, folder: Path, **status: Any) -> None:
        self.folder = folder
        (folder / "plugin.py").write_text(_PLUGIN)
        self.command = "./plugin"
        script = folder / "plugin"
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -S {folder}/plugin.py "$@"\n')
        script.chmod(0o755)
        self.answer(**(status or {"token": "token-number-RUNS"}))

    def answer(self, **status: Any) -> None:
        """What it prints from now on."""
        body = {"apiVersion": EXEC_VERSION, "kind": "ExecCredential", "status": status}
        (self.folder / "answer").write_text(json.dumps(body))

    def fail(self) -> None:
        """From now on it ends with a complaint."""
        (self.folder / "answer").write_text("")

    @property
    def runs(self) -> list[Json]:
        """Arguments and environment of each run."""
        path = self.folder / "runs"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def info(self) -> Json:
        """What the last run was told in the protocol."""
        told: Json = json.loads(self.runs[-1]["environment"]["KUBERNETES_EXEC_INFO"])
        return told
