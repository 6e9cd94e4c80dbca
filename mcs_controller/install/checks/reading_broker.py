"""Reads what the checks want to know of the broker: with the member's own credential, and a given one."""

import asyncio
from dataclasses import replace
from typing import Final

from mcs_controller.api.names import (
    LABEL_MANAGED_BY,
    MANAGED_BY,
    MEMBER_NAMESPACE_PREFIX,
)
from mcs_controller.api.resources import (
    BROKER_GROUP,
    BROKER_VERSION,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    PROFILE_API,
    SERVICE_ACCOUNTS,
    cluster_profiles,
)
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.fields import an_object, child, items, text
from mcs_controller.clusterset.identity import cluster_of_namespace, member_namespace
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.model import Member, ServiceKey
from mcs_controller.clusterset.services import decode
from mcs_controller.install.checks.facts import (
    BrokerFacts,
    CheckConfig,
    JsonObject,
    ProfileFacts,
    Reached,
    Review,
    SliceFacts,
)
from mcs_controller.install.checks.model import Unknown
from mcs_controller.install.checks.reading import ahead_seconds, definition, known, listed, read_lease
from mcs_controller.install.checks.reviews import Account, Right, reviewed, rights_of_rules
from mcs_controller.install.objects import ACCOUNT
from mcs_controller.install.rules import rules_of
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.discovery import served_resource
from mcs_controller.kube.errors import Forbidden, KubeError, NotFound, TransportError, Unauthorized
from mcs_controller.kube.lookup import find

KINDS: Final = (MEMBER_CLUSTERS, EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES)
_RESOURCES_MAX: Final = 1000
MEMBERS_REVIEWED_MAX: Final = 20
"""Of so many members the rights are looked at when the broker's administrator asks."""


async def reach(own: Client, cluster_id: str | None) -> Reached:
    """What the broker says to the member's own credential."""
    try:
        if cluster_id is None:
            await own.list(MEMBER_CLUSTERS)
        else:
            await own.get(MEMBER_CLUSTERS, cluster_id, member_namespace(cluster_id))
    except TransportError as error:
        return Reached("unreachable", str(error))
    except Unauthorized as error:
        return Reached("refused", str(error))
    except Forbidden as error:
        return Reached("forbidden", str(error))
    except NotFound as error:
        return Reached("no member", str(error))
    except KubeError as error:
        return Reached("error", str(error))
    return Reached("member")


async def read_broker(
    client: Client, own: Client | None, cluster_id: str | None, config: CheckConfig, clock: Clock
) -> BrokerFacts:
    """All facts that `client` can read; `own` is the member's own way to the broker, None if unknown."""
    answers = await known(client.get_raw("/version"))
    if isinstance(answers, Unknown):
        return unread(Unknown(f"the broker: {answers.reason}"))
    async with asyncio.TaskGroup() as group:
        start = group.create_task
        ahead = start(known(ahead_seconds(client, clock)))
        kinds = start(known(_kinds(client)))
        crds = start(known(_crds(client)))
        members = start(known(_members(client)))
        namespaces = start(known(_namespaces(client)))
        records = start(known(_records(client)))
        slices = start(known(_slices(client)))
        hub_lease = start(known(read_lease(client, config.hub_lease)))
        profiles = start(known(_profiles(client)))
    listed_members = members.result()
    found, unreadable = ((), ()) if isinstance(listed_members, Unknown) else listed_members
    facts = BrokerFacts(
        ahead_seconds=ahead.result(),
        kinds=kinds.result(),
        crds=crds.result(),
        members=listed_members if isinstance(listed_members, Unknown) else found,
        unreadable_members=unreadable,
        namespaces=namespaces.result(),
        records=records.result(),
        slices=slices.result(),
        hub_lease=hub_lease.result(),
        profiles=profiles.result(),
    )
    if own is not None and cluster_id is not None:
        rights = await known(reviewed(own, None, _member_rights(cluster_id)))
        too_many = await known(reviewed(own, None, _too_many(cluster_id)))
        return replace(facts, rights=rights, too_many=too_many)
    rights, too_many = await _rights_of_members(client, found)
    return replace(facts, rights=rights, too_many=too_many)


def unread(why: Unknown) -> BrokerFacts:
    """Nothing is known, for one reason."""
    return BrokerFacts(
        ahead_seconds=why,
        kinds=why,
        crds=why,
        members=why,
        namespaces=why,
        records=why,
        slices=why,
        rights=why,
        too_many=why,
        hub_lease=why,
        profiles=why,
    )


