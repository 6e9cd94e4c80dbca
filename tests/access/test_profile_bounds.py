"""Where the bounds of what a ClusterProfile says of access lie, and what of it is never shown."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from mcs_controller.access.errors import ProviderFileError, UnusableProfile
from mcs_controller.access.kubeconfigs import kubeconfig_of
from mcs_controller.access.plugins.kubeconfig_secretreader import credential_of
from mcs_controller.access.profiles import ClusterAccess, choose
from mcs_controller.access.providers import FILE_MAX_BYTES, parse_providers, read_provider_file
from mcs_controller.observe.masking import mask_secrets
from tests.access.profiles import CONFIG, SERVER, ca_data, entry, file_text, offer, profile, providers
from tests.support.kubeconfigs import kubeconfig


def chosen(**fields: Any) -> ClusterAccess:
    return choose(profile(offer(**fields)), providers(entry()))[1]


@pytest.mark.requirement("CP-27")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_without_tls_the_consumers_own_machine_is_reached(host: str) -> None:
    assert chosen(server=f"http://{host}:8001").server == f"http://{host}:8001"


@pytest.mark.requirement("CP-27")
@pytest.mark.parametrize(
    "host",
    ["localhost.evil.example", "evil-localhost", "127.0.0.1.evil.example", "[::2]", "10.0.0.1", "0.0.0.0"],
)
def test_without_tls_no_host_that_only_looks_like_it_is_reached(host: str) -> None:
    with pytest.raises(UnusableProfile, match="reached without TLS"):
        chosen(server=f"http://{host}:8001")


@pytest.mark.requirement("CP-27")
def test_a_ca_that_is_too_long_is_refused_and_not_cut(pki_ca: bytes) -> None:
    long = ca_data(pki_ca + b"\n" * 3 * 512 * 1024)
    with pytest.raises(UnusableProfile, match="is no base64 of a PEM certificate"):
        chosen(certificate_authority_data=long)


@pytest.mark.requirement("CP-27")
@pytest.mark.parametrize("proxy", ["http://" + "x" * 2048, "http://proxy\nevil", "http://proxy:0", "http://"])
def test_a_proxy_that_is_no_url_is_refused(proxy: str) -> None:
    with pytest.raises(UnusableProfile, match="proxy-url is no URL of a proxy"):
        chosen(proxy_url=proxy)


@pytest.mark.requirement("CP-27")
@pytest.mark.parametrize("server", ["https://ea\nst", "https://east/\x1b[2J", "https://east\u202e.example"])
def test_a_server_that_no_terminal_shows_as_it_is_is_refused(server: str) -> None:
    with pytest.raises(UnusableProfile, match="server is no URL"):
        chosen(server=server)


@pytest.mark.requirement("CP-27")
def test_a_kubeconfig_says_that_a_server_is_not_checked_only_where_the_profile_does() -> None:
    for lax in (True, False):
        made = kubeconfig_of(profile(offer(insecure_skip_tls_verify=lax)), providers(entry()))
        assert made["clusters"][0]["cluster"].get("insecure-skip-tls-verify", False) == lax


@pytest.mark.requirement("CP-15")
def test_what_a_profile_says_beside_its_server_is_in_no_repr(pki_ca: bytes) -> None:
    found = chosen(
        certificate_authority_data=ca_data(pki_ca),
        proxy_url="http://me:s3cret-one@proxy",
        extensions={CONFIG: {"x": "s3cret-two"}},
    )
    assert found.proxy_url is not None
    told = repr(found)
    assert SERVER in told
    assert "s3cret" not in told
    assert "CERTIFICATE" not in told


@pytest.mark.requirement("CP-20")
def test_a_command_that_no_system_can_run_is_refused() -> None:
    with pytest.raises(ProviderFileError, match="not a program"):
        parse_providers(file_text(entry(command="log\0in")))


@pytest.mark.requirement("CP-20")
def test_a_provider_file_that_is_too_long_is_refused_as_a_whole(tmp_path: Any) -> None:
    path = tmp_path / "providers.json"
    text = file_text(entry())
    path.write_bytes(text + b" " * (FILE_MAX_BYTES - len(text)))
    assert len(read_provider_file(path).entries) == 1
    path.write_bytes(text + b" " * (FILE_MAX_BYTES - len(text) + 1))
    with pytest.raises(ProviderFileError, match="or too long"):
        read_provider_file(path)


@pytest.mark.requirement("CP-22")
def test_a_kubeconfig_asks_nobody_and_tells_of_the_cluster_only_where_the_file_says_so() -> None:
    for told in (True, False):
        known = providers(entry(provideClusterInfo=told, installHint="get it", interactiveMode="IfAvailable"))
        (user,) = kubeconfig_of(profile(offer()), known)["users"]
        runs = user["user"]["exec"]
        assert (runs["interactiveMode"], runs["provideClusterInfo"]) == ("Never", told)
        assert runs["installHint"] == "get it"


@pytest.mark.requirement("CP-30", "CP-32")
def test_a_key_that_was_handed_out_is_masked_wherever_it_is_said() -> None:
    key = "key-of-east-that-looks-like-words"
    pair = {"client-certificate-data": ca_data(b"certificate"), "client-key-data": ca_data(key.encode())}
    text = yaml.safe_dump(kubeconfig(user=pair))
    assert credential_of(text.encode(), "", "the Secret")["clientKeyData"] == key
    assert key not in mask_secrets(f"the proxy answered: {key} is not welcome")
