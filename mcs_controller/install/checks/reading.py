"""Reads one fact: what goes wrong is the fact then, and nobody waits longer than `WITHIN_SECONDS` for it."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, LEASES, Resource
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.fields import (
    an_object,
    child,
    items,
    required_label,
    required_name,
    string_pairs,
)
from mcs_controller.install.checks.facts import JsonObject, Lease
from mcs_controller.install.checks.model import Unknown
from mcs_controller.install.lease import LeaseName
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.errors import ApiError, Forbidden, KubeError
from mcs_controller.kube.lookup import find

WITHIN_SECONDS: Final = 20.0
OBJECTS_MAX: Final = 20_000
"""More of one kind are not read: then what needs all of them is skipped."""
_VERSIONS_MAX: Final = 100

Fact = TypeVar("Fact")


class TooMany(Exception):
    """There are more objects than are read here."""


async def known(asking: Awaitable[Fact]) -> Fact | Unknown:
    """The fact, or why it is not known. Never raises `KubeError`."""
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            return await asking
    except Forbidden as error:
        return Unknown(f"the credential has not the right: {error.message}")
    except TimeoutError:
        return Unknown(f"no answer within {WITHIN_SECONDS:g} s")
    except ApiError as error:
        return Unknown(error.message)
    except (KubeError, MalformedObject, TooMany) as error:
        return Unknown(str(error))


async def definition(client: Client, name: str) -> JsonObject | None:
    """A CustomResourceDefinition as the checks read it. Raises `KubeError`, `MalformedObject`."""
    found = await find(client, CUSTOM_RESOURCE_DEFINITIONS, name)
    if found is not None:
        string_pairs(child(found, "metadata"), "labels")
        required_name(child(found, "spec"), "group")
        for version in items(child(found, "spec"), "versions", _VERSIONS_MAX):
            required_label(an_object(version, "versions"), "name")
        for condition in items(child(found, "status"), "conditions", _VERSIONS_MAX):
            an_object(condition, "conditions")
    return found


async def read_lease(client: Client, name: LeaseName) -> Lease | None:
    """Who leads by it. Raises `KubeError`, `MalformedObject`."""
    found = await find(client, LEASES, name.name, name.namespace)
    if found is None:
        return None
    spec = child(found, "spec")
    seconds = spec.get("leaseDurationSeconds")
    return Lease(
        holder=str(spec.get("holderIdentity") or ""),
        renewed=str(spec.get("renewTime") or ""),
        duration_seconds=float(seconds) if isinstance(seconds, int) else 15.0,
    )


async def listed(
    client: Client, resource: Resource, selector: str = "", namespace: str = ""
) -> list[JsonObject]:
    """All objects of a kind. Raises `KubeError`, and `TooMany` above `OBJECTS_MAX`."""
    found: list[JsonObject] = []
    pages = client.pages(resource, namespace=namespace, label_selector=selector)
    async for page in pages:
        async for body in page.objects:
            # Who has no metadata is nobody's, and was left out as any other that cannot be read.
            if isinstance(body, dict) and isinstance(body.get("metadata"), dict):
                found.append(body)
        if len(found) > OBJECTS_MAX:
            await pages.aclose()
            raise TooMany(
                f"there are more than {OBJECTS_MAX} objects of kind {resource.kind}: too many to compare"
            )
    return found


async def ahead_seconds(client: Client, clock: Clock) -> float | None:
    """How far the clock of an API server is ahead of ours, to a second; None if it says no time."""
    before = clock.now().timestamp()
    said = await client.date()
    after = clock.now().timestamp()
    # It says whole seconds: on average half of one has passed since.
    return None if said is None else said.timestamp() + 0.5 - (before + after) / 2
