"""The objects that give each component its rights: accounts, roles and bindings. `rules.py` has the rules.

They are those of the Helm charts, under the same names, for clusters where Helm is not used.
"""

from collections.abc import Callable
from typing import Any, Final

from mcs_controller.install.rules import rules_of

JsonObject = dict[str, Any]

NAMESPACE: Final = "mcs-system"
INVENTORY: Final = "mcs-inventory"
"""The namespace of the hub's inventory, unless its option says another one."""
_RBAC: Final = "rbac.authorization.k8s.io"
_RBAC_V1: Final = f"{_RBAC}/v1"


def _agent() -> list[JsonObject]:
    return [
        *_account("mcs-agent"),
        _role("mcs-agent", "agent"),
        _binding("mcs-agent", to="mcs-agent"),
        _role("mcs-agent", "agent-lease", namespace=NAMESPACE),
        _binding("mcs-agent", to="mcs-agent", namespace=NAMESPACE),
    ]


def _properties() -> list[JsonObject]:
    return [
        _role("mcs-agent-properties", "agent-properties"),
        _binding("mcs-agent-properties", to="mcs-agent"),
    ]


def _managed_properties() -> list[JsonObject]:
    name = "mcs-agent-managed-properties"
    return [_role(name, "agent-managed-properties"), _binding(name, to="mcs-agent")]


def _reports() -> list[JsonObject]:
    return [_role("mcs-agent-reports", "agent-reports"), _binding("mcs-agent-reports", to="mcs-agent")]


def _policies() -> list[JsonObject]:
    return [_role("mcs-agent-policies", "agent-policies"), _binding("mcs-agent-policies", to="mcs-agent")]


def _service_export_policies() -> list[JsonObject]:
    return [
        _role("mcs-agent-service-export-policies", "agent-service-export-policies"),
        _binding("mcs-agent-service-export-policies", to="mcs-agent"),
    ]


def _credential() -> list[JsonObject]:
    return [
        _role("mcs-agent-credential", "agent-credential", namespace=NAMESPACE),
        _binding("mcs-agent-credential", to="mcs-agent", namespace=NAMESPACE),
    ]


def _dns() -> list[JsonObject]:
    return [*_account("mcs-dns"), _role("mcs-dns", "dns"), _binding("mcs-dns", to="mcs-dns")]


def _broker() -> list[JsonObject]:
    """Bound for each member when it is created: the reader everywhere, the member's in its own namespace."""
    return [_role("mcs-broker-reader", "broker-reader"), _role("mcs-broker-member", "broker-member")]


def _hub() -> list[JsonObject]:
    """Its account lives on the broker, beside the namespace that its inventory is in."""
    inventory = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": INVENTORY}}
    return [
        *_account("mcs-hub"),
        _role("mcs-hub", "broker-hub"),
        _binding("mcs-hub", to="mcs-hub"),
        inventory,
        _role("mcs-hub-inventory", "broker-hub-inventory", namespace=INVENTORY),
        _binding("mcs-hub-inventory", to="mcs-hub", namespace=INVENTORY),
        _role("mcs-hub", "broker-hub-lease", namespace=NAMESPACE),
        _binding("mcs-hub", to="mcs-hub", namespace=NAMESPACE),
    ]


def _users() -> list[JsonObject]:
    """Whoever has the built-in role view, edit or admin gets these rights with it."""
    return [
        _role("mcs-viewer", "viewer", aggregate_to="view"),
        _role("mcs-editor", "editor", aggregate_to="edit"),
    ]


_OBJECTS: Final[dict[str, Callable[[], list[JsonObject]]]] = {
    "agent": _agent,
    "properties": _properties,
    "managed-properties": _managed_properties,
    "reports": _reports,
    "policies": _policies,
    "service-export-policies": _service_export_policies,
    "credential": _credential,
    "dns": _dns,
    "broker": _broker,
    "hub": _hub,
    "users": _users,
}
COMPONENTS: Final = tuple(_OBJECTS)
"""Who has rights: `properties`, `managed-properties`, `reports`, `policies`, `service-export-policies` and
`credential` are parts of the agent (`managed-properties` works with --manage-properties, `reports` with
--report-to-inventory, `policies` with --export-policies and --import-policies, `service-export-policies` with
the option of that name, `credential` with --broker-renew-in), `hub` works beside the broker, and `users` are
the people of a cluster."""


def rights_of(*components: str) -> list[JsonObject]:
    """The objects of some of `COMPONENTS`, each once, in the order in which they can be created."""
    objects: list[JsonObject] = []
    for component in components:
        objects += [one for one in _OBJECTS[component]() if one not in objects]
    return objects


def _account(name: str) -> list[JsonObject]:
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": NAMESPACE}},
    ]


def _role(name: str, role: str, *, namespace: str = "", aggregate_to: str = "") -> JsonObject:
    metadata: JsonObject = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if aggregate_to:
        metadata["labels"] = {f"{_RBAC}/aggregate-to-{aggregate_to}": "true"}
    kind = "Role" if namespace else "ClusterRole"
    return {"apiVersion": _RBAC_V1, "kind": kind, "metadata": metadata, "rules": rules_of(role)}


def _binding(role: str, *, to: str, namespace: str = "") -> JsonObject:
    """Gives a role to a service account in our namespace: the role of that name in `namespace`, if given."""
    kind = "Role" if namespace else "ClusterRole"
    return {
        "apiVersion": _RBAC_V1,
        "kind": f"{kind}Binding",
        "metadata": {"name": role, **({"namespace": namespace} if namespace else {})},
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": to, "namespace": NAMESPACE}],
    }
