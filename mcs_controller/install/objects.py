"""The objects that the commands make: on the broker for itself and for each member, and in a member.

All of it is pure. The rules of roles are not written here but in the charts (`rules.py`): these objects name
and bind them.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mcs_controller.api.names import INSTALLED_BY, LABEL_CLUSTERSET_OF_BROKER, LABEL_INSTALLED_BY
from mcs_controller.api.resources import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    RBAC_GROUP,
    ROLE_BINDINGS,
    SECRETS,
    SERVICE_ACCOUNTS,
    Resource,
)
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.install.planning import JsonObject, Wanted
from mcs_controller.install.rights import rights_of

ROLE_READER: Final = "mcs-broker-reader"
ROLE_MEMBER: Final = "mcs-broker-member"
ACCOUNT: Final = "member"
"""The ServiceAccount in each member's namespace on the broker."""

SECRET: Final = "mcs-broker"
SECRET_KEY: Final = "kubeconfig"
"""In a member: where the agent's credential for the broker lies."""


def broker_objects(clusterset: str | None = None) -> list[Wanted]:
    """The roles that members get, with the clusterset's name. The kinds are installed apart: they are never
    downgraded.

    A name that is not given is left as it is.
    """
    roles = [_labelled(CLUSTER_ROLES, body) for body in rights_of("broker")]
    for role in roles:
        if clusterset is not None and role.name == ROLE_MEMBER:
            role.body["metadata"]["labels"][LABEL_CLUSTERSET_OF_BROKER] = clusterset
    return roles


def named_member(cluster_id: str, clusterset: str) -> Wanted:
    """A member that exists, with the name of its clusterset."""
    return _wanted(MEMBER_CLUSTERS, cluster_id, member_namespace(cluster_id), spec={"clusterset": clusterset})


def member_objects(
    cluster_id: str,
    pod_cidrs: Sequence[str] = (),
    namespaces: Sequence[str] = (),
    location: tuple[str, str] | None = None,
    clusterset: str | None = None,
) -> list[Wanted]:
    """A member's place on the broker. Its MemberCluster comes last: with it the cluster is a member.

    `location` is its region, and its zone or "". What is not given of its limits, location and clusterset is
    left as it is. The namespace is the member's identity, so that one that
    somebody else made will not do: others may have rights there.
    """
    namespace = member_namespace(cluster_id)
    subjects = [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}]
    spec: JsonObject = {}
    if pod_cidrs:
        spec["podCIDRs"] = list(pod_cidrs)
    if namespaces:
        spec["namespaces"] = list(namespaces)
    if clusterset is not None:
        spec["clusterset"] = clusterset
    if location is not None:
        region, zone = location
        spec["location"] = {"region": region, **({"zone": zone} if zone else {})}
    return [
        _wanted(NAMESPACES, namespace, exclusive=True),
        _wanted(SERVICE_ACCOUNTS, ACCOUNT, namespace, automountServiceAccountToken=False),
        _wanted(ROLE_BINDINGS, ACCOUNT, namespace, roleRef=_role(ROLE_MEMBER), subjects=subjects),
        _wanted(CLUSTER_ROLE_BINDINGS, namespace, roleRef=_role(ROLE_READER), subjects=subjects),
        _wanted(MEMBER_CLUSTERS, cluster_id, namespace, spec=spec),
    ]


def join_objects(namespace: str, kubeconfig: str) -> list[Wanted]:
    """What the agent of a member needs before it is installed: its namespace and its credential."""
    data = {SECRET_KEY: b64encode(kubeconfig.encode()).decode()}
    return [_wanted(NAMESPACES, namespace), _wanted(SECRETS, SECRET, namespace, type="Opaque", data=data)]


def _role(name: str) -> dict[str, str]:
    return {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": name}


def _wanted(
    resource: Resource, name: str, namespace: str = "", *, exclusive: bool = False, **content: Any
) -> Wanted:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **content}
    return _labelled(resource, body, exclusive=exclusive)


def _labelled(resource: Resource, body: Mapping[str, Any], *, exclusive: bool = False) -> Wanted:
    labels = {**body["metadata"].get("labels", {}), LABEL_INSTALLED_BY: INSTALLED_BY}
    return Wanted(resource, {**body, "metadata": {**body["metadata"], "labels": labels}}, exclusive)
