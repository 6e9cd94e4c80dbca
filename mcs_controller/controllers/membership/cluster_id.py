"""Finds this cluster's id: from `--cluster-id`, from the ClusterProperty of KEP-2149, or equal in both.

Where neither says one, it may be the UID of the namespace kube-system, as KEP-2149 recommends.

The property is read once, at start: an id is constant for a membership (MCS-NS-05), and a changed id is a
leave and a join (`former_ids.py`). The CRD of ClusterProperty is optional. Errors that may pass are retried
and shown in `problem`. Errors that need an operator are `InvalidClusterId`.
"""

import asyncio
import logging
from random import Random
from typing import Final

from mcs_controller.api.names import CLUSTER_ID_PROPERTY
from mcs_controller.api.resources import ABOUT_API, NAMESPACES, cluster_properties
from mcs_controller.clusterset.identity import agreed_cluster_id
from mcs_controller.kube.client import Client
from mcs_controller.kube.discovery import served_resource
from mcs_controller.kube.errors import Forbidden, KubeError, NotFound
from mcs_controller.kube.pacing.backoff import Backoff

_log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS: Final = 0.5
LONGEST_RETRY_SECONDS: Final = 10.0


class ClusterId:
    """Finds the cluster id; `problem` is None once the id is known."""

    def __init__(self, local: Client, *, random: Random) -> None:
        self.problem: str | None = "not read yet"
        self._local = local
        self._backoff = Backoff(FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, random=random)

    async def find(self, option: str | None, *, or_uid: bool = False) -> str:
        """The id, as soon as it is known. Retries until then. For `or_uid` see `ask`.

        Raises:
            InvalidClusterId: there is none, or two different ones, or one that cannot be used.
        """
        while True:
            try:
                return await self.ask(option, or_uid=or_uid)
            except KubeError as error:
                self._report(error)
            await asyncio.sleep(self._backoff.next_seconds())

    async def ask(self, option: str | None, *, or_uid: bool = False) -> str:
        """The id, from a single try: for a command that does not wait.

        With `or_uid` a cluster that has none takes the UID of its namespace kube-system (ABT-07).

        Raises:
            InvalidClusterId: there is none, or two different ones, or one that cannot be used.
            KubeError: the API server did not answer the question.
        """
        try:
            said = await self._read()
            if or_uid and option is None and said is None:
                option = str((await self._local.get(NAMESPACES, "kube-system"))["metadata"]["uid"])
            return self._known(agreed_cluster_id(option, said))
        except Forbidden as error:
            if option is None:
                raise
            _log.warning(
                "cannot compare --cluster-id with the ClusterProperty; using --cluster-id: %s", error
            )
            return self._known(option)

    async def _read(self) -> str | None:
        """The value of the property; None if it does not exist."""
        try:
            properties = await served_resource(self._local, ABOUT_API, cluster_properties)
            found = await self._local.get(properties, CLUSTER_ID_PROPERTY)
        except NotFound:
            return None
        value = (found.get("spec") or {}).get("value")
        return value if isinstance(value, str) else ""

    def _known(self, cluster_id: str) -> str:
        self.problem = None
        return cluster_id

    def _report(self, error: KubeError) -> None:
        problem = f"cannot read ClusterProperty {CLUSTER_ID_PROPERTY}: {error}"
        if problem != self.problem:
            _log.warning("%s; retrying", problem)
            self.problem = problem
