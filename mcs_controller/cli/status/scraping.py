"""Reads the metrics of one cluster's agents and DNS servers, and remembers those of the last minutes.

They are asked where the user said, or else in their pods, through the API server's proxy: that takes the
right to list pods and to get `pods/proxy` in their namespace, and no port that is open to the user.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Sequence
from typing import Final, Literal

from mcs_controller.api.resources import PODS
from mcs_controller.cli.status.settings import MetricsOf
from mcs_controller.clusterset.errors import MalformedObject, cut
from mcs_controller.clusterset.fields import Json, an_object, child, integer, items, text
from mcs_controller.clusterset.overview.exposition import read_samples
from mcs_controller.clusterset.overview.figures import Reading
from mcs_controller.clusterset.overview.model import Unknown
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.credentials import StaticCredential
from mcs_controller.kube.connection.http_transport import HttpTransport
from mcs_controller.kube.errors import Forbidden, KubeError, NotFound

Component = Literal["agent", "dns"]

REMEMBERED_SECONDS: Final = 300.0
READINGS_MAX: Final = 300
PODS_MAX: Final = 10
"""Of each component, so that a look at a cluster costs it little."""
_LABELS: Final = "app.kubernetes.io/name=mcs-controller,app.kubernetes.io/component="
_HTTP_PORT: Final = 8080
_CONTAINERS_MAX: Final = 1000


class Scraper:
    """The metrics of one component of one cluster. `unknown` says why nothing was read in the last round."""

    def __init__(self, client: Client, component: Component, namespace: str, timeout_seconds: float) -> None:
        self.unknown: Unknown | None = Unknown("it has not been asked yet")
        self._client = client
        self._component = component
        self._namespace = namespace
        self._timeout_seconds = timeout_seconds
        self._readings: dict[str, deque[Reading]] = {}

    def readings(self) -> Sequence[Sequence[Reading]]:
        """Of each process that answered in the last round, the oldest reading first."""
        return [tuple(one) for one in self._readings.values()]

    async def read(self, given: Sequence[MetricsOf]) -> None:
        """One round: ask what was `given`, or else the pods. Takes no longer than twice the time-out."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                paths = [] if given else await self._pods()
        except (KubeError, MalformedObject, TimeoutError) as error:
            self._nothing(self._why(error))
            return
        if not given and not paths:
            where = (
                f"namespace {self._namespace} has no running pod with the labels {_LABELS}{self._component}"
            )
            self._nothing(f"{where}: give --namespace or {self._option}")
            return
        asked: dict[str, Awaitable[str]] = {
            **{f"{one.server}{one.path}": self._ask_url(one) for one in given},
            **{path: self._client.get_text(path) for path in paths},
        }
        answers = await asyncio.gather(*(self._within(one) for one in asked.values()))
        now_seconds = asyncio.get_running_loop().time()
        problem = ""
        before, self._readings = self._readings, {}
        for name, answer in zip(asked, answers, strict=True):
            if isinstance(answer, str):
                kept = before.get(name) or deque(maxlen=READINGS_MAX)
                kept.append(Reading(now_seconds, read_samples(answer)))
                while now_seconds - kept[0].at_seconds > REMEMBERED_SECONDS:
                    kept.popleft()
                self._readings[name] = kept
            else:
                problem = problem or self._why(answer)
        self.unknown = None if self._readings else Unknown(problem)

    async def _within(self, ask: Awaitable[str]) -> str | KubeError | TimeoutError:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await ask
        except (KubeError, TimeoutError) as error:
            return error

    async def _ask_url(self, of: MetricsOf) -> str:
        transport = HttpTransport(of.server, credential=StaticCredential())
        try:
            return await Client(transport, name="metrics").get_text(of.path)
        finally:
            await transport.close()

    async def _pods(self) -> list[str]:
        """The paths of the metrics of its running pods."""
        found = await self._client.list(
            PODS, namespace=self._namespace, label_selector=f"{_LABELS}{self._component}"
        )
        running = [
            pod
            for pod in found.items
            if child(pod, "status").get("phase") == "Running"
            and not child(pod, "metadata").get("deletionTimestamp")
        ]
        return [
            PODS.path(self._namespace, f"{text(child(pod, 'metadata'), 'name')}:{_http_port(pod)}", "proxy")
            + "/metrics"
            for pod in running[:PODS_MAX]
        ]

    def _nothing(self, reason: str) -> None:
        self.unknown = Unknown(reason)
        self._readings = {}

    @property
    def _option(self) -> str:
        return f"--{self._component}-metrics URL"

    def _why(self, error: KubeError | MalformedObject | TimeoutError) -> str:
        if isinstance(error, TimeoutError):
            return f"no answer within {self._timeout_seconds:g} s"
        if isinstance(error, Forbidden):
            return f"you may not ask its pods: {cut(error.message, 160)}; give {self._option}"
        if isinstance(error, NotFound):
            return f"its API server has no pods to ask: give {self._option}"
        return cut(str(error), 200)


def _http_port(pod: Json) -> int:
    for container in items(child(pod, "spec"), "containers", _CONTAINERS_MAX):
        for port in items(an_object(container, "containers"), "ports", _CONTAINERS_MAX):
            if an_object(port, "ports").get("name") == "http":
                return integer(port, "containerPort") or _HTTP_PORT
    return _HTTP_PORT
