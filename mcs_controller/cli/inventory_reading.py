"""Reading ClusterProfiles from whatever hub there is, ours or another's."""

from mcs_controller.access.listing import without_passwords
from mcs_controller.api.resources import PROFILE_API, Resource, cluster_profiles
from mcs_controller.cli.errors import CliError
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.discovery import NotServed, served_resource


async def profiles_resource(client: Client) -> Resource:
    """ClusterProfile in the version to read. Raises `CliError` where there is none, and `KubeError`.

    v1alpha1 is asked first: it alone has the deprecated `credentialProviders` (CP-21).
    """
    try:
        return await served_resource(client, PROFILE_API, cluster_profiles)
    except NotServed:
        raise CliError(
            "this API server serves no ClusterProfiles: it is no hub, or lacks the kind (`mcs-controller "
            "crds --for broker | kubectl apply -f -`)"
        ) from None


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
