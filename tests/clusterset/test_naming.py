"""Names of the objects that are made from others."""

import base64
import hashlib

import pytest

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.naming import (
    derived_service_name,
    exported_service_name,
    exported_slice_name,
    imported_slice_name,
)
from mcs_controller.clusterset.syntax import is_subdomain


@pytest.mark.requirement("MCS-IMP-18")
def test_the_derived_service_is_named_as_the_upstream_reference_names_it() -> None:
    assert derived_service_name(ServiceKey("my-ns", "my-svc")) == "derived-a2v4k9sqn6"


def test_an_exported_service_is_named_by_namespace_and_name() -> None:
    assert exported_service_name(ServiceKey("shop", "web")) == "shop.web"


def test_an_exported_slice_is_named_by_namespace_and_slice() -> None:
    assert exported_slice_name("shop", "web-abc") == "shop.web-abc"


@pytest.mark.parametrize("length", [249, 250, 253])
def test_a_name_that_is_too_long_is_shortened_to_a_valid_one_of_its_own(length: int) -> None:
    one, other = "a" * (length - 1) + "b", "a" * (length - 1) + "c"
    names = {exported_slice_name("shop", one), exported_slice_name("shop", other)}
    assert len(names) == 2
    assert all(is_subdomain(name) for name in names)


def test_a_shortened_name_is_valid_wherever_the_cut_falls() -> None:
    for dot_at in range(225, 250):
        slice_name = "a." * 100 + "b" * (dot_at - 200) + "." + "c" * (250 - dot_at)
        assert is_subdomain(exported_slice_name("shop", slice_name))


def test_an_imported_slice_name_depends_on_service_cluster_and_slice() -> None:
    names = {
        imported_slice_name(service, cluster, slice_name)
        for service in ("web", "web-east")
        for cluster in ("east", "east-east")
        for slice_name in ("web-a", "web-b")
    }
    assert len(names) == 8
    assert imported_slice_name("web", "east", "web-a").startswith("web-east-")
    assert imported_slice_name("web", "east", "web-a") == imported_slice_name("web", "east", "web-a")


def test_the_longest_imported_slice_name_is_a_valid_object_name() -> None:
    assert is_subdomain(imported_slice_name("s" * 63, "c" * 52, "n" * 253))


def test_a_name_is_shortened_only_when_it_is_longer_than_an_object_name_may_be() -> None:
    fits = "a" * (253 - len("shop."))
    assert exported_slice_name("shop", fits) == f"shop.{fits}"
    assert len(exported_slice_name("shop", fits + "a")) == 253


def test_a_name_that_utf_8_cannot_spell_has_a_hash_all_the_same() -> None:
    """JSON can spell half of a surrogate pair; a name with one is refused later, not by a crash here."""
    assert imported_slice_name("web", "east", "\ud800") != imported_slice_name("web", "east", "\udfff")


def test_the_hash_in_a_name_is_spelt_as_the_library_spells_it() -> None:
    for number in range(2000):
        text = f"web/east/web-{number}"
        digest = hashlib.sha256(f"shop/{text}".encode()).digest()
        spelt = base64.b32hexencode(digest).decode().lower()[:10]
        assert derived_service_name(ServiceKey("shop", text))[-10:] == spelt
