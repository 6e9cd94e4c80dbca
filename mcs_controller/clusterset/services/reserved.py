"""Namespaces that exist in every cluster, and into which nothing is imported unless the operator allows it.

KEP-1645 warns of exports from `kube-system` and `default` (Restricting exports). The same name does not mean
the same owner there: many users of each cluster may write in `default`, and every program of a cluster trusts
what is in `kube-system`. So the importing cluster decides, not the exporting one. The choice about imports
that exist already is in docs/decisions/0025-reserved-namespaces.md.
"""

from collections.abc import Collection
from typing import Final

RESERVED_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")

OPTION: Final = "--import-reserved-namespaces"


def may_import_into(namespace: str, allowed: Collection[str]) -> bool:
    """Whether imports may be created in the namespace; `allowed` are the reserved ones that may be used."""
    return namespace not in RESERVED_NAMESPACES or namespace in allowed


def not_imported(namespace: str) -> str:
    """What the user who exports from a namespace is told, whose own cluster imports nothing into it."""
    return (
        f"this cluster creates no imports in namespace {namespace}, which exists in every cluster; each "
        f"other cluster decides that for itself; to allow it, start the agent with {OPTION}={namespace}"
    )


def kept(namespace: str) -> str:
    """What stands on an import that an earlier agent created in such a namespace."""
    return (
        f"created before imports into namespace {namespace} needed permission; it stays until nobody exports "
        f"the service or it is deleted, and is not created again without {OPTION}={namespace}"
    )