def _member_rights(cluster_id: str) -> list[Right]:
    namespace = member_namespace(cluster_id)
    return [
        *rights_of_rules(rules_of("broker-reader")),
        *rights_of_rules(rules_of("broker-member"), namespace),
    ]


def _too_many(cluster_id: str) -> list[Right]:
    """What would let a member act for others, or give itself more."""
    return [
        Right("create", BROKER_GROUP, "exportedservices"),
        Right("update", BROKER_GROUP, "memberclusters", namespace=member_namespace(cluster_id)),
        Right("get", "", "secrets"),
    ]


async def _rights_of_members(
    client: Client, members: tuple[Member, ...]
) -> tuple[tuple[Review, ...] | Unknown, tuple[Review, ...] | Unknown]:
    """Of the accounts that `broker create-member` makes; members may have other credentials."""
    rights: list[Review] = []
    too_many: list[Review] = []

    async def review(member: Member) -> None:
        account = Account(member_namespace(member.cluster), ACCOUNT)
        if await find(client, SERVICE_ACCOUNTS, account.name, account.namespace) is None:
            return
        rights.extend(await reviewed(client, account, _member_rights(member.cluster)))
        too_many.extend(await reviewed(client, account, _too_many(member.cluster)))

    for member in members[:MEMBERS_REVIEWED_MAX]:
        done = await known(review(member))
        if isinstance(done, Unknown):
            return done, done
    if not rights:
        nobody = Unknown(
            f"no member has a ServiceAccount {ACCOUNT}: its rights can be asked with its own credential"
        )
        return nobody, nobody
    return tuple(rights), tuple(too_many)


async def _kinds(client: Client) -> frozenset[str]:
    try:
        found = await client.get_raw(f"/apis/{BROKER_GROUP}/{BROKER_VERSION}")
    except NotFound:
        return frozenset()
    resources = items(found, "resources", _RESOURCES_MAX)
    return frozenset(text(an_object(one, "resources"), "name") for one in resources)


async def _crds(client: Client) -> dict[str, JsonObject | None]:
    return {kind.crd_name: await definition(client, kind.crd_name) for kind in KINDS}


async def _members(client: Client) -> tuple[tuple[Member, ...], tuple[str, ...]]:
    """Those that can be read, and the names of the others."""
    found: list[Member] = []
    unreadable: list[str] = []
    for body in await listed(client, MEMBER_CLUSTERS):
        try:
            found.append(decode_member(body))
        except MalformedObject:
            unreadable.append(f"{body['metadata'].get('namespace')}/{body['metadata'].get('name')}")
    return tuple(sorted(found, key=lambda one: one.cluster)), tuple(unreadable)


async def _namespaces(client: Client) -> frozenset[str]:
    names = (str(one["metadata"]["name"]) for one in await listed(client, NAMESPACES))
    return frozenset(name for name in names if name.startswith(MEMBER_NAMESPACE_PREFIX))


async def _records(client: Client) -> frozenset[tuple[str, ServiceKey]]:
    found = set()
    for body in await listed(client, EXPORTED_SERVICES):
        spec = child(body, "spec")
        cluster = cluster_of_namespace(str(body["metadata"].get("namespace", "")))
        if cluster is not None and not spec.get("withdrawn"):
            key = ServiceKey(str(spec.get("serviceNamespace", "")), str(spec.get("serviceName", "")))
            found.add((cluster, key))
    return frozenset(found)


async def _slices(client: Client) -> tuple[SliceFacts, ...]:
    found = []
    for body in await listed(client, EXPORTED_ENDPOINT_SLICES):
        try:
            piece = decode.exported_slice(body)
        except MalformedObject:
            continue
        addresses = [address for one in piece.content.endpoints for address in one.addresses]
        found.append(SliceFacts(piece.service, piece.name, piece.cluster, tuple(addresses)))
    return tuple(found)


async def _profiles(client: Client) -> tuple[ProfileFacts, ...]:
    """Those of our hub; none where the kind is not served."""
    try:
        profiles = await served_resource(client, PROFILE_API, cluster_profiles)
        bodies = await listed(client, profiles, f"{LABEL_MANAGED_BY}={MANAGED_BY}")
    except NotFound:
        return ()
    found = []
    for body in bodies:
        metadata = body["metadata"]
        name = f"{metadata.get('namespace')}/{metadata.get('name')}"
        # The hub ends a profile's name with the member's id, which has no dot.
        manager = text(child(child(body, "spec"), "clusterManager"), "name")
        found.append(ProfileFacts(name, name.rpartition(".")[2], manager))
    return tuple(found)
