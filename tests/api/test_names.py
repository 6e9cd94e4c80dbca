"""Names that other programs know us by: spelt out here, so that a slip in one place cannot move both."""

from __future__ import annotations

import pytest

from mcs_controller.api import names, resources


@pytest.mark.requirement("MCS-API-13")
def test_labels_of_imported_objects_are_in_the_domain_of_the_mcs_specification() -> None:
    assert names.LABEL_SERVICE_NAME == "multicluster.kubernetes.io/service-name"
    assert names.LABEL_SOURCE_CLUSTER == "multicluster.kubernetes.io/source-cluster"


@pytest.mark.requirement("MCS-API-15")
def test_the_annotation_that_names_the_derived_service_is_the_reference_controllers() -> None:
    assert names.ANNOTATION_DERIVED_SERVICE == "multicluster.kubernetes.io/derived-service"


@pytest.mark.requirement("MCS-API-14")
def test_v1beta1_is_preferred_and_v1alpha1_is_the_fallback() -> None:
    assert resources.MCS_VERSIONS == ("v1beta1", "v1alpha1")
    assert resources.service_exports().version == resources.service_imports().version == "v1beta1"


@pytest.mark.requirement("MCS-API-01")
def test_paths_are_spelt_as_an_api_server_serves_them() -> None:
    exports = resources.service_exports("v1alpha1")
    assert exports.path() == "/apis/multicluster.x-k8s.io/v1alpha1/serviceexports"
    assert exports.path("shop", "web", "status") == (
        "/apis/multicluster.x-k8s.io/v1alpha1/namespaces/shop/serviceexports/web/status"
    )
    assert resources.SERVICES.path("shop") == "/api/v1/namespaces/shop/services"
    assert resources.NAMESPACES.path("ignored", "shop") == "/api/v1/namespaces/shop"


def test_the_member_namespace_of_the_longest_cluster_id_is_one_dns_label() -> None:
    assert len(names.MEMBER_NAMESPACE_PREFIX) + names.CLUSTER_ID_MAX_CHARS == 63
