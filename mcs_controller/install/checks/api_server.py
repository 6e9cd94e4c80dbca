"""MCS-CHK-01, 02 and 07: do the API servers answer, and serve the kinds that everything is made of?"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from mcs_controller.api.crd import all_crds
from mcs_controller.api.resources import BROKER_VERSION, MCS_VERSIONS
from mcs_controller.api.revisions import verdict
from mcs_controller.install.checks.facts import Facts, JsonObject
from mcs_controller.install.checks.model import Check, Notes, Outcome, Unknown
from mcs_controller.install.checks.reading_broker import KINDS
from mcs_controller.install.checks.reading_cluster import MCS_CRDS

OLDEST: Final = (1, 27)
_REVISION_SUFFIX: Final = "/crd-schema-revision"
_RELEASE_SUFFIX: Final = "/release-version"


def judge_api_server(facts: Facts) -> Outcome:
    """Whether this cluster's API server answers, and is new enough."""
    notes = Notes()
    version = facts.cluster.version
    if isinstance(version, Unknown):
        if version.tried:
            notes.failed(
                version.reason,
                "Nothing else of this cluster can be looked at. Check the kubeconfig, and the way to the "
                "API server.",
            )
        else:
            notes.unknown(version)
        return notes.outcome()
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found is not None and (int(found[1]), int(found[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        notes.warning(
            f"Kubernetes {version} is older than {oldest}, the oldest that the charts are for",
            f"Update the cluster to Kubernetes {oldest} or newer.",
        )
    else:
        notes.ok(f"it answers: Kubernetes {version}")
    return notes.outcome()


def judge_mcs_kinds(facts: Facts) -> Outcome:
    """The two definitions of the Multicluster Services API."""
    notes = Notes()
    cluster, apply = facts.cluster, f"Run `{facts.config.program} crds --apply --for member`."
    if notes.knows(cluster.served):
        spoken = [version for version in MCS_VERSIONS if version in cluster.served]
        if not spoken:
            notes.failed(f"the API server serves neither {' nor '.join(MCS_VERSIONS)} of the MCS API", apply)
        elif spoken[0] != MCS_VERSIONS[0]:
            notes.warning(f"the API server serves {spoken[0]} only, not {MCS_VERSIONS[0]}", apply)
        else:
            notes.ok(f"served: {', '.join(spoken)}")
    if notes.knows(cluster.crds):
        _judge_definitions(notes, cluster.crds, MCS_CRDS, MCS_VERSIONS[0], apply)
    return notes.outcome()


def judge_broker_kinds(facts: Facts) -> Outcome:
    """The three definitions of the broker."""
    notes = Notes()
    broker = facts.broker
    program = facts.config.program
    apply = (
        f"The broker's administrator runs `{program} crds --apply --for broker`, or `{program} broker init`."
    )
    if notes.knows(broker.kinds):
        lacking = [kind.plural for kind in KINDS if kind.plural not in broker.kinds]
        if lacking:
            notes.failed(f"the broker does not serve {', '.join(lacking)}", apply)
        else:
            notes.ok(f"served: {', '.join(kind.plural for kind in KINDS)}, {BROKER_VERSION}")
    # A member may not read definitions: what is served says enough for it.
    if not isinstance(broker.crds, Unknown):
        names = [kind.crd_name for kind in KINDS]
        _judge_definitions(notes, broker.crds, names, BROKER_VERSION, apply)
    return notes.outcome()


def _judge_definitions(
    notes: Notes,
    found: Mapping[str, JsonObject | None],
    names: Sequence[str],
    stored: str,
    todo: str,
) -> None:
    ours = {crd["metadata"]["name"]: crd for crd in all_crds()}
    for name in names:
        installed = found.get(name)
        match verdict(installed, ours[name]):
            case "missing":
                notes.failed(f"{name} is not installed", todo)
            case "older":
                notes.warning(f"{name}: {_state(installed)}, older than ours ({_revision(ours[name])})", todo)
            case "newer":
                notes.ok(f"{name}: {_state(installed)}, newer than ours, which is fine")
            case "equal":
                notes.ok(f"{name}: {_state(installed)}, as new as ours")
        if installed is not None:
            _judge_state(notes, name, installed, stored, todo)


def _judge_state(notes: Notes, name: str, installed: JsonObject, stored: str, todo: str) -> None:
    conditions = (installed.get("status") or {}).get("conditions") or ()
    established = [one for one in conditions if one.get("type") == "Established"]
    if established and established[0].get("status") != "True":
        notes.failed(
            f"{name} is not established: {str(established[0].get('message', ''))[:200]}",
            f"Look at `kubectl describe crd {name}`.",
        )
    is_stored = [one["name"] for one in installed["spec"].get("versions") or () if one.get("storage")]
    if stored not in is_stored:
        notes.warning(f"{name} stores {', '.join(is_stored) or 'no version'}, ours stores {stored}", todo)


def _state(installed: JsonObject | None) -> str:
    versions = ((installed or {}).get("spec") or {}).get("versions") or ()
    served = ", ".join(one["name"] for one in versions if one.get("served"))
    stored = ", ".join(one["name"] for one in versions if one.get("storage"))
    return f"serves {served or 'nothing'}, stores {stored or 'nothing'}, {_revision(installed)}"


def _revision(installed: JsonObject | None) -> str:
    labels = ((installed or {}).get("metadata") or {}).get("labels") or {}
    release = next((value for key, value in labels.items() if key.endswith(_RELEASE_SUFFIX)), "")
    revision = next((value for key, value in labels.items() if key.endswith(_REVISION_SUFFIX)), "")
    return " ".join(part for part in (release, f"revision {revision}" if revision else "no revision") if part)


API_SERVER: Final = Check(
    "MCS-CHK-01",
    "API server of this cluster",
    looks_at="`/version` of the cluster that `--kubeconfig` names.",
    means="Failed: no answer, or a refusal. A warning: the cluster is older than the charts are for.",
    todo="Check the kubeconfig, the way to the API server, and its version.",
    judge=judge_api_server,
)
MCS_KINDS: Final = Check(
    "MCS-CHK-02",
    "kinds of the Multicluster Services API",
    looks_at="The CustomResourceDefinitions of ServiceExport and ServiceImport: which versions are served "
    "and stored, and whether they are as new as this program's.",
    means="Failed: a kind is missing, or not established, so that nothing is exported or imported. A "
    "warning: it is older than this program's, or lacks v1beta1; agents use what there is.",
    todo="`mcs-controller crds --apply --for member`. It never downgrades: newer definitions stay.",
    judge=judge_mcs_kinds,
)
BROKER_KINDS: Final = Check(
    "MCS-CHK-07",
    "kinds of the broker",
    looks_at="Which of the broker's three kinds are served; with an administrator's credential also their "
    "definitions, as in MCS-CHK-02.",
    means="Failed: a kind is missing; members keep what they last read. A warning: an older definition.",
    todo="On the broker: `mcs-controller crds --apply --for broker`, or `mcs-controller broker init`.",
    judge=judge_broker_kinds,
)
