"""One real control plane: an API server with RBAC, TLS and its own users, and a controller manager.

The etcd behind it is shared and belongs to clusterset.py. An API server can be killed, started
again on the same port with the same data, and stopped in its tracks (`pause`), as clusters do.
The methods may be used from any event loop: only processes and files are kept.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.realkube import rest
from tests.realkube.audit import write_audit_policy
from tests.realkube.binaries import Binaries
from tests.realkube.credentials import (
    Credential,
    new_credential,
    write_kubeconfig,
    write_service_account_key,
    write_token_file,
)
from tests.realkube.place import LOOPBACK, Place
from tests.realkube.process import ReservedPort, ServerProcess
from tests.support.waiting import eventually

ADMIN = "admin"
MANAGER = "system:kube-controller-manager"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20
SERVICE_CIDR_V4 = "10.96.0.0/16"
SERVICE_CIDR_V6 = "fd00:10:96::/108"
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
)
"""Not the node and pod clean-up ones: no kubelet reports for the nodes and pods of the tests."""

CRDS_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
REPEATS_MAX = 10
"""Of one request, while the server says when to ask again."""


@dataclass(frozen=True, slots=True)
class ControlPlaneSpec:
    name: str
    credentials: tuple[Credential, ...] = ()
    """Besides `admin`, who may do everything; these may do nothing until RBAC says so."""
    controller_manager: bool = True
    dual_stack: bool = False
    controllers: tuple[str, ...] = CONTROLLERS
    api_server_flags: tuple[str, ...] = ()
    serves_pods: bool = False
    """Pods have a service account's token, and reach the API server by its Service."""
    audited: bool = False
    """Whether what service accounts ask is kept in `ControlPlane.audit_log` (audit.py)."""


@dataclass(frozen=True, slots=True)
class CompletedKubectl:
    returncode: int
    stdout: str
    stderr: str


class KubectlError(Exception):
    pass


