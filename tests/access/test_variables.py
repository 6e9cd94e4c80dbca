"""Variables that a profile never sets, whatever the policy: each family of them, by names that do harm."""

from __future__ import annotations

import pytest

from mcs_controller.access.connecting import plan
from mcs_controller.access.errors import UnusableProfile
from mcs_controller.access.providers import Plugin
from tests.access.profiles import ENVS, entry, offer, profile, providers

CODE = (
    *("LD_LIBRARY_PATH", "LD_AUDIT", "DYLD_LIBRARY_PATH", "LD_PRELOAD\n", "GCONV_PATH", "GLIBC_TUNABLES"),
    *("PYTHONHOME", "PYTHONSTARTUP", "PERL5OPT", "PERL5LIB", "PERLLIB", "RUBYOPT", "RUBYLIB"),
    *("NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS"),
    *("BASH_FUNC_kubectl%%", "ENV", "IFS", "SHELLOPTS", "BASHOPTS", "PS4"),
    *("OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "USERPROFILE", "XDG_DATA_DIRS"),
)
WHOM = (
    *("http_proxy", "FTP_PROXY", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR", "SSLKEYLOGFILE"),
    *("NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "HOSTALIASES", "Https_Proxy", "MCS_KUBECONFIG"),
    *("KUBECONFIG", "KUBE_CONFIG", "KUBERNETES_EXEC_INFO", "KUBERNETES_SERVICE_HOST"),
)


def planned(name: str, policy: str) -> Plugin:
    """What is run for a cluster whose profile sets this variable."""
    known = providers(entry(profileSourcedEnvVarsPolicy=policy))
    return plan(profile(offer(extensions={ENVS: {name: "/tmp/evil"}})), known)[1]


@pytest.mark.requirement("CP-25")
@pytest.mark.parametrize("name", CODE)
def test_a_variable_that_brings_code_into_a_plugin_is_refused(name: str) -> None:
    with pytest.raises(UnusableProfile, match="chooses what code runs"):
        planned(name, "Replace")


@pytest.mark.requirement("CP-25")
@pytest.mark.parametrize("name", WHOM)
def test_a_variable_that_leads_a_plugin_to_others_is_refused(name: str) -> None:
    with pytest.raises(UnusableProfile, match="chooses whom the plugin asks, or trusts"):
        planned(name, "Replace")


@pytest.mark.parametrize("name", ["ROLE", "PATHS", "HOMES", "MY_ENV", "PROXY", "AWS_PROFILE", "DEBUG_HOME"])
def test_other_variables_are_a_profiles_to_set(name: str) -> None:
    assert planned(name, "Replace").environment == {name: "/tmp/evil"}
