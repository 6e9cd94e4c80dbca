"""What a finding is, and which there are.

Ids are for ever: programs and pages name them. docs/explain.md has a section for each; a test compares.
"""

from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["problem", "warning", "note"]
"""`problem`: the service does not work, here or for all. `warning`: it works, and not as somebody wants.
`note`: worth knowing."""

SEVERITIES: Final[tuple[Severity, ...]] = ("problem", "warning", "note")
"""The worst first."""

CATALOGUE: Final = {
    "MCS-WHY-01": "no cluster exports the service",
    "MCS-WHY-02": "a ServiceExport has no Service",
    "MCS-WHY-03": "a ServiceExport is not valid",
    "MCS-WHY-04": "an export is not on the broker",
    "MCS-WHY-05": "an export is not admitted",
    "MCS-WHY-06": "an export is over a limit",
    "MCS-WHY-07": "an object on the broker cannot be read",
    "MCS-WHY-08": "an export is being withdrawn",
    "MCS-WHY-09": "a policy of the cluster keeps an export back",
    "MCS-WHY-10": "the exports do not agree on the ports",
    "MCS-WHY-11": "the exports do not agree on the type",
    "MCS-WHY-12": "the exports do not agree on the IP families",
    "MCS-WHY-13": "the exports do not agree on another field",
    "MCS-WHY-14": "an exporter serves none of the ports",
    "MCS-WHY-15": "an exporter does not fit what the owner of the name exports",
    "MCS-WHY-16": "the owner of the name decides, and not the oldest export",
    "MCS-WHY-17": "the owner of the name does not export it",
    "MCS-WHY-18": "a ServiceExportPolicy made the export",
    "MCS-WHY-19": "what a ServiceExportPolicy made or should make is not as it asks",
    "MCS-WHY-20": "no cluster offers an endpoint",
    "MCS-WHY-21": "endpoints are not ready",
    "MCS-WHY-22": "endpoints have addresses that their cluster may not have",
    "MCS-WHY-23": "endpoints have an IP family that the service does not have",
    "MCS-WHY-24": "endpoints have no zone",
    "MCS-WHY-25": "endpoints are left out for nearer ones",
    "MCS-WHY-26": "too few near endpoints are ready",
    "MCS-WHY-27": "the locality that the export asks for cannot be used",
    "MCS-WHY-30": "a member is silent, and its endpoints are withdrawn",
    "MCS-WHY-31": "a member is silent, and its endpoints are still used",
    "MCS-WHY-32": "a member has no MemberCluster",
    "MCS-WHY-33": "the agent of this cluster is silent",
    "MCS-WHY-34": "a member is leaving the clusterset",
    "MCS-WHY-40": "the namespace does not exist here",
    "MCS-WHY-41": "the namespace is being deleted",
    "MCS-WHY-42": "the namespace is reserved",
    "MCS-WHY-43": "somebody else's ServiceImport is here",
    "MCS-WHY-44": "another import has the derived Service's name",
    "MCS-WHY-45": "the import waits for room",
    "MCS-WHY-46": "the import is not there",
    "MCS-WHY-47": "the import is held",
    "MCS-WHY-48": "the import is not ready",
    "MCS-WHY-49": "the endpoints here are not those that should be",
    "MCS-WHY-50": "the derived Service is not as it should be",
    "MCS-WHY-51": "the MCS API is not installed here",
    "MCS-WHY-52": "a policy here keeps an export from being imported",
    "MCS-WHY-60": "something could not be read",
    "MCS-WHY-70": "the DNS server does not answer",
    "MCS-WHY-71": "DNS answers something else",
}
"""Each id with what it says, in a few words."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement. `title` is that of its id. `cluster` is where, "" for the clusterset as a whole.

    `do` is what to do about it, `command` what to type for that, "" for nothing.
    """

    id: str
    title: str
    severity: Severity
    cluster: str
    what: str
    why: str
    do: str
    command: str = ""


def finding(
    number: str, severity: Severity, cluster: str, what: str, why: str, do: str, command: str = ""
) -> Finding:
    """The finding `MCS-WHY-<number>`, which must be in the catalogue."""
    id_ = f"MCS-WHY-{number}"
    return Finding(id_, CATALOGUE[id_], severity, cluster, what, why, do, command)
