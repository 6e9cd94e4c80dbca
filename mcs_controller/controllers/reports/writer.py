"""Writes this cluster's MemberReport, in its own namespace on the broker, if it differs.

A broker of an older release does not have the kind, or the right to it: that is said once, and looked at
again later. It is no error of this cluster's, whose services go on without an inventory.
"""

import logging
from typing import Final

from mcs_controller.api.resources import MEMBER_REPORTS
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.reports.report import Report, decode_report, encode_report
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.kube.client import JsonObject
from mcs_controller.kube.discovery import serves
from mcs_controller.kube.errors import Forbidden
from mcs_controller.kube.lookup import find

_log = logging.getLogger(__name__)

REPORT_NAME: Final = "report"


class ReportWriter:
    """`problem` says why the broker does not have the report, "" if it has, and None before it was asked.

    `takes_uid` is False while the broker has an older definition, which drops who wrote the report.
    """

    def __init__(self, context: Context) -> None:
        self.problem: str | None = None
        self.writes = 0
        self.takes_uid = True
        self._namespace = member_namespace(context.config.cluster_id)
        self._broker = context.broker.client
        self._held: JsonObject | None = None

    async def held(self) -> Report | None:
        """What the broker has, an empty report if nothing that can be read; None if it takes no reports.

        Raises `KubeError`.
        """
        try:
            raw = await find(self._broker, MEMBER_REPORTS, REPORT_NAME, self._namespace)
            if raw is None and not await serves(self._broker, MEMBER_REPORTS):
                self._say(
                    f"the broker does not serve {MEMBER_REPORTS.crd_name}: nothing is told to the inventory "
                    "until its administrator runs `crds --apply --for broker`"
                )
                return None
        except Forbidden as error:
            self._refused(error)
            return None
        self._held = raw
        try:
            return Report() if raw is None else decode_report(raw)
        except MalformedObject as error:
            _log.warning("the report on the broker cannot be read, and is written anew: %s", error)
            return Report()

    async def write(self, report: Report) -> None:
        """Replace what `held` has read. Raises `KubeError`, `Conflict` if somebody else wrote meanwhile."""
        metadata = {"name": REPORT_NAME, "namespace": self._namespace}
        body = {
            "apiVersion": MEMBER_REPORTS.api_version,
            "kind": MEMBER_REPORTS.kind,
            "metadata": metadata,
            "spec": encode_report(report),
        }
        try:
            if self._held is None:
                written = await self._broker.create(MEMBER_REPORTS, body)
            else:
                version = self._held["metadata"]["resourceVersion"]
                written = await self._broker.update(
                    MEMBER_REPORTS, {**body, "metadata": {**metadata, "resourceVersion": version}}
                )
        except Forbidden as error:
            self._refused(error)
            return
        self.takes_uid = not report.cluster_uid or "clusterUID" in (written.get("spec") or {})
        self.writes += 1
        self.problem = ""

    def is_told(self) -> None:
        """The broker has the report as it should be."""
        self.problem = ""

    def _refused(self, error: Forbidden) -> None:
        self._say(
            "the broker gives this cluster no right to its MemberReport: nothing is told to the inventory "
            "until its administrator runs `broker init`, or upgrades the broker's chart: "
            f"{error.message}"
        )

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            _log.warning("%s", problem)
        self.problem = problem
