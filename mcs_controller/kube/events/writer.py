"""Writes one event to the API server: creates it, or patches the count of the series that it has become.

An attempt that fails for a reason that may pass is repeated a few times; then the event is counted as dropped
and given up.
"""

import asyncio
import contextlib
import logging
from typing import Any, Final

from mcs_controller.api.resources import EVENTS
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import rfc3339_micro
from mcs_controller.kube.errors import (
    AlreadyExists,
    ApiError,
    KubeError,
    NamespaceTerminating,
    NotFound,
    ServerError,
    TooManyRequests,
)
from mcs_controller.kube.events.metrics import EventMetrics
from mcs_controller.kube.events.series import Series
from mcs_controller.kube.events.sink import ObjectRef

NAME_MAX_CHARS: Final = 253
ATTEMPTS: Final = 3
ATTEMPT_SPACING_SECONDS: Final = 2.0
ATTEMPT_SPACING_MAX_SECONDS: Final = 30.0

_log = logging.getLogger(__name__)


class EventWriter:
    """Writes through one API server, as the reporting controller `component` and its replica `instance`."""

    def __init__(self, client: Client, *, component: str, instance: str, metrics: EventMetrics) -> None:
        self._client = client
        self._component = component
        self._instance = instance[:128]
        self._metrics = metrics
        self._last_name_number = 0

    async def write(self, series: Series) -> bool:
        """Create or continue it; False when it had to be given up."""
        for attempt in range(1, ATTEMPTS + 1):
            wait_seconds = ATTEMPT_SPACING_SECONDS
            try:
                await self._create_or_continue(series)
                return True
            except (ServerError, TooManyRequests) as error:
                problem: KubeError = error
                wait_seconds = min(error.retry_after_seconds or wait_seconds, ATTEMPT_SPACING_MAX_SECONDS)
            except ApiError as error:
                self._give_up(series, "refused", error)
                return False
            except KubeError as error:
                problem = error
            if attempt < ATTEMPTS:
                await asyncio.sleep(wait_seconds)
        self._give_up(series, "unreachable", problem)
        return False

    async def _create_or_continue(self, series: Series) -> None:
        if series.written_count:
            try:
                await self._continue(series)
                return
            except NotFound:
                # Events expire (after an hour by default), or were deleted: create a new one.
                series.written_count = 0
                series.name = ""
        await self._create(series)

    async def _create(self, series: Series) -> None:
        if not series.name:
            series.name = self._new_name(series)
        count = series.count
        body = self._body(series)
        # The name is ours alone: that it exists means that an answer to an earlier attempt was lost.
        with contextlib.suppress(AlreadyExists):
            await self._client.create(EVENTS, body, namespace=_namespace_of(series.told.regarding))
        series.written_count = count
        self._metrics.created.inc()

    async def _continue(self, series: Series) -> None:
        count = series.count
        patch = {"series": series.to_wire()}
        await self._client.patch(EVENTS, series.name, patch, namespace=_namespace_of(series.told.regarding))
        series.written_count = count
        self._metrics.continued.inc()

    def _give_up(self, series: Series, reason: str, error: KubeError) -> None:
        self._metrics.dropped.labels(reason=reason).inc()
        regarding = series.told.regarding
        # In a namespace that is being deleted the event is not needed.
        ending = isinstance(error, NamespaceTerminating | NotFound)
        _log.log(
            logging.DEBUG if ending else logging.WARNING,
            "event %s on %s %s/%s not written: %s",
            series.told.reason, regarding.kind, regarding.namespace, regarding.name, error,
        )  # fmt: skip

    def _body(self, series: Series) -> dict[str, Any]:
        told, regarding = series.told, series.told.regarding
        body: dict[str, Any] = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": series.name, "namespace": _namespace_of(regarding)},
            "eventTime": rfc3339_micro(series.first_seen),
            "reportingController": self._component,
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "reason": told.reason,
            "note": told.note,
            "type": told.type,
            "regarding": {
                "apiVersion": regarding.api_version,
                "kind": regarding.kind,
                "namespace": regarding.namespace,
                "name": regarding.name,
                "uid": regarding.uid,
            },
        }
        if series.count > 1:
            body["series"] = series.to_wire()
        return body

    def _new_name(self, series: Series) -> str:
        """The object's name and the time in hexadecimal, as kubectl's users know it; never twice the same."""
        number = max(int(series.first_seen.timestamp() * 1_000_000) * 1000, self._last_name_number + 1)
        self._last_name_number = number
        suffix = f".{number:x}"
        return series.told.regarding.name[: NAME_MAX_CHARS - len(suffix)].rstrip("-.") + suffix


def _namespace_of(regarding: ObjectRef) -> str:
    """Where its events are: an API server wants those about an object of the whole cluster in one place."""
    return regarding.namespace or "default"
