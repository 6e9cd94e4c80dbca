"""Which version of an API to speak with an API server (MCS-API-14).

It is asked again whenever it matters and never remembered here: a CRD may be installed, or change its
versions, while the program runs. Kinds of one group may be served in different versions, as ClusterProfile
and ServiceExport are, so that it is asked for the kind and not for its group.
"""

from collections.abc import Callable

from mcs_controller.api.resources import Api, Resource
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import DecodeError, KubeError, NotFound


class NotServed(NotFound):
    """The API server serves no version of the API that this program speaks; the text says what to install."""

    def __init__(self, api: Api, kind: Resource) -> None:
        versions = " or ".join(api.versions)
        super().__init__(
            404, "NotFound", f"the API server does not serve {kind.crd_name} {versions}: {api.how_to_install}"
        )


async def served_versions(client: Client, group: str) -> tuple[str, ...]:
    """The versions of an API group that are served now; none when the group is not. Raises `KubeError`."""
    try:
        body = await client.get_raw(f"/apis/{group}")
    except NotFound:
        return ()
    versions = body.get("versions")
    if not isinstance(versions, list):
        raise DecodeError(f"/apis/{group}: the answer has no list of versions")
    return tuple(
        str(entry["version"]) for entry in versions if isinstance(entry, dict) and "version" in entry
    )


async def serves(client: Client, resource: Resource) -> bool:
    """Whether the kind is served now in that version. Raises `KubeError`."""
    path = f"/apis/{resource.group}/{resource.version}"
    try:
        body = await client.get_raw(path)
    except NotFound:
        return False
    kinds = body.get("resources")
    if not isinstance(kinds, list):
        raise DecodeError(f"{path}: the answer has no list of resources")
    return any(isinstance(one, dict) and one.get("name") == resource.plural for one in kinds)


async def served_resource(client: Client, api: Api, kind: Callable[[str], Resource]) -> Resource:
    """The kind in the best version that is served now. Raises `NotServed`, or another `KubeError`."""
    for version in api.versions:
        resource = kind(version)
        if await serves(client, resource):
            return resource
    raise NotServed(api, kind(api.versions[0]))


async def preferred_version(client: Client, api: Api, kind: Callable[[str], Resource]) -> str:
    """The best version in which the kind is served now. Raises `NotServed`, or another `KubeError`."""
    return (await served_resource(client, api, kind)).version


async def stored_resources(client: Client) -> tuple[list[Resource], list[str]]:
    """All kinds that are stored, each in its group's preferred version, and the groups that do not answer.

    What can be listed and not deleted is made up by the server, as ComponentStatus, and has no versions.
    An aggregated API may be away while the API server answers. Raises `KubeError`.
    """
    places = [("", "v1", "/api/v1")]
    for group in (await client.get_raw("/apis")).get("groups") or ():
        version = str((group.get("preferredVersion") or {}).get("version", ""))
        places.append((str(group.get("name")), version, f"/apis/{group.get('name')}/{version}"))
    found: list[Resource] = []
    away: list[str] = []
    for name, version, path in places:
        try:
            served = (await client.get_raw(path)).get("resources") or ()
        except KubeError as error:
            if not name:
                raise
            away.append(f"{name}: {error}")
            continue
        found += [
            Resource(name, version, one["name"], one["kind"], bool(one["namespaced"]))
            for one in served
            if "/" not in one["name"] and {"list", "delete"} <= set(one.get("verbs") or ())
        ]
    return found, away
