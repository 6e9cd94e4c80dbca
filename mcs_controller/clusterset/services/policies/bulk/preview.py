"""What ServiceExportPolicies would do in the namespaces that they lie in, if some were written or deleted."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from mcs_controller.clusterset.membership.release import left_seconds
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.policies.bulk.bound import held_policies
from mcs_controller.clusterset.services.policies.bulk.plan import BY_HAND, Known, decide, maker_of
from mcs_controller.clusterset.services.policies.bulk.service_policy import (
    Candidate,
    PolicyKey,
    Present,
    ServicePolicy,
)

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


def after(before: Known, given: Iterable[ServicePolicy], *, deleted: bool = False) -> Known:
    """The policies as they would be; one that is changed keeps a confirmation."""
    policies = {one.key: one for found in before.by_namespace.values() for one in found}
    gone = set(before.gone)
    for one in given:
        was = policies.pop(one.key, None)
        if not deleted:
            policies[one.key] = one if was is None else replace(one, release=one.release or was.release)
        elif was is not None:
            gone.add(was.key)
    return Known.of(policies.values(), gone, before.doubt)


def makers(exports: Mapping[ServiceKey, Present]) -> dict[ServiceKey, PolicyKey]:
    """The policies that made ServiceExports."""
    return {key: maker for key, one in exports.items() if (maker := maker_of(one)) is not None}


def held_by(
    lines: Iterable[Line],
    exports: Mapping[ServiceKey, Present],
    known: Known,
    now_seconds: float,
    *,
    share: float,
    minimum: int,
) -> frozenset[PolicyKey]:
    """Of whose ServiceExports none would be removed, if all of this were done at once.

    `lines` and `exports` are those of a preview; `now_seconds` is since the epoch.
    """
    made = makers(exports)
    lost = Counter(made[one.service] for one in lines if one.what == "remove")
    released = {
        one.key
        for policies in known.by_namespace.values()
        for one in policies
        if left_seconds(one.release, now_seconds)
    }
    return held_policies(Counter(made.values()), lost, released, share=share, minimum=minimum)
