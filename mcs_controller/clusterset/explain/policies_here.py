"""The policies of the cluster that was looked at, and all that they may end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mcs_controller.clusterset.model import ServiceKey, StringMap
from mcs_controller.clusterset.services.policies.bound import held_back
from mcs_controller.clusterset.services.policies.policy import Policy
from mcs_controller.clusterset.services.policies.verdict import (
    EXPORTS,
    IMPORTS,
    Policies,
    Verdict,
    Words,
    judge_export,
    judge_import,
)


@dataclass(frozen=True, slots=True)
class PoliciesHere:
    """The policies of one kind.

    `asked`: an agent goes by them, as the condition Accepted of one of them shows, or a ServiceExport that
    they refused. `held` says why they end nothing that is live, "" if they may. `doubt` says why there may be
    others than those that are `written`.
    """

    written: tuple[Policy, ...] = ()
    asked: bool = False
    held: str = ""
    doubt: str = ""

    @property
    def in_force(self) -> Policies | None:
        """What the agent goes by, None if it asks no policies. What one that cannot be read says is open."""
        if not self.asked:
            return None
        unread = next((one for one in self.written if one.problem), None)
        doubt = f"policy {unread.name} cannot be read: {unread.problem}" if unread is not None else ""
        return Policies(tuple(one for one in self.written if not one.problem), self.doubt or doubt)

    def with_policy(self, name: str, policy: Policy | None) -> "PoliciesHere":
        """With a policy in place of the one of its name, None for without it; as an agent that asks them."""
        others = tuple(one for one in self.written if one.name != name)
        return replace(self, written=(*others, policy) if policy is not None else others, asked=True)


NONE_HERE: Final = PoliciesHere()


@dataclass(frozen=True, slots=True)
class LiveExport:
    """A Service that the cluster exports, with its labels."""

    key: ServiceKey
    labels: StringMap = ()


@dataclass(frozen=True, slots=True)
class LiveImport:
    """A service that the cluster imports, of one of the clusters that export it."""

    key: ServiceKey
    cluster: str


@dataclass(frozen=True, slots=True)
class Live:
    """All that policies of a cluster may end, and the labels of its namespaces."""

    exports: tuple[LiveExport, ...]
    imports: tuple[LiveImport, ...]
    namespace_labels: Mapping[str, StringMap]


@dataclass(frozen=True, slots=True)
class Ending:
    """How many of the live exports or imports, of all services, policies refuse.

    `kind` is that of the policies. `held` says why none of them ends, "" if they do.
    """

    cluster: str
    kind: str
    refused: int
    live: int
    held: str


def export_ending(rules: Policies, live: Live, cluster: str, now_seconds: float) -> Ending:
    """What ExportPolicies end, by the agents' defaults of the fuse."""
    verdicts = [
        judge_export(rules, one.key, _labels(live, one.key), dict(one.labels)) for one in live.exports
    ]
    return _ending(rules, verdicts, EXPORTS, cluster, now_seconds)


def import_ending(rules: Policies, live: Live, cluster: str, now_seconds: float) -> Ending:
    """What ImportPolicies end, by the agents' defaults of the fuse; each exporter of a service counts."""
    verdicts = [
        judge_import(rules, one.key, one.cluster, _labels(live, one.key), is_own=one.cluster == cluster)
        for one in live.imports
    ]
    return _ending(rules, verdicts, IMPORTS, cluster, now_seconds)


def _labels(live: Live, key: ServiceKey) -> Mapping[str, str] | None:
    labels = live.namespace_labels.get(key.namespace)
    return None if labels is None else dict(labels)


def _ending(
    rules: Policies, verdicts: Sequence[Verdict], words: Words, cluster: str, now_seconds: float
) -> Ending:
    refused = _refused(verdicts)
    held = held_back(rules.policies, words, live=len(verdicts), lost=refused, now_seconds=now_seconds)
    return Ending(cluster, words.kind, refused, len(verdicts), held)


def _refused(verdicts: Iterable[Verdict]) -> int:
    return sum(one.answer == "refused" for one in verdicts)