class ControlPlane:
    def __init__(
        self,
        spec: ControlPlaneSpec,
        binaries: Binaries,
        etcd_url: str,
        work_dir: Path,
        place: Place = LOOPBACK,
    ) -> None:
        self.name = spec.name
        self.place = place
        self._work_dir = work_dir / spec.name
        self._work_dir.mkdir()
        self._kubectl_program = binaries.kubectl
        self._port = ReservedPort()
        self._manager_port = ReservedPort()
        self.url = f"https://{place.address}:{self._port.number}"
        self.ca_file = self._work_dir / "pki" / "apiserver.crt"
        manager = new_credential(MANAGER)
        admin = new_credential(ADMIN, "system:masters")
        self._tokens = {one.user: one.token for one in (admin, manager, *spec.credentials)}
        write_token_file(self._work_dir / "tokens.csv", (admin, manager, *spec.credentials))
        self.service_account_key = self._work_dir / "service-account.key"
        write_service_account_key(self.service_account_key)
        self.audit_log = self._work_dir / "audit.log"
        if spec.audited:
            write_audit_policy(self._audit_policy)
        self._api_server = ServerProcess(
            "kube-apiserver",
            place.command([binaries.kube_apiserver, *self._api_server_flags(etcd_url, spec)]),
            self._work_dir,
        )
        self._manager: ServerProcess | None = None
        if spec.controller_manager:
            self._manager = ServerProcess(
                "kube-controller-manager",
                place.command([binaries.kube_controller_manager, *self._manager_flags(spec)]),
                self._work_dir,
            )

    async def start(self) -> None:
        await self.start_api_server()
        if self._manager is not None:
            self.kubeconfig(MANAGER)
            self._manager.start()
            url = f"https://127.0.0.1:{self._manager_port.number}"
            authority = self._work_dir / "pki" / "kube-controller-manager.crt"
            await self._manager.wait_ready(
                lambda: rest.answers_ok(url, "/healthz", authority, self.place), START_TIMEOUT_S
            )

    async def shut_down(self) -> None:
        """As its administrator does, so that it can be started again; watches may hold it for a while."""
        if self._manager is not None:
            await asyncio.to_thread(self._manager.kill)
        await asyncio.to_thread(self._api_server.end, STOP_TIMEOUT_S)

    def stop(self) -> None:
        if self._manager is not None:
            self._manager.kill()
        self._api_server.kill()
        self._manager_port.release()
        self._port.release()

    async def start_api_server(self) -> None:
        self._api_server.start()
        await self._api_server.wait_ready(
            lambda: rest.answers_ok(self.url, "/readyz", self.ca_file, self.place), START_TIMEOUT_S
        )

    async def stop_api_server(self) -> None:
        """As in a crash: connections break, and new ones are refused until it is started again."""
        await asyncio.to_thread(self._api_server.kill)

    def pause(self) -> None:
        """It stands still: connections stay open, the kernel accepts new ones, none is answered."""
        self._api_server.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._api_server.signal(signal.SIGCONT)

    def token(self, user: str = ADMIN) -> str:
        return self._tokens[user]

    def kubeconfig(self, user: str = ADMIN) -> Path:
        return self._write_kubeconfig(user, self._tokens[user])

    async def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """For an existing service account, with a token that the API server issues for it."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = await self.call("POST", path, {"spec": {"expirationSeconds": 3600}})
        return self._write_kubeconfig(f"{namespace}.{name}", answer["status"]["token"])

    def kubectl_command(self, *args: str, user: str = ADMIN) -> list[str | Path]:
        """For who needs more of it than `kubectl` gives."""
        return [
            *self.place.command([self._kubectl_program]),
            f"--kubeconfig={self.kubeconfig(user)}",
            f"--cache-dir={self._work_dir / 'kubectl-cache'}",
            *args,
        ]

    async def kubectl(
        self, *args: str, stdin: str | None = None, user: str = ADMIN, check: bool = True
    ) -> CompletedKubectl:
        process = await asyncio.create_subprocess_exec(
            *self.kubectl_command(*args, user=user),
            env={"HOME": str(self._work_dir), "PATH": os.environ.get("PATH", os.defpath)},
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            out, err = await process.communicate(None if stdin is None else stdin.encode())
        except asyncio.CancelledError:
            process.kill()
            await process.communicate()
            raise
        assert process.returncode is not None
        completed = CompletedKubectl(process.returncode, out.decode(), err.decode())
        if check and completed.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(args)} ({self.name}): {completed.stderr.strip()}")
        return completed

    async def delete_crds(self, *names: str) -> None:
        """They are gone after it, those that are not there among them.

        Each kind is asked for first. One that nobody has asked for yet is not ready when kube-apiserver lists
        its objects to delete them; where the next try meets the change that the failed one made, it does not
        try again before it looks at everything anew, which is every five minutes.
        """
        for name in names:
            await eventually(partial(self._has_answered_for, name))
        await self.kubectl("delete", "--ignore-not-found", "crd", *names)

    async def _has_answered_for(self, crd_name: str) -> bool:
        found = await self.request("GET", f"{CRDS_PATH}/{crd_name}")
        if found.status == 404:
            return True
        spec = found.body["spec"]
        versions = [one["name"] for one in spec["versions"] if one["served"]]
        kinds = [f"/apis/{spec['group']}/{version}/{spec['names']['plural']}" for version in versions]
        return all([(await self.request("GET", kind)).status == 200 for kind in kinds])

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str = ADMIN,
        content_type: str | None = None,
    ) -> rest.Response:
        """One API request, whatever its status: a tenth of what starting kubectl costs."""
        return await rest.send(
            self.url,
            method,
            path,
            ca_file=self.ca_file,
            token=self._tokens[user],
            body=body,
            content_type=content_type,
            place=self.place,
        )

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The body of a successful answer; `rest.ApiError` otherwise.

        A server that says when to ask again is asked again: for a second it does not serve a kind whose CRD
        another test has changed ("storage is (re)initializing").
        """
        response = await self.request(method, path, body, **options)
        for _ in range(REPEATS_MAX):
            if (seconds := rest.retry_after_seconds(response)) is None:
                break
            await asyncio.sleep(seconds)
            response = await self.request(method, path, body, **options)
        if response.status >= 300:
            raise rest.ApiError(f"{method} {path} ({self.name})", response)
        return response.body

    def _write_kubeconfig(self, label: str, token: str) -> Path:
        path = self._kubeconfig_path(label)
        write_kubeconfig(path, url=self.url, ca_file=self.ca_file, token=token)
        return path

    def _kubeconfig_path(self, label: str) -> Path:
        return self._work_dir / f"{label.replace(':', '-')}.kubeconfig"

    @property
    def _audit_policy(self) -> Path:
        return self._work_dir / "audit-policy.json"

    def _api_server_flags(self, etcd_url: str, spec: ControlPlaneSpec) -> Iterator[str]:
        key = self.service_account_key
        cidrs = [SERVICE_CIDR_V4, *([SERVICE_CIDR_V6] if spec.dual_stack else [])]
        yield f"--etcd-servers={etcd_url}"
        yield f"--etcd-prefix=/{self.name}"
        yield f"--bind-address={self.place.address}"
        # Else it looks for the machine's own address, which a test machine need not have.
        yield f"--advertise-address={self.place.address}"
        yield f"--endpoint-reconciler-type={'lease' if spec.serves_pods else 'none'}"
        yield f"--secure-port={self._port.number}"
        yield "--permit-port-sharing=true"
        yield f"--cert-dir={self.ca_file.parent}"
        yield "--authorization-mode=RBAC"
        yield f"--token-auth-file={self._work_dir / 'tokens.csv'}"
        yield "--service-account-issuer=https://kubernetes.default.svc.cluster.local"
        yield f"--service-account-key-file={key}"
        yield f"--service-account-signing-key-file={key}"
        if not spec.serves_pods:
            # It would refuse pods until their namespace has a service account, and mount tokens.
            yield "--disable-admission-plugins=ServiceAccount"
        yield f"--service-cluster-ip-range={','.join(cidrs)}"
        if spec.audited:
            yield f"--audit-policy-file={self._audit_policy}"
            yield f"--audit-log-path={self.audit_log}"
        yield from spec.api_server_flags

    def _manager_flags(self, spec: ControlPlaneSpec) -> Iterator[str]:
        yield f"--kubeconfig={self._kubeconfig_path(MANAGER)}"
        yield "--bind-address=127.0.0.1"
        yield f"--secure-port={self._manager_port.number}"
        yield "--permit-port-sharing=true"
        yield f"--cert-dir={self.ca_file.parent}"
        yield "--leader-elect=false"
        yield "--use-service-account-credentials=true"
        yield f"--service-account-private-key-file={self.service_account_key}"
        controllers = list(spec.controllers)
        if spec.serves_pods:
            yield f"--root-ca-file={self.ca_file}"
            controllers.append("root-ca-certificate-publisher-controller")
        yield f"--controllers={','.join(controllers)}"
        yield "--endpointslice-updates-batch-period=0s"
