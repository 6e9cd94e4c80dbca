"""Whether the other clusters can see a valid export of the looked-at cluster, and who can mend it if not."""

from collections.abc import Iterator
from typing import Final

from mcs_controller.clusterset.explain.case import Case
from mcs_controller.clusterset.explain.findings.finding import Finding, finding
from mcs_controller.clusterset.explain.parts import condition_of, is_silent, leads
from mcs_controller.clusterset.explain.picture import InCluster
from mcs_controller.clusterset.model import Condition, LocalExport
from mcs_controller.clusterset.services.export import NOT_HEARD

_CHECK: Final = "mcs-controller check"
_PODS: Final = "kubectl --namespace mcs-system get pods"


def published_findings(case: Case, here: InCluster, export: LocalExport) -> Iterator[Finding]:
    """None of an export that has no part in the service: why not is said elsewhere."""
    own = case.own
    if own is not None and own.why_not:
        return
    where = here.cluster or "this cluster"
    ready = condition_of(export, "Ready")
    held = case.on_broker(here.cluster)
    says = f"{ready.reason}: {ready.message}" if ready is not None and ready.status != "True" else ""
    absent = case.picture.broker is not None and here.cluster != "" and (held is None or held.record is None)
    differs = False
    if held is not None and held.record is not None and own is not None:
        differs = held.record != own.record
    if not absent and not differs and not says:
        return
    if absent:
        what = f"the export of {where} is not on the broker: the other clusters do not see it"
    elif differs:
        what = f"the broker has another version of the export of {where}"
    else:
        what = f"the agent says that the export of {where} is not published completely"
    why = says or (
        "its ServiceExport has no condition Ready: no agent has looked at it"
        if ready is None
        else "the agent has written that it is exported, and the broker has something else"
    )
    if "over the limit" in says:
        do = f"unexport what {where} need not export, or the broker's administrator raises its limits"
        yield finding("06", "problem", where, what, why, do)
        return
    do, command = _remedy(case, here, ready)
    yield finding("04", "problem" if absent else "warning", where, what, why, do, command)


def _remedy(case: Case, here: InCluster, ready: Condition | None) -> tuple[str, str]:
    """What to do, and what to type for that. Ready, the heartbeat and the Lease tell who is at fault."""
    where = here.cluster or "this cluster"
    if is_silent(case.member(here.cluster), case.picture):
        return f"start the agent of {where} again, or mend its way to the broker (see MCS-WHY-33)", ""
    runs = leads(here, case.picture)
    if runs is False:
        return (
            f"no agent leads in {where} (its Lease is old): look at the agent's pods there, and start it "
            "again; it writes the export by itself",
            _PODS,
        )
    if ready is None:
        if runs is None:
            return (
                f"install or start the agent in {where}: no sign of one was found there. If it runs, it "
                "takes seconds, so ask again first",
                _PODS,
            )
        return (
            f"an agent leads in {where}, and takes seconds: ask again. If it stays so, its log says why it "
            "does not read ServiceExports; `check` there says whether it may",
            _CHECK,
        )
    if ready.status == "True":
        return (
            f"nothing, if the Service or the ServiceExport was changed seconds ago: ask again. If it stays "
            f"so, the agent of {where} does not reach the broker, or somebody changes its objects there: "
            "`check` says which",
            _CHECK,
        )
    if ready.reason == "Pending" and ready.message != NOT_HEARD:
        return (
            "do what the reason says; until then nothing of this cluster is exported. `check` there looks "
            "at its id and its membership",
            _CHECK,
        )
    if ready.reason == "Failed" and ready.message.startswith("the agent cannot read"):
        return (
            f"give the agent's ServiceAccount in {where} the rights of its chart again (reading Services and "
            "EndpointSlices); `check` there names those that it lacks",
            _CHECK,
        )
    return (
        f"run `check` in {where}: it tries the agent's credential, its rights and the way to the broker, and "
        "names the one that fails. The agent tries again by itself",
        _CHECK,
    )
