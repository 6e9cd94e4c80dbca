"""Reading ClusterProfiles from whatever hub there is, ours or another's."""

from mcs_controller.access.listing import without_passwords
from mcs_controller.api.resources import (
    MCS_GROUP,
    PROFILE_VERSION,
    PROFILE_VERSIONS,
    Resource,
    cluster_profiles,
)
from mcs_controller.cli.errors import CliError
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.errors import NotFound


async def profiles_resource(client: Client) -> Resource:
    """ClusterProfile in the version to read. Raises `CliError` where there is none, and `KubeError`.

    v1alpha1 is asked first: it alone has the deprecated `credentialProviders` (CP-21). That the group serves
    a version says nothing: the kinds of the MCS API are in it, too.
    """
    for version in (PROFILE_VERSION, *PROFILE_VERSIONS):
        try:
            served = await client.get_raw(f"/apis/{MCS_GROUP}/{version}")
        except NotFound:
            continue
        resource = cluster_profiles(version)
        kinds = served.get("resources")
        for one in kinds if isinstance(kinds, list) else []:
            if isinstance(one, dict) and one.get("name") == resource.plural:
                return resource
    raise CliError(
        "this API server serves no ClusterProfiles: it is no hub, or lacks the kind (`mcs-controller crds "
        "--for broker | kubectl apply -f -`)"
    )


def whole_object(body: JsonObject, resource: Resource) -> JsonObject:
    """As kubectl shows an object, and without passwords in URLs.

    Items of lists lack their type, and nobody reads managedFields.
    """
    body = without_passwords(body)
    metadata = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": metadata,
        **{name: value for name, value in body.items() if name not in ("apiVersion", "kind", "metadata")},
    }
