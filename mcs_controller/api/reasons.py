"""Every reason that a condition of ours may give: what it means, and what to do.

One place for the page docs/conditions.md (hack/conditions.py) and for the findings of `explain`. A test
compares it with the reasons that the rules and the controllers write, and with the Events that they send.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from mcs_controller.api.names import (
    CONDITION_HELD,
    CONDITION_LOCALITY,
    CONDITION_PROPERTIES,
    CONDITION_WITHIN_LIMITS,
)

Event = Literal["Normal", "Warning"]

NOTHING: Final = "Nothing."


@dataclass(frozen=True, slots=True)
class Reason:
    """One value of a condition. `event` is the type of the Event that tells of it, None if none does.

    `todo` is a sentence for people, or `NOTHING`.
    """

    reason: str
    status: Literal["True", "False", "Unknown"]
    means: str
    todo: str
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class ConditionKind:
    """A condition type of a kind, and all reasons that it may have. `about` says what it tells."""

    kind: str
    type: str
    about: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """An Event that tells of no condition."""

    kind: str
    reason: str
    type: Event
    means: str
    todo: str


_VALID: Final = ConditionKind(
    "ServiceExport",
    "Valid",
    "whether the Service of the same name and namespace can be exported.",
    (
        Reason(
            "Valid",
            "True",
            "The Service can be exported. A message names exported labels and annotations that imports will "
            "not have.",
            NOTHING,
        ),
        Reason(
            "NoService",
            "False",
            "There is no Service of the ServiceExport's name in its namespace.",
            "Create that Service, or delete the ServiceExport. Look for a wrong letter in the name.",
            "Warning",
        ),
        Reason(
            "InvalidServiceType",
            "False",
            "The Service is of type ExternalName, which has no endpoints, or it is the derived Service of an "
            "import.",
            "Export a Service of type ClusterIP, NodePort or LoadBalancer (headless ones too), or delete the "
            "ServiceExport.",
            "Warning",
        ),
        Reason(
            "InvalidService",
            "False",
            "The Service has a field that cannot be exported; the message names it.",
            "Change that field in the Service.",
            "Warning",
        ),
        Reason(
            "NotAllowedByPolicy",
            "False",
            "The ExportPolicies of the cluster do not allow that the Service is exported; the message names "
            "the policy.",
            "Ask the cluster's administrator to change the policies ([policies](policies.md)), or delete the "
            "ServiceExport.",
            "Warning",
        ),
        Reason(
            "PolicyUnknown",
            "False",
            "The ExportPolicies cannot be read, or there are none. What is exported stays so, and nothing "
            "new is exported.",
            "The cluster's administrator looks at the policies ([policies](policies.md)), and at the agent's "
            "log.",
            "Warning",
        ),
    ),
)

_EXPORT_READY: Final = ConditionKind(
    "ServiceExport",
    "Ready",
    "whether the broker has the export, so that other clusters can import it.",
    (
        Reason(
            "Exported",
            "True",
            "The broker has the export. Clusters that have the namespace import it. A message says what "
            "the user should know all the same, most often that no endpoint of the Service takes traffic.",
            "Do what the message says, if there is one. If the service does not work elsewhere, "
            "`mcs-controller explain` in that cluster says why.",
            "Normal",
        ),
        Reason(
            "Pending",
            "False",
            "The export is not valid (condition Valid), the broker has not answered yet, or another cluster "
            "uses this cluster's id.",
            "Mend what the condition Valid says. Otherwise it ends within seconds; if not, look at the "
            "agent: its log, and `/readyz?verbose`.",
        ),
        Reason(
            "Failed",
            "False",
            "The broker refused the export, is away, or may not be told of it: the message says which. "
            "Often the MemberCluster does not allow the namespace (`spec.namespaces`), or a limit is "
            "reached.",
            "Do what the message says. The agent tries again by itself. `mcs-controller check` looks at the "
            "way to the broker.",
            "Warning",
        ),
    ),
)

_OTHER_CONFLICT: Final = (
    "Make the Services and ServiceExports agree on it, or leave it: the value shown is used."
)


def _conflict(reason: str, means: str, todo: str = _OTHER_CONFLICT) -> Reason:
    return Reason(reason, "True", means, todo, "Warning")


_CONFLICT: Final = ConditionKind(
    "ServiceExport",
    "Conflict",
    "whether the clusters that export the service disagree; all of them are told the same. With several "
    "conflicts the reasons are joined by commas. The oldest export decides, and the message names it.",
    (
        Reason("NoConflicts", "False", "All clusters that export the service agree.", NOTHING, "Normal"),
        _conflict(
            "PortConflict",
            "The Services have different ports. The union of them is used.",
            "Give the Services the same ports (name, protocol and number) in all exporting clusters; until "
            "then each port in use leads only to the clusters that declare exactly that one.",
        ),
        _conflict(
            "TypeConflict",
            "Some of the Services are headless, and others are not.",
            "Make the Services all headless (clusterIP: None) or none of them. A Service's clusterIP cannot "
            "be changed: delete and create it; or unexport it where it differs.",
        ),
        _conflict("SessionAffinityConflict", "The Services differ in `sessionAffinity`."),
        _conflict("SessionAffinityConfigConflict", "The Services differ in `sessionAffinityConfig`."),
        _conflict("LabelsConflict", "The ServiceExports differ in `exportedLabels`."),
        _conflict("AnnotationsConflict", "The ServiceExports differ in `exportedAnnotations`."),
        _conflict("InternalTrafficPolicyConflict", "The Services differ in `internalTrafficPolicy`."),
        _conflict("TrafficDistributionConflict", "The Services differ in `trafficDistribution`."),
        _conflict(
            "IPFamilyConflict",
            "The Services differ in `ipFamilies`.",
            "Give the Services the same ipFamilies; endpoints of another family are left out.",
        ),
    ),
)

_IMPORT_READY: Final = ConditionKind(
    "ServiceImport",
    "Ready",
    "whether the service can be used in this cluster. The message also names clusters whose endpoints are "
    "withdrawn because they send no heartbeats.",
    (
        Reason("Ready", "True", "The service can be used here.", NOTHING, "Normal"),
        Reason(
            "Pending",
            "False",
            "The clusterset IP is not there yet: no cluster offers an endpoint, or the derived Service could "
            "not be written; the message says which.",
            "Look at the pods behind the Service in the exporting clusters. If the API server refuses the "
            "derived Service (no free IP, a quota, an admission rule), mend that.",
        ),
        Reason(
            "IPFamilyNotSupported",
            "False",
            "The service has only IP families that this cluster does not serve.",
            "Export it with a family that both clusters have (`ipFamilies` of the Service), or make this "
            "cluster dual-stack.",
            "Warning",
        ),
    ),
)

_RELEASE: Final = (
    "If it is a fault, mend it: the hold ends when the data is back. If it was meant, release it "
    "([the fuse](operations.md#the-fuse)): the message has the command."
)

_HELD: Final = ConditionKind(
    "ServiceImport",
    CONDITION_HELD,
    "whether something of the import is kept although nothing stands behind it any more "
    "([what is held, and the way out](reliability.md#what-is-held-and-the-way-out)). It is not there as long "
    "as nothing ever was held.",
    (
        Reason("NotHeld", "False", "Nothing of it is held any more.", NOTHING, "Normal"),
        Reason(
            "MassWithdrawal",
            "True",
            "No cluster exports the service any more, and many others lost their exports at the same time.",
            _RELEASE,
            "Warning",
        ),
        Reason(
            "MassEndpointLoss",
            "True",
            "The exporters lost all ready endpoints of this service and of many others at the same time.",
            _RELEASE,
            "Warning",
        ),
        Reason(
            "MembersSilent",
            "True",
            "Most members went silent at once. Their endpoints are kept.",
            "Look at the broker, and at the ways to it. Members that are gone for good are released by the "
            "broker's administrator: the message has the command.",
            "Warning",
        ),
        Reason(
            "ExportsMissing",
            "True",
            "Data is missing on the broker, or older than before, and no exporter has said that it is gone.",
            "Was the broker restored or cleaned "
            "([the broker was restored](operations.md#the-broker-was-restored-wiped-or-lost-something))? "
            "The exporters' agents write it again when they reach the broker. If it is gone for good, "
            "release it: the message has the command.",
            "Warning",
        ),
    ),
)

_LOCALITY: Final = ConditionKind(
    "ServiceImport",
    CONDITION_LOCALITY,
    "whether clients get near endpoints only ([near endpoints first](locality.md)). The message says what "
    "is preferred, and who says so. It is not there as long as nothing was ever preferred.",
    (
        Reason(
            "Near",
            "True",
            "Enough near endpoints are ready. The message names the clusters whose endpoints are used, and "
            "those whose endpoints are left out.",
            NOTHING,
            "Normal",
        ),
        Reason(
            "FailedOver",
            "False",
            "Too few near endpoints are ready, or not for long enough yet: farther ones take traffic, too.",
            "Look at the pods of the near clusters. Traffic comes back by itself.",
            "Warning",
        ),
        Reason(
            "InvalidValue",
            "False",
            "An exported annotation, which the message names, has a value that nobody knows: it is not used.",
            "Correct it in `spec.exportedAnnotations` of the ServiceExport, in all clusters that export the "
            "service.",
            "Warning",
        ),
        Reason(
            "NotPreferred",
            "False",
            "Nothing is preferred any more, or an ImportPolicy of this cluster says so, which the message "
            "names then. All endpoints are used alike.",
            NOTHING,
        ),
    ),
)

_WITHIN_LIMITS: Final = ConditionKind(
    "MemberCluster",
    CONDITION_WITHIN_LIMITS,
    "whether all that the member exports is taken by the others.",
    (
        Reason("WithinLimits", "True", "All of it is.", NOTHING),
        Reason(
            "OverLimits",
            "False",
            "The member exports more than the others take of one cluster. What is over is not published.",
            "Unexport something, or raise `spec.limits` of the MemberCluster "
            "([how](operations.md#a-cluster-exports-more-than-the-others-take-of-it)).",
        ),
    ),
)

_PROPERTIES: Final = ConditionKind(
    "MemberCluster",
    CONDITION_PROPERTIES,
    "whether the member has the two well-known ClusterProperties (KEP-2149). Only with the controller "
    "`properties`.",
    (
        Reason("PropertiesSet", "True", "It has both.", NOTHING),
        Reason(
            "PropertyMissing",
            "False",
            "At least one of them is not set; the message names it.",
            "Create that ClusterProperty in the member, or leave it: the agent takes its cluster id from its "
            "own option.",
        ),
        Reason(
            "NotServed",
            "False",
            "With `--manage-properties`: the kind ClusterProperty is gone from the member's API server.",
            "Install it: `mcs-controller crds --apply --for member`. The properties then come back by "
            "themselves.",
        ),
        Reason(
            "NotAllowed",
            "False",
            "With `--manage-properties`: the agent lacks the right to write the properties.",
            "Give it the rights `mcs-controller rbac --for managed-properties`; the chart does with "
            "`agent.config.manageProperties`.",
        ),
        Reason(
            "ClustersetUnknown",
            "False",
            "With `--manage-properties`: the member's MemberCluster does not name the clusterset.",
            "The broker's administrator runs `broker init --clusterset NAME`.",
        ),
        Reason(
            "AnotherClusterset",
            "False",
            "With `--manage-properties`: the ClusterProperty `clusterset.k8s.io` names another clusterset "
            "than the broker. It is not changed: a cluster is a member of one clusterset at most.",
            "Leave that clusterset first (`leave`), or delete the ClusterProperty if the cluster is no "
            "member of it.",
        ),
        Reason(
            "ChangedAgain",
            "False",
            "With `--manage-properties`: somebody changes the properties again and again. The agent puts "
            "them back, at first at once, then every 30 s.",
            "Find out who does, such as a tool that applies manifests (`kubectl get clusterproperties "
            "--show-managed-fields -o yaml`), and stop it.",
        ),
    ),
)

_ACCEPTED: Final = ConditionKind(
    "ExportPolicy",
    "Accepted",
    "whether the policy can be read.",
    (
        Reason("Accepted", "True", "It can, and is in force.", NOTHING, "Normal"),
        Reason(
            "Malformed",
            "False",
            "It cannot; the message says where. What was read of it before, if anything, stays in force.",
            "Mend the policy ([policies](policies.md)).",
            "Warning",
        ),
    ),
)

_POLICY_HELD: Final = ConditionKind(
    "ExportPolicy",
    CONDITION_HELD,
    "whether what the policies refuse goes on being exported, or imported, since it is so much. It is not "
    "there as long as nothing ever was held.",
    (
        Reason("NotHeld", "False", "Nothing is held any more.", NOTHING, "Normal"),
        Reason(
            "TooManyAtOnce",
            "True",
            "The policies would end too many exports, or imports, at once, which is probably a mistake.",
            "Mend the policies. If it is meant, confirm it by the annotation that the message names "
            "([policies](policies.md)).",
            "Warning",
        ),
    ),
)

_ALL_EXPORTED: Final = ConditionKind(
    "ServiceExportPolicy",
    "Ready",
    "whether all Services that the policy selects are exported.",
    (
        Reason("AllExported", "True", "There is a ServiceExport for each.", NOTHING, "Normal"),
        Reason(
            "NothingSelected",
            "True",
            "The policy selects no Service of its namespace, or none that can be exported.",
            "Compare its selector with the labels of the Services.",
            "Normal",
        ),
        Reason(
            "Pending",
            "False",
            "The policy, or something that must be known first, cannot be read; or a ServiceExport that "
            "somebody deleted is not made again yet.",
            "Do what the message says, or the condition Accepted.",
        ),
        Reason(
            "Failed",
            "False",
            "The API server refuses a ServiceExport (a quota, an admission rule), or the cluster exports as "
            "much as it may; the message names one, with the reason.",
            "Mend that, or label Services that need not be exported with `mcs-controller.io/export=never`. "
            "The agent tries again by itself.",
            "Warning",
        ),
    ),
)

_REMOVALS_HELD: Final = ConditionKind(
    "ServiceExportPolicy",
    CONDITION_HELD,
    "whether ServiceExports stay that the policy made and no policy selects any more, since they are so "
    "many. It is not there as long as nothing ever was held.",
    (
        Reason("NotHeld", "False", "Nothing is held any more.", NOTHING, "Normal"),
        Reason(
            "TooManyAtOnce",
            "True",
            "Too many ServiceExports would be removed at once, which is probably a mistake in the selector "
            "or in labels.",
            "Correct it. If it is meant, confirm it by the annotation that the message names "
            "([policies](policies.md#when-a-policy-would-remove-too-much)).",
            "Warning",
        ),
    ),
)

_CLUSTER_HEALTHY: Final = ConditionKind(
    "ClusterProfile",
    "ControlPlaneHealthy",
    "whether the cluster's control plane works, as its agent last found it; other reasons are those of the "
    "agent.",
    (
        Reason(
            "MemberSilent",
            "Unknown",
            "The heartbeat of the cluster's agent stopped: nobody knows how the cluster is.",
            "Look whether the cluster and its agent run, and reach the broker.",
        ),
        Reason("Healthy", "True", "All of it that the agent could ask works.", NOTHING),
        Reason(
            "ApiServerUnreachable",
            "False",
            "The cluster's API server did not answer its agent.",
            "Look whether the API server runs.",
        ),
        Reason(
            "ApiServerNotReady",
            "False",
            "The API server says that it is not ready; the message names the checks that failed.",
            "Look at those parts of the cluster's control plane.",
        ),
        Reason(
            "ComponentSilent",
            "False",
            "The scheduler or the controller manager does not renew its Lease; the message names it.",
            "Look whether it runs.",
        ),
        Reason(
            "NotAllowed",
            "Unknown",
            "The agent may not ask the API server for `/readyz`.",
            "Give it the rights `mcs-controller rbac --for reports`; the chart does with "
            "`agent.config.reportToInventory`.",
        ),
        Reason(
            "NoLeader",
            "Unknown",
            "Agents of the cluster renew its heartbeat, and none leads: its API server may be away.",
            "Look whether the cluster's API server answers.",
        ),
        Reason(
            "NoReport",
            "Unknown",
            "The cluster's agent is alive and does not report.",
            "Start it with `--report-to-inventory`.",
        ),
        Reason(
            "MemberLeaves",
            "Unknown",
            "The cluster leaves, or has left: what its agent said before counts no more.",
            NOTHING,
        ),
        Reason("MemberRemoved", "Unknown", "The cluster is no member any more.", NOTHING),
    ),
)
_CLUSTER_JOINED: Final = ConditionKind(
    "ClusterProfile",
    "Joined",
    "whether the cluster is a member of the clusterset.",
    (
        Reason("MemberJoined", "True", "It is.", NOTHING),
        Reason(
            "NeverJoined",
            "False",
            "The broker has a place for it, and none of its agents has been there.",
            "Run `mcs-controller join` in the cluster, and its agent.",
        ),
        Reason("MemberLeaves", "False", "It is leaving.", NOTHING),
        Reason(
            "MemberRemoved",
            "False",
            "Its MemberCluster was removed from the broker. The profile goes five minutes later.",
            NOTHING,
        ),
    ),
)
_CLUSTER_MIRRORED: Final = ConditionKind(
    "ClusterProfile",
    "mcs-controller.io/PropertiesMirrored",
    "whether all ClusterProperties of the cluster are in the profile.",
    (
        Reason("AllMirrored", "True", "All that its agent reports are.", NOTHING),
        Reason(
            "SomeSkipped",
            "False",
            "The message names some that are not: their values have more than 1024 characters, or they say "
            "that the cluster is another than the one that the broker knows, or in a clusterset that the "
            "broker does not name.",
            "Shorten them, or put them right, in the cluster. Where the broker names no clusterset: "
            "`broker init --clusterset NAME`.",
        ),
    ),
)

CONDITIONS: Final = (
    _VALID,
    _EXPORT_READY,
    _CONFLICT,
    _IMPORT_READY,
    _HELD,
    _LOCALITY,
    _WITHIN_LIMITS,
    _PROPERTIES,
    _CLUSTER_HEALTHY,
    _CLUSTER_JOINED,
    _CLUSTER_MIRRORED,
    _ACCEPTED,
    _POLICY_HELD,
    replace(_ACCEPTED, kind="ImportPolicy"),
    replace(_POLICY_HELD, kind="ImportPolicy"),
    replace(
        _ACCEPTED,
        kind="ServiceExportPolicy",
        reasons=(
            _ACCEPTED.reasons[0],
            Reason(
                "Malformed",
                "False",
                "It cannot; the message says where. It exports nothing new, and in its namespace no policy's "
                "ServiceExport is removed.",
                "Mend the policy ([policies](policies.md#export-many-services-at-once)).",
                "Warning",
            ),
        ),
    ),
    _ALL_EXPORTED,
    _REMOVALS_HELD,
)

OTHER_EVENTS: Final = (
    OtherEvent(
        "ServiceExport",
        "ClusterExcluded",
        "Warning",
        "Nothing of this cluster is exported: it is no member of the clusterset, or another cluster uses its "
        "id. The message and the condition Ready say which.",
        "Do what the message says. `mcs-controller check` looks at the membership, too.",
    ),
    OtherEvent(
        "ServiceExport",
        "ExportedAgain",
        "Warning",
        "Somebody deleted the ServiceExport, and a ServiceExportPolicy made it again.",
        "To keep the Service from being exported, label it `mcs-controller.io/export=never`, or change the "
        "policy.",
    ),
    OtherEvent(
        "ServiceImport",
        "NotOurs",
        "Warning",
        "A service is exported and not imported here, since somebody else made a ServiceImport of its name.",
        "Delete that ServiceImport if nobody needs it; the agent then makes its own.",
    ),
    OtherEvent(
        "ClusterProperty",
        "PropertyPutBack",
        "Warning",
        "Somebody changed or deleted a well-known property of a member, and the agent put it back.",
        "Find out who did it: the property does not change during a membership. Run `leave` first.",
    ),
    OtherEvent(
        "ClusterProperty",
        "PropertyNotReported",
        "Warning",
        "The value of the property is too long for the inventory, which does not have it then.",
        "Shorten it to 1024 characters if the inventory is to have it: values are never cut.",
    ),
    OtherEvent(
        "ServiceImport",
        "NotWritten",
        "Warning",
        "The cluster's API server refused a part of the import, such as the derived Service; the condition "
        "Ready says the same.",
        "Mend what it names: a quota, an admission rule, no free IP, a right that the agent lacks.",
    ),
    OtherEvent(
        "ServiceImport",
        "EndpointsWithdrawn",
        "Warning",
        "A cluster that exports the service sends no heartbeats, and its endpoints are not used any more.",
        "Look at the agent of that cluster, and whether it reaches the broker.",
    ),
    OtherEvent(
        "ServiceImport",
        "EndpointsBack",
        "Normal",
        "That cluster sends heartbeats again, and its endpoints are used.",
        "",
    ),
)


def conflict_todo(reason: str) -> str:
    """What to do about a conflict, as a part of a sentence; of an unknown reason what serves for most."""
    todo = next((one.todo for one in _CONFLICT.reasons if one.reason == reason), _OTHER_CONFLICT)
    return todo[0].lower() + todo[1:].removesuffix(".")
