"""What of an old registry is too long, or not what it seems, for a ClusterProfile."""

from __future__ import annotations

import pytest

from mcs_controller.access.errors import UnusableRegistration
from mcs_controller.access.registries.kubefed import read_kubefed_cluster
from tests.access.test_registries import TARGET, cluster, endpoints, imported, kubefed, ways


@pytest.mark.requirement("CR-05")
def test_a_value_that_is_too_long_for_a_property_is_left_out_and_noted() -> None:
    found = read_kubefed_cluster(kubefed(status={"region": "x" * 1025, "zones": ["a"]}), TARGET)
    assert found.properties == {"zones.mcs-controller.io": "a"}
    assert found.notes == ["its region are too long for a property"]


@pytest.mark.requirement("CR-05")
def test_a_version_is_bounded_and_a_name_that_is_too_long_is_refused() -> None:
    made = imported(kubefed(status={"kubernetesVersion": "v" * 1000}))
    assert len(made["status"]["version"]["kubernetes"]) <= 64
    with pytest.raises(UnusableRegistration, match="too long for a name"):
        imported(cluster(name="x" * 250))


@pytest.mark.requirement("CR-02")
def test_a_network_of_all_addresses_is_not_an_internal_one() -> None:
    made = imported(cluster(endpoints(("::/0", "six.example"), ("fd00::/8", "own.example"))))
    assert set(ways(made)) == {"secretreader-external", "secretreader-internal"}
