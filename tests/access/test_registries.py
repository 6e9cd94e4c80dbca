"""Clusters of retired registries become ClusterProfiles: what is carried over, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from mcs_controller.access.registries.cluster_registry import read_cluster
from mcs_controller.access.registries.importing import Target, profile_of
from mcs_controller.access.registries.kubefed import read_kubefed_cluster
from mcs_controller.clusterset.errors import MalformedObject
from tests.access.profiles import CONFIG, ca_data

Json = dict[str, Any]

TARGET = Target("old", "secretreader", "mcs-inventory", "2026-01-01T00:00:00Z")
TRANSITION, HEARTBEAT = "2019-01-01T00:00:00Z", "2019-02-01T00:00:00Z"


def cluster(spec: Json | None = None, status: Json | None = None, **metadata: Any) -> Json:
    """A Cluster of the cluster-registry."""
    return {
        "apiVersion": "clusterregistry.k8s.io/v1alpha1",
        "kind": "Cluster",
        "metadata": {"name": "east", "namespace": "clusters", **metadata},
        "spec": spec or {},
        "status": status or {},
    }


def kubefed(spec: Json | None = None, status: Json | None = None, **metadata: Any) -> Json:
    """A KubeFedCluster."""
    return {
        "apiVersion": "core.kubefed.io/v1beta1",
        "kind": "KubeFedCluster",
        "metadata": {"name": "east", "namespace": "kube-federation-system", **metadata},
        "spec": {"apiEndpoint": "https://east:6443", **(spec or {})},
        "status": status or {},
    }


def imported(body: Json) -> Json:
    """The profile that it becomes."""
    read = read_cluster if body["kind"] == "Cluster" else read_kubefed_cluster
    return profile_of(read(body, TARGET), TARGET)


def condition(made: Json, kind: str) -> Json:
    (found,) = (one for one in made["status"]["conditions"] if one["type"] == kind)
    return dict(found)


def endpoints(*pairs: tuple[str | None, str], ca: str = "") -> Json:
    listed = [{**({"clientCIDR": cidr} if cidr else {}), "serverAddress": address} for cidr, address in pairs]
    return {"kubernetesApiEndpoints": {"serverEndpoints": listed, **({"caBundle": ca} if ca else {})}}


def ways(made: Json) -> dict[str, str]:
    """Server by name of the access provider."""
    return {one["name"]: one["cluster"]["server"] for one in made["status"].get("accessProviders", [])}


@pytest.mark.requirement("CR-01", "CR-05")
def test_a_cluster_becomes_a_profile_of_the_inventory_with_its_labels_and_a_manager() -> None:
    labels = {
        "env": "prod",
        "x-k8s.io/cluster-manager": "evil",
        "multicluster.x-k8s.io/inventory-member-id": "x",
        "mcs-controller.io/managed-by": "mcs-controller.io",
    }
    made = imported(cluster(labels=labels))
    assert (made["apiVersion"], made["kind"]) == ("multicluster.x-k8s.io/v1alpha1", "ClusterProfile")
    assert made["metadata"] == {
        "name": "old.east",
        "namespace": "mcs-inventory",
        "labels": {"env": "prod", "x-k8s.io/cluster-manager": "old"},
    }
    assert made["spec"] == {"displayName": "east", "clusterManager": {"name": "old"}}


@pytest.mark.requirement("CR-02")
def test_endpoint_and_ca_become_an_access_provider(pki_ca: bytes) -> None:
    made = imported(cluster(endpoints((None, "https://east:6443"), ca=ca_data(pki_ca))))
    assert made["status"]["accessProviders"] == [
        {
            "name": "secretreader",
            "cluster": {"server": "https://east:6443", "certificate-authority-data": ca_data(pki_ca)},
        }
    ]


@pytest.mark.requirement("CR-02")
def test_each_network_has_a_provider_of_its_own_in_the_registrys_order() -> None:
    made = imported(
        cluster(
            endpoints(
                ("10.0.0.0/8", "10.0.0.1:443"),
                ("0.0.0.0/0", "east.example"),
                ("192.168.0.0/16", "https://192.168.0.1"),
                (None, "https://other.example:6443"),
            )
        )
    )
    assert ways(made) == {
        "secretreader-internal": "https://10.0.0.1:443",
        "secretreader-external": "https://east.example",
        "secretreader-internal-2": "https://192.168.0.1",
        "secretreader-external-2": "https://other.example:6443",
    }


@pytest.mark.requirement("CR-03")
def test_controllers_and_users_have_providers_of_their_own_that_name_secrets_and_hold_none() -> None:
    auth = {
        "controller": {"kind": "Secret", "name": "east-controller", "namespace": "clusters"},
        "user": {"kind": "Secret", "name": "east-user"},
    }
    made = imported(cluster({**endpoints((None, "https://east")), "authInfo": auth}))
    first, second = made["status"]["accessProviders"]
    assert (first["name"], second["name"]) == ("secretreader", "secretreader-user")
    assert first["cluster"]["extensions"] == [
        {"name": CONFIG, "extension": {"clusterName": "east-controller", "namespace": "clusters"}}
    ]
    assert second["cluster"]["extensions"] == [{"name": CONFIG, "extension": {"clusterName": "east-user"}}]


@pytest.mark.requirement("CR-03")
def test_a_reference_to_another_kind_is_handed_on_and_said() -> None:
    auth = {"controller": {"kind": "Vault", "name": "east"}}
    found = read_cluster(cluster({**endpoints((None, "https://east")), "authInfo": auth}), TARGET)
    (way,) = found.access
    assert way["cluster"]["extensions"][0]["extension"] == {"kind": "Vault", "name": "east"}
    assert found.notes == ["authInfo.controller is a Vault: only a plugin of your own knows what that is"]


@pytest.mark.requirement("CR-04")
@pytest.mark.parametrize("status", ["True", "False", "Unknown"])
def test_the_condition_ok_becomes_health_as_of_when_it_was_seen(status: str) -> None:
    told = {"type": "OK", "status": status, "reason": "Probed", "message": "all is well"}
    times = {"lastTransitionTime": TRANSITION, "lastHeartbeatTime": HEARTBEAT}
    made = imported(cluster(status={"conditions": [{"type": "Other", "status": "True"}, {**told, **times}]}))
    assert condition(made, "ControlPlaneHealthy") == {
        "type": "ControlPlaneHealthy",
        "status": status,
        "reason": "Probed",
        "message": f"all is well (as of {HEARTBEAT})",
        "lastTransitionTime": TRANSITION,
    }
    joined = condition(made, "Joined")
    assert (joined["status"], joined["reason"]) == ("Unknown", "Imported")
    assert joined["lastTransitionTime"] == TARGET.now


@pytest.mark.requirement("CR-04")
@pytest.mark.parametrize(
    ("time", "kept"),
    [
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("10000-01-01T00:00:00Z", TARGET.now),
        ("9999-12-31T23:59:59-23:59", TARGET.now),
        (f"2026-01-01T00:00:00.{'9' * 5000}Z", TARGET.now),
    ],
)
def test_a_time_that_no_api_server_takes_is_not_carried_over(time: str, kept: str) -> None:
    told = {"type": "OK", "status": "True", "lastTransitionTime": time, "lastHeartbeatTime": time}
    healthy = condition(imported(cluster(status={"conditions": [told]})), "ControlPlaneHealthy")
    assert healthy["lastTransitionTime"] == kept
    assert ("as of" in healthy["message"]) == (kept == time)


@pytest.mark.requirement("CR-04")
@pytest.mark.parametrize(
    "conditions", [[], [{"type": "OK"}], [{"type": "OK", "status": "fine", "reason": "not a reason"}]]
)
def test_without_a_usable_condition_nothing_is_known_of_the_health(conditions: list[Json]) -> None:
    healthy = condition(imported(cluster(status={"conditions": conditions})), "ControlPlaneHealthy")
    assert (healthy["status"], healthy["reason"]) == ("Unknown", "Imported")
    assert healthy["lastTransitionTime"] == TARGET.now
    assert healthy["message"]


@pytest.mark.requirement("CR-05")
def test_a_kubefed_cluster_becomes_a_profile_with_region_and_zones(pki_ca: bytes) -> None:
    made = imported(
        kubefed(
            {
                "caBundle": ca_data(pki_ca),
                "secretRef": {"name": "east-abc12"},
                "proxyURL": "http://proxy.example:3128",
            },
            {
                "conditions": [
                    {"type": "Ready", "status": "True", "reason": "ClusterReady", "message": "ok"}
                ],
                "region": "eu",
                "zones": ["eu-b", "eu-a"],
                "kubernetesVersion": "v1.20.1",
            },
        )
    )
    assert made["status"]["accessProviders"] == [
        {
            "name": "secretreader",
            "cluster": {
                "server": "https://east:6443",
                "proxy-url": "http://proxy.example:3128",
                "certificate-authority-data": ca_data(pki_ca),
                "extensions": [{"name": CONFIG, "extension": {"clusterName": "east-abc12"}}],
            },
        }
    ]
    assert made["status"]["version"] == {"kubernetes": "v1.20.1"}
    assert made["status"]["properties"] == [
        {"name": "region.mcs-controller.io", "value": "eu"},
        {"name": "zones.mcs-controller.io", "value": "eu-a,eu-b"},
    ]
    healthy = condition(made, "ControlPlaneHealthy")
    assert (healthy["status"], healthy["reason"]) == ("True", "ClusterReady")


@pytest.mark.requirement("CR-05")
@pytest.mark.parametrize(
    ("conditions", "status", "reason"),
    [
        ([{"type": "Ready", "status": "False", "reason": "x"}], "False", "NotReady"),
        ([{"type": "Offline", "status": "True"}], "Unknown", "Unreachable"),
        (
            [
                {"type": "Ready", "status": "True", "reason": "x"},
                {"type": "ConfigMalformed", "status": "True"},
            ],
            "Unknown",
            "ConfigMalformed",
        ),
        (
            [{"type": "Offline", "status": "False"}, {"type": "Ready", "status": "True", "reason": "x"}],
            "True",
            "x",
        ),
        ([], "Unknown", "Imported"),
    ],
)
def test_the_health_of_a_kubefed_cluster(conditions: list[Json], status: str, reason: str) -> None:
    healthy = condition(imported(kubefed(status={"conditions": conditions})), "ControlPlaneHealthy")
    assert (healthy["status"], healthy["reason"]) == (status, reason)


@pytest.mark.requirement("CR-05")
def test_only_all_validations_switched_off_make_a_connection_insecure(pki_ca: bytes) -> None:
    ca = ca_data(pki_ca)
    whole = read_kubefed_cluster(kubefed({"caBundle": ca, "disabledTLSValidations": ["*"]}), TARGET)
    assert whole.access[0]["cluster"] == {"server": "https://east:6443", "insecure-skip-tls-verify": True}
    part = read_kubefed_cluster(kubefed({"caBundle": ca, "disabledTLSValidations": ["SubjectName"]}), TARGET)
    assert part.access[0]["cluster"] == {"server": "https://east:6443", "certificate-authority-data": ca}
    assert "cannot be said in a profile" in part.notes[0]


@pytest.mark.requirement("CP-15", "CR-05")
@pytest.mark.parametrize(
    "body",
    [
        cluster(name="East"),
        cluster(name="a/b"),
        cluster(labels=["x"]),
        cluster(endpoints((None, "http://east"))),
        cluster(endpoints((None, "https://user:s3cret@east"))),
        cluster(endpoints((None, "https://east"), ca="s3cret")),
        cluster({"kubernetesApiEndpoints": []}),
        cluster(status={"conditions": ["x"]}),
        kubefed({"proxyURL": "http://me:s3cret@proxy"}),
        kubefed({"proxyURL": "file:///s3cret"}),
        kubefed({"proxyURL": "http://proxy.example/\x1b[2Js3cret"}),
        kubefed({"proxyURL": f"http://{'s3cret' * 500}"}),
        kubefed({"apiEndpoint": ""}),
        kubefed({"caBundle": 7}),
        kubefed(status={"zones": [1]}),
    ],
)
def test_what_cannot_be_converted_is_refused_without_its_secrets(body: Json) -> None:
    with pytest.raises(MalformedObject) as caught:
        imported(body)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("reason", ["A" * 257, "A" * 256 + "\x1b[2J", "A" * 256 + "\nx"])
def test_a_reason_that_no_api_server_takes_is_replaced(reason: str) -> None:
    health = {"type": "OK", "status": "True", "reason": reason}
    assert (
        condition(imported(cluster(status={"conditions": [health]})), "ControlPlaneHealthy")["reason"]
        == "Imported"
    )


def test_what_a_file_says_is_short_and_visible_in_notes() -> None:
    noted = [
        *read_kubefed_cluster(kubefed({"disabledTLSValidations": ["\x1b[2J", "x" * 5000]}), TARGET).notes,
        *read_cluster(
            cluster({"authInfo": {"user": {"kind": "\x1b[2J" + "x" * 5000, "name": "a"}}}), TARGET
        ).notes,
    ]
    assert len(noted) == 3
    assert all(one.isprintable() and len(one) < 250 for one in noted)
