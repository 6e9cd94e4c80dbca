"""What ServiceExportPolicies would do in the namespaces that they lie in, as `policy preview` shows it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.policies.bulk.plan import BY_HAND, Known, decide, maker_of
from mcs_controller.clusterset.services.policies.bulk.service_policy import Candidate, Present

What = Literal["make", "keep", "by hand", "remove", "left out"]

ORDER: Final[tuple[What, ...]] = ("remove", "make", "keep", "by hand", "left out")
"""The most important first."""


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of one service; `policy` is the one that exports it, or did, "" for none."""

    what: What
    service: ServiceKey
    policy: str = ""
    why: str = ""


def preview(
    namespaces: Collection[str],
    services: Mapping[ServiceKey, Candidate],
    exports: Mapping[ServiceKey, Present],
    known: Known,
    inactive: Collection[str] = (),
) -> list[Line]:
    """What is done with each service of `namespaces` with the policies `known`, in the order of `ORDER`.

    `inactive` are namespaces that are being deleted, or are not there.
    """
    found = list(_lines(namespaces, services, exports, known, inactive))
    return sorted(found, key=lambda line: (line.service.namespace, ORDER.index(line.what), line.service))


def _lines(
    namespaces: Collection[str],
    services: Mapping[ServiceKey, Candidate],
    exports: Mapping[ServiceKey, Present],
    known: Known,
    inactive: Collection[str],
) -> Iterator[Line]:
    for key in sorted(services.keys() | exports.keys()):
        if key.namespace not in namespaces:
            continue
        export = exports.get(key)
        is_active = key.namespace not in inactive
        decision = decide(key, services.get(key), export, known, is_active=is_active)
        maker = maker_of(export)
        policy = decision.policy.key.name if decision.policy is not None else maker.name if maker else ""
        match decision.action:
            case "make":
                yield Line("make", key, policy)
            case "keep":
                yield Line("keep", key, policy, decision.why)
            case "remove":
                yield Line("remove", key, policy, decision.why)
            case _ if decision.why == BY_HAND:
                yield Line("by hand", key, policy)
            case _:
                yield Line("left out", key, policy, decision.why)
