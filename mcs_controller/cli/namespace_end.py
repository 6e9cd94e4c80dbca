"""Waits until a member's namespace on the broker is gone, and says what holds it up.

A namespace that was deleted stays as Terminating until all in it is gone, and so is the member's id not free.
A member may put finalizers on the objects that it writes, and nobody takes those away again. They are not
taken away here either: whose they are only the broker's administrator knows. Nothing is imported from what
is left, since the member has no MemberCluster any more.
"""

import asyncio
import shlex
from collections.abc import Iterator
from typing import Any, Final

from mcs_controller.api.resources import (
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    MEMBER_REPORTS,
    NAMESPACES,
    Resource,
)
from mcs_controller.cli.installing import say
from mcs_controller.clusterset.errors import cut
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.errors import NotFound
from mcs_controller.kube.lookup import find

GONE_WITHIN_SECONDS: Final = 60.0
"""An API server takes some seconds, and up to half a minute where it fails at first."""
_ROUND_SECONDS: Final = 1.0
_TELL_AFTER_SECONDS: Final = 10.0
_NAMED_MAX: Final = 5
_KINDS: Final = (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES, MEMBER_REPORTS, MEMBER_CLUSTERS)
"""All that a member has rights to in its namespace."""
_TELLS: Final = "NamespaceDeletion", "NamespaceContent", "NamespaceFinalizers"
"""How the types of conditions begin by which an API server says why a namespace is still there."""

_HOW: Final = "kubectl patch {kind} {name}{where} --type merge -p {patch}"
_WITHOUT: Final = '{"metadata":{"finalizers":null}}'


async def gone(broker: Client, namespace: JsonObject) -> bool:
    """Whether it goes within `GONE_WITHIN_SECONDS`; another one of its name is not it. Raises `KubeError`."""
    loop = asyncio.get_running_loop()
    began_at, told = loop.time(), False
    name, uid = namespace["metadata"]["name"], namespace["metadata"]["uid"]
    while True:
        body = await find(broker, NAMESPACES, name)
        if body is None or body["metadata"]["uid"] != uid:
            return True
        waited_seconds = loop.time() - began_at
        if waited_seconds >= GONE_WITHIN_SECONDS:
            return False
        if waited_seconds >= _TELL_AFTER_SECONDS and not told:
            told = True
            left_seconds = GONE_WITHIN_SECONDS - waited_seconds
            say(f"waiting until namespace {name} is gone, at most {left_seconds:.0f} s more")
        await asyncio.sleep(_ROUND_SECONDS)


async def what_holds_up(broker: Client, namespace: str) -> str:
    """What an administrator needs to know of a namespace that does not go, and does. Raises `KubeError`."""
    body = await find(broker, NAMESPACES, namespace)
    held = [] if body is None else [(NAMESPACES, body)] if _finalizers(body) else []
    for kind in _KINDS:
        try:
            found = (await broker.list(kind, namespace=namespace)).items
        except NotFound:
            continue
        held += [(kind, one) for one in found if _finalizers(one)]
    named = [f"{kind.kind} {_name(one)} (finalizers: {_finalizers(one)})" for kind, one in held[:_NAMED_MAX]]
    if len(held) > _NAMED_MAX:
        named.append(f"{len(held) - _NAMED_MAX} more")
    said = [] if body is None else list(_conditions(body))
    reasons = "; ".join(filter(None, (", ".join(named), *said))) or "the API server does not say why"
    if not held:
        return f"{reasons}. Look at `kubectl get namespace {namespace} -o yaml` on the broker"
    kind, one = held[0]
    return (
        f"{reasons}. If no program of yours is to take these finalizers away, take them away yourself: "
        f"`{_command(kind, one, namespace)}`"
    )


def _command(kind: Resource, body: JsonObject, namespace: str) -> str:
    plural = kind.crd_name if kind.group else kind.plural
    where = f" -n {namespace}" if kind.namespaced else ""
    return _HOW.format(kind=plural, name=_name(body), where=where, patch=shlex.quote(_WITHOUT))


def _conditions(body: JsonObject) -> Iterator[str]:
    """What the API server says, of the parts that fail or wait."""
    status = body.get("status")
    found: Any = status.get("conditions") if isinstance(status, dict) else None
    for one in found if isinstance(found, list) else []:
        if one.get("status") == "True" and str(one.get("type")).startswith(_TELLS):
            yield cut(str(one.get("message") or one["type"])).rstrip(".")


def _finalizers(body: JsonObject) -> str:
    found = body["metadata"].get("finalizers")
    return cut(", ".join(map(str, found[:_NAMED_MAX]))) if isinstance(found, list) else ""


def _name(body: JsonObject) -> str:
    return cut(str(body["metadata"]["name"]), 253)
