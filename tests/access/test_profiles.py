"""Which access provider is taken of a ClusterProfile (CP-21), and what of it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from mcs_controller.access.connecting import plan
from mcs_controller.access.errors import NoProvider, UnusableProfile
from mcs_controller.access.profiles import choose
from tests.access.profiles import CONFIG, SERVER, ca_data, entry, offer, profile, providers


def chosen(found: dict[str, Any], *names: str) -> tuple[str, str]:
    """Name and server of what is chosen where the provider file has `names`."""
    provider, access = choose(found, providers(*(entry(name) for name in names)))
    return provider.name, access.server


@pytest.mark.requirement("CP-21")
def test_the_first_entry_of_the_file_that_the_profile_offers_is_taken() -> None:
    found = profile(offer("one", "https://one"), offer("two", "https://two"), offer("three", "https://three"))
    assert chosen(found, "two", "one") == ("two", "https://two")
    assert chosen(found, "one", "two") == ("one", "https://one")
    assert chosen(found, "nobody", "three", "one") == ("three", "https://three")


@pytest.mark.requirement("CP-21")
def test_access_providers_count_before_their_deprecated_twin() -> None:
    found = profile(
        offer("both", "https://new"), deprecated=(offer("both", "https://old"), offer("only", "https://only"))
    )
    assert chosen(found, "both") == ("both", "https://new")
    assert chosen(found, "only", "both") == ("only", "https://only")


@pytest.mark.requirement("CP-21")
@pytest.mark.parametrize(
    ("found", "names", "told"),
    [
        (profile(offer("one")), ("two",), "it offers one, the file has two"),
        (profile(offer("one")), (), "the file has none"),
        (profile(), ("two",), "it offers none"),
        ({"metadata": {"name": "east", "namespace": "ns"}}, ("two",), "ClusterProfile ns/east"),
    ],
)
def test_a_profile_that_offers_nothing_known_says_what_is_known(
    found: dict[str, Any], names: tuple[str, ...], told: str
) -> None:
    with pytest.raises(NoProvider) as caught:
        chosen(found, *names)
    assert told in str(caught.value)


@pytest.mark.requirement("CP-21")
def test_an_entry_without_a_plugin_is_said_to_lack_one() -> None:
    with pytest.raises(UnusableProfile, match="has no execConfig for it"):
        plan(profile(offer("bare")), providers({"name": "bare"}))


def test_a_malformed_provider_does_not_take_the_others_away() -> None:
    found = profile(offer("bad", server="nonsense"), offer("good"))
    assert chosen(found, "good", "bad") == ("good", SERVER)
    with pytest.raises(UnusableProfile, match="access provider bad: server is no URL"):
        chosen(found, "bad", "good")


@pytest.mark.requirement("CP-27")
def test_every_field_of_the_cluster_is_read(pki_ca: bytes) -> None:
    found = profile(
        offer(
            certificate_authority_data=ca_data(pki_ca),
            tls_server_name="east.test",
            proxy_url="http://proxy.example:3128",
            disable_compression=True,
            extensions={CONFIG: {"a": 1}},
        )
    )
    _, access = choose(found, providers(entry()))
    assert (access.server, access.ca, access.tls_server_name) == (SERVER, pki_ca, "east.test")
    assert (access.proxy_url, access.disable_compression) == ("http://proxy.example:3128", True)
    assert not access.insecure
    assert access.extensions == {CONFIG: {"a": 1}}
    _, other = choose(profile(offer(insecure_skip_tls_verify=True)), providers(entry()))
    assert other.insecure


@pytest.mark.requirement("CP-27")
@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"server": ""}, "server is no URL"),
        ({"server": "east:6443"}, "server is no URL"),
        ({"server": "file:///etc/passwd"}, "server is no URL"),
        ({"server": "https://user:s3cret@east"}, "server is no URL"),
        ({"server": "https://east:0"}, "server is no URL"),
        ({"server": "https://east\nHost: west"}, "server is no URL"),
        ({"server": "https://" + "x" * 3000}, "server is no URL"),
        ({"server": 7}, "server is 7, not a text"),
        ({"server": "http://east:6443"}, "reached without TLS, which would show the credential"),
        (
            {"server": "http://127.0.0.1:6443", "proxy_url": "http://proxy"},
            "would show the proxy the credential",
        ),
        ({"proxy_url": "socks5://proxy"}, "SOCKS proxy, which is not supported"),
        ({"proxy_url": "ftp://x:s3cret@proxy"}, "proxy-url is no URL of a proxy"),
        ({"tls_server_name": "a\nb"}, "tls-server-name"),
        ({"certificate_authority_data": "s3cret!"}, "is no base64 of a PEM certificate"),
        ({"certificate_authority_data": ca_data(b"s3cret")}, "is no base64 of a PEM certificate"),
        ({"insecure_skip_tls_verify": "yes"}, "insecure-skip-tls-verify is 'yes'"),
        ({"disable_compression": 1}, "disable-compression is 1"),
    ],
)
def test_what_a_profile_may_not_say_is_refused_in_a_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UnusableProfile) as caught:
        choose(profile(offer(**changes)), providers(entry()))
    text = str(caught.value)
    assert complaint in text
    assert text.startswith("ClusterProfile mcs-inventory/prod-east: access provider plugin: ")
    assert "s3cret" not in text
    assert text.isprintable()
    assert len(text) <= 512


def test_a_ca_beside_insecure_is_refused_as_kubectl_does(pki_ca: bytes) -> None:
    found = profile(offer(insecure_skip_tls_verify=True, certificate_authority_data=ca_data(pki_ca)))
    with pytest.raises(UnusableProfile, match="one of the two has to go"):
        choose(found, providers(entry()))


def test_a_file_of_the_managers_machine_is_not_read() -> None:
    _, access = choose(profile(offer(certificate_authority="/etc/passwd")), providers(entry()))
    assert access.ca is None


TWICE = [{"name": CONFIG, "extension": {}}, {"name": CONFIG, "extension": {}}]
ODD_CLUSTERS: list[Any] = [[], {"extensions": {}}, {"server": SERVER, "extensions": TWICE}, "east", 7]


@pytest.mark.parametrize(
    "status",
    [
        [offer()],
        {"accessProviders": "all"},
        {"accessProviders": [7]},
        {"accessProviders": [offer(), {"cluster": {}}] * 600},
        *({"accessProviders": [{"name": "plugin", "cluster": cluster}]} for cluster in ODD_CLUSTERS),
    ],
)
def test_a_profile_of_another_shape_is_unusable_and_never_a_bug(status: Any) -> None:
    with pytest.raises(UnusableProfile) as caught:
        choose({"metadata": [], "status": status}, providers(entry()))
    assert str(caught.value).isprintable()
