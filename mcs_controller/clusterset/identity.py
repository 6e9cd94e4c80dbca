"""Who a cluster is: its id, and the namespace on the broker that proves it.

An importer takes the source cluster from the object's namespace (`cluster_of_namespace`), never from a text
that the writer chose. The id serves as namespace suffix, label value and DNS label, so it must be one
RFC 1123 label of limited length (MCS-NS-05, MCS-NS-06).
"""

from typing import Final

from mcs_controller.api.names import CLUSTER_ID_MAX_CHARS, CLUSTER_ID_PROPERTY, MEMBER_NAMESPACE_PREFIX
from mcs_controller.api.resources import ABOUT_GROUP
from mcs_controller.clusterset.errors import InvalidClusterId, shortened
from mcs_controller.clusterset.syntax import is_dns_label, is_subdomain

_RULE: Final = (
    f"use 1 to {CLUSTER_ID_MAX_CHARS} lower-case letters, digits and '-', "
    "with a letter or digit first and last, for example east-1"
)


def check_cluster_id(text: str) -> str:
    """The id itself when it is valid.

    Raises:
        InvalidClusterId: it is not; the message says why and what to use.
    """
    if not text:
        raise InvalidClusterId(f"the cluster id is empty: {_RULE}")
    if len(text) > CLUSTER_ID_MAX_CHARS:
        raise InvalidClusterId(
            f"cluster id {shortened(text, 80)!r} has {len(text)} characters, "
            f"more than {CLUSTER_ID_MAX_CHARS}: {_RULE}"
        )
    if not is_dns_label(text):
        raise InvalidClusterId(f"cluster id {shortened(text, 80)!r} is not a DNS label: {_RULE}")
    return text


def agreed_cluster_id(option: str | None, property_value: str | None) -> str:
    """The id on which the option and the ClusterProperty agree; None stands for an absent one.

    Raises:
        InvalidClusterId: both are absent, they differ, or the property cannot be used.
    """
    if property_value is None:
        if option is None:
            raise InvalidClusterId(
                "this cluster has no id: give --cluster-id, set MCS_CLUSTER_ID, or create the "
                f"ClusterProperty {CLUSTER_ID_PROPERTY} of {ABOUT_GROUP}"
            )
        return option
    try:
        found = check_cluster_id(property_value)
    except InvalidClusterId as error:
        if "." in property_value and is_subdomain(property_value):
            raise InvalidClusterId(
                f"ClusterProperty {CLUSTER_ID_PROPERTY} is {shortened(property_value, 80)!r}: a valid name "
                f"of a cluster (KEP-2149), but not of a member of a clusterset, which is one DNS label: "
                f"{_RULE}"
            ) from error
        raise InvalidClusterId(f"ClusterProperty {CLUSTER_ID_PROPERTY}: {error}") from error
    if option is not None and option != found:
        raise InvalidClusterId(
            f"--cluster-id is {option}, but ClusterProperty {CLUSTER_ID_PROPERTY} says {found}: "
            "make them equal, or leave --cluster-id out"
        )
    return found


def member_namespace(cluster_id: str) -> str:
    """The namespace on the broker that belongs to the cluster."""
    return MEMBER_NAMESPACE_PREFIX + cluster_id


def cluster_of_namespace(namespace: str) -> str | None:
    """The cluster that a broker namespace belongs to, None if it belongs to no member."""
    cluster_id = namespace.removeprefix(MEMBER_NAMESPACE_PREFIX)
    if cluster_id == namespace or len(cluster_id) > CLUSTER_ID_MAX_CHARS or not is_dns_label(cluster_id):
        return None
    return cluster_id
