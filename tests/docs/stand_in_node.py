"""A node for a real control plane that has none: it runs our image's pods as processes of this machine.

A pod of our image becomes a process with the pod's command and options, the token of its ServiceAccount, and
the Secret that it mounts as a file. It is ready as its readiness probe says, and is ended as a kubelet does.
Any other pod is only said to run.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import Process
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tests.realkube import rest
from tests.realkube.controlplane import ControlPlane
from tests.realkube.product import PROGRAM, free_port
from tests.realkube.rest import MERGE_PATCH

JsonObject = dict[str, Any]

LOOK_SECONDS = 0.3
ENDS_WITHIN_SECONDS = 20.0
HEARTBEAT_SECONDS = "2"
"""Instead of the chart's: with each an importer says what it has let go of, for which `leave` waits."""
NODE = "node"


@dataclass(slots=True)
class Running:
    process: Process
    http: int
    dns: int
    mounted: tuple[str, Path] | None
    """The path of the Secret whose only key is a file of this pod, and that file."""
    phase: str = ""
    ready: bool | None = None


class StandInNode:
    """`pods` are those that run, by namespace and name."""

    def __init__(self, plane: ControlPlane, image: str, number: int, folder: Path) -> None:
        self.pods: dict[tuple[str, str], Running] = {}
        self._plane = plane
        self._image = image
        self._network = f"10.{number}.0"
        self._folder = folder / f"node-{plane.name}"
        self._folder.mkdir()
        self._addresses: dict[str, str] = {}

    async def run(self) -> None:
        """Until cancelled; then nothing runs any more."""
        await self._plane.call("POST", "/api/v1/nodes", {"metadata": {"name": NODE}})
        try:
            while True:
                # An API server on a busy machine may not answer in time: as a kubelet does, it looks again.
                with suppress(TimeoutError, ConnectionError, HTTPException):
                    await self._look()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            for running in self.pods.values():
                await _end(running, signal.SIGKILL)

    def logs(self) -> str:
        return "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in self._folder.glob("*.log"))

    async def _look(self) -> None:
        listed = (await self._plane.call("GET", "/api/v1/pods"))["items"]
        ending = []
        for pod in listed:
            metadata = pod["metadata"]
            key = (metadata["namespace"], metadata["name"])
            if "nodeName" not in pod["spec"]:
                target = {"metadata": {"name": key[1]}, "target": {"kind": "Node", "name": NODE}}
                await self._plane.request("POST", f"{_path(pod)}/binding", target)
            elif "deletionTimestamp" in metadata:
                ending.append(self._remove(key, pod))
            elif pod["spec"]["containers"][0]["image"] != self._image:
                if "podIP" not in pod["status"]:
                    await self._tell(pod, "Running", ready=True)
            elif key in self.pods or await self._start(key, pod):
                await self._follow(pod, self.pods[key])
        await asyncio.gather(*ending)

    async def _remove(self, key: tuple[str, str], pod: JsonObject) -> None:
        if key in self.pods:
            await _end(self.pods.pop(key), signal.SIGTERM)
        await self._plane.request("DELETE", _path(pod), {"gracePeriodSeconds": 0})

    async def _start(self, key: tuple[str, str], pod: JsonObject) -> bool:
        """Whether it could be: a pod waits for a Secret that it mounts."""
        namespace, name = key
        environment = {"PATH": os.defpath}
        container = pod["spec"]["containers"][0]
        said_of_pod = {"metadata.uid": pod["metadata"]["uid"]}
        for variable in container.get("env", ()):
            value = variable.get("value") or said_of_pod[variable["valueFrom"]["fieldRef"]["fieldPath"]]
            environment[variable["name"]] = value
        mounted = None
        for volume in pod["spec"].get("volumes", ()):
            if "secret" in volume:
                path = f"/api/v1/namespaces/{namespace}/secrets/{volume['secret']['secretName']}"
                # Named as the key, by which the agent knows what of the Secret it has.
                mounted = (path, self._folder / name / "kubeconfig")
                mounted[1].parent.mkdir(exist_ok=True)
                if not await self._write(mounted):
                    return False
                environment["MCS_BROKER_KUBECONFIG"] = str(mounted[1])
        account = pod["spec"]["serviceAccountName"]
        kubeconfig = await self._plane.service_account_kubeconfig(namespace, account)
        http, dns = free_port(), free_port()
        environment |= {
            "MCS_KUBECONFIG": str(kubeconfig),
            "MCS_HTTP": f"127.0.0.1:{http}",
            "MCS_LISTEN": f"127.0.0.1:{dns}",
            "MCS_HEARTBEAT_INTERVAL_SECONDS": HEARTBEAT_SECONDS,
        }
        assert container["command"] == [PROGRAM.name]
        with (self._folder / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                PROGRAM,
                *container["args"],
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.pods[key] = Running(process, http, dns, mounted)
        return True

    async def _write(self, mounted: tuple[str, Path]) -> bool:
        """The Secret's key as a file; whether the Secret is there."""
        path, file = mounted
        answer = await self._plane.request("GET", path)
        if answer.status != 200:
            return False
        (content,) = answer.body["data"].values()
        decoded = b64decode(content)
        if not file.exists() or file.read_bytes() != decoded:
            # Only what has changed, and whole or not at all, as a kubelet does.
            fresh = file.with_suffix(".new")
            fresh.write_bytes(decoded)
            fresh.rename(file)
        return True

    async def _follow(self, pod: JsonObject, running: Running) -> None:
        if running.mounted is not None:
            await self._write(running.mounted)
        code = running.process.returncode
        phase = "Running" if code is None else "Failed" if code else "Succeeded"
        probed = "readinessProbe" in pod["spec"]["containers"][0]
        ready = code is None and (
            not probed or await rest.answers_ok(f"http://127.0.0.1:{running.http}", "/readyz")
        )
        if (phase, ready) != (running.phase, running.ready):
            await self._tell(pod, phase, ready=ready)
            running.phase, running.ready = phase, ready

    async def _tell(self, pod: JsonObject, phase: str, *, ready: bool) -> None:
        metadata = pod["metadata"]
        address = self._addresses.setdefault(metadata["uid"], f"{self._network}.{len(self._addresses) + 10}")
        status = {
            "phase": phase,
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        }
        # It may be gone meanwhile.
        path = f"{_path(pod)}/status"
        await self._plane.request("PATCH", path, {"status": status}, content_type=MERGE_PATCH)


def _path(pod: JsonObject) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


async def _end(running: Running, number: signal.Signals) -> None:
    if running.process.returncode is not None:
        return
    running.process.send_signal(number)
    try:
        await asyncio.wait_for(running.process.wait(), ENDS_WITHIN_SECONDS)
    except TimeoutError:
        running.process.kill()
        await running.process.wait()
