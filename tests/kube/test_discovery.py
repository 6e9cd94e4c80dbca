"""Which version of an API is spoken: asked of the server, and a clear error where it has none of ours."""

import pytest

from mcs_controller.api.resources import (
    ABOUT_API,
    MCS_API,
    MCS_GROUP,
    PROFILE_API,
    cluster_profiles,
    cluster_properties,
    service_exports,
    service_imports,
)
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.transport import Request
from mcs_controller.kube.discovery import NotServed, preferred_version, served_resource, served_versions
from mcs_controller.kube.errors import DecodeError, Forbidden
from tests.kube.fakes import Answer, ScriptedTransport, ok, refusal
from tests.kube.test_client import client_of, only


async def test_served_versions_of_a_group() -> None:
    client, transport = client_of(ok({"versions": [{"version": "v1"}, {"version": "v1alpha1"}]}))
    assert await served_versions(client, "example.com") == ("v1", "v1alpha1")
    assert only(transport)[1] == "/apis/example.com"


async def test_a_group_that_is_not_served_has_no_versions() -> None:
    client, _ = client_of(refusal(404, "NotFound"))
    assert await served_versions(client, "example.com") == ()


async def test_an_answer_without_versions_is_a_decode_error() -> None:
    client, _ = client_of(ok({"kind": "APIGroup"}))
    with pytest.raises(DecodeError):
        await served_versions(client, "example.com")


@pytest.mark.requirement("MCS-API-14")
@pytest.mark.parametrize(
    ("served", "preferred"),
    [
        (["v1alpha1"], "v1alpha1"),
        (["v1alpha1", "v1beta1"], "v1beta1"),
        (["v1beta1", "v1alpha1"], "v1beta1"),
        (["v2"], None),
        ([], None),
    ],
)
async def test_the_best_served_version_of_the_mcs_api_is_spoken(
    served: list[str], preferred: str | None
) -> None:
    client = serving({version: ["serviceexports"] for version in served})
    if preferred is None:
        with pytest.raises(
            NotServed, match=r"serviceexports\.multicluster\.x-k8s\.io v1beta1 or v1alpha1: ap"
        ):
            await served_resource(client, MCS_API, service_exports)
    else:
        assert await served_resource(client, MCS_API, service_exports) == service_exports(preferred)


@pytest.mark.requirement("MCS-API-14")
async def test_what_other_kinds_of_the_group_are_served_in_does_not_count() -> None:
    client = serving({"v1beta1": ["serviceexports"], "v1alpha2": ["clusterprofiles"], "v1alpha1": ["works"]})
    assert await served_resource(client, PROFILE_API, cluster_profiles) == cluster_profiles("v1alpha2")
    assert await preferred_version(client, MCS_API, service_exports) == "v1beta1"
    with pytest.raises(NotServed, match=r"does not serve serviceimports\."):
        await served_resource(client, MCS_API, service_imports)


async def test_a_server_that_cannot_be_asked_is_not_one_that_does_not_serve() -> None:
    client, _ = client_of(refusal(403, "Forbidden"))
    with pytest.raises(Forbidden):
        await preferred_version(client, ABOUT_API, cluster_properties)
    client, _ = client_of(ok({"kind": "APIResourceList"}))
    with pytest.raises(DecodeError):
        await preferred_version(client, ABOUT_API, cluster_properties)


def serving(kinds: dict[str, list[str]]) -> Client:
    """A server with these kinds of the MCS API's group, by version."""

    def answer(request: Request) -> Answer:
        found = kinds.get(request.path.removeprefix(f"/apis/{MCS_GROUP}/"))
        return (
            refusal(404, "NotFound") if found is None else ok({"resources": [{"name": one} for one in found]})
        )

    return Client(ScriptedTransport(answer), name="east")
