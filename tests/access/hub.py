"""A hub that has Secrets and nothing else, for plugins that run as processes."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from mcs_controller.access.providers import EXEC_VERSION
from tests.cli.program import Ended, run
from tests.kube.http_servers import serving
from tests.support.kubeconfigs import kubeconfig, write

Json = dict[str, Any]


class Hub:
    """`secrets` are by namespace and name; what was asked for is in `paths`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.secrets: dict[str, Mapping[str, str | bytes]] = {}
        self.paths: list[str] = []
        self.refuses: tuple[int, str] | None = None
        """The status, and its reason, of every answer."""

    def kubeconfig(
        self, *, namespace: str | None = None, user: Json | None = None, cluster: Json | None = None
    ) -> Path:
        """By which the plugin reaches the hub."""
        context = {"cluster": "c", "user": "u", **({"namespace": namespace} if namespace else {})}
        content = kubeconfig(
            self.url, user=user, cluster=cluster, contexts=[{"name": "main", "context": context}]
        )
        return write(self.folder, "hub.kubeconfig", content)

    async def plugin(self, name: str, config: object, *words: str | Path, **environment: str) -> Ended:
        """How the plugin ended that was told `config`; its kubeconfig is in the namespace `consumer`."""
        environment.setdefault("KUBERNETES_EXEC_INFO", exec_info(config))
        if "KUBECONFIG" not in environment:
            environment["KUBECONFIG"] = str(self.kubeconfig(namespace="consumer"))
        return await run("credentials", name, *words, environment=environment)


@asynccontextmanager
async def serving_hub(folder: Path) -> AsyncIterator[Hub]:
    """The hub while it serves."""
    hub = Hub(folder, "")

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        hub.paths.append(request.path)
        if hub.refuses is not None:
            code, reason = hub.refuses
            body = {"kind": "Status", "status": "Failure", "reason": reason, "code": code}
            return web.json_response({**body, "message": f"{reason}: user consumer"}, status=code)
        _, _, _, _, namespace, _, name = request.path.split("/")
        data = hub.secrets.get(f"{namespace}/{name}")
        if data is None:
            status = {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}
            return web.json_response({**status, "message": f'secrets "{name}" not found'}, status=404)
        encoded = {
            key: b64encode(value if isinstance(value, bytes) else value.encode()).decode()
            for key, value in data.items()
        }
        return web.json_response({"metadata": {"name": name, "namespace": namespace}, "data": encoded})

    async with serving(handle) as url:
        hub.url = url
        yield hub


def exec_info(config: object, **changes: Any) -> str:
    """What the caller of a plugin says; `changes` are of the ExecCredential."""
    cluster: Json = {"server": "https://east.example:6443"}
    if config is not None:
        cluster["config"] = config
    spec = {"interactive": False, "cluster": cluster}
    return json.dumps({"apiVersion": EXEC_VERSION, "kind": "ExecCredential", "spec": spec, **changes})


def status_of(ended: Ended) -> Json:
    """The credential that a plugin printed, as the protocol wants it."""
    assert (ended.exit_code, ended.stderr) == (0, ""), ended
    assert ended.stdout.endswith("\n")
    assert ended.stdout.count("\n") == 1
    answer = json.loads(ended.stdout)
    assert (answer["apiVersion"], answer["kind"]) == (EXEC_VERSION, "ExecCredential")
    found: Json = answer["status"]
    return found


def complaint_of(ended: Ended, plugin: str) -> str:
    """What a plugin said that had no credential."""
    assert (ended.exit_code, ended.stdout) == (1, ""), ended
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"[{plugin}] ")
    return line.removeprefix(f"[{plugin}] ")
