"""The tables of docs/configuration.md, made from the options' declarations.

`python -m tests.cli.reference` writes them into the page; the test fails when the page differs.
"""

from mcs_controller.cli.clusters_settings import (
    ClustersImportSettings,
    ClustersKubeconfigSettings,
    ClustersSettings,
    CredentialsSettings,
    SetAccessSettings,
)
from mcs_controller.cli.demo.settings import DemoSettings
from mcs_controller.cli.explain_settings import ExplainSettings
from mcs_controller.cli.install_settings import (
    BrokerInitSettings,
    CheckSettings,
    CreateMemberSettings,
    JoinSettings,
    LeaveSettings,
    MembersSettings,
    RemoveMemberSettings,
    UninstallSettings,
)
from mcs_controller.cli.options import options_of
from mcs_controller.cli.policy_preview import PreviewSettings
from mcs_controller.cli.settings import (
    AgentSettings,
    CrdsSettings,
    DnsCheckSettings,
    DnsInstallSettings,
    DnsSettings,
    DnsUninstallSettings,
    FuseReleaseSettings,
    FuseStatusSettings,
    HubSettings,
    RbacSettings,
)
from mcs_controller.cli.status.settings import StatusSettings
from mcs_controller.options import Option
from tests.cli.pages import DOCS, with_table

PAGE = DOCS / "configuration.md"
SETTINGS = {
    "options:agent": AgentSettings,
    "options:dns": DnsSettings,
    "options:dns-check": DnsCheckSettings,
    "options:hub": HubSettings,
    "options:dns-install": DnsInstallSettings,
    "options:dns-uninstall": DnsUninstallSettings,
    "options:broker-init": BrokerInitSettings,
    "options:broker-create-member": CreateMemberSettings,
    "options:broker-remove-member": RemoveMemberSettings,
    "options:broker-set-access": SetAccessSettings,
    "options:join": JoinSettings,
    "options:status": StatusSettings,
    "options:members": MembersSettings,
    "options:clusters": ClustersSettings,
    "options:clusters-kubeconfig": ClustersKubeconfigSettings,
    "options:clusters-import": ClustersImportSettings,
    "options:credentials-secretreader": CredentialsSettings,
    "options:credentials-kubeconfig-secretreader": CredentialsSettings,
    "options:check": CheckSettings,
    "options:explain": ExplainSettings,
    "options:policy-preview": PreviewSettings,
    "options:leave": LeaveSettings,
    "options:uninstall": UninstallSettings,
    "options:fuse-status": FuseStatusSettings,
    "options:fuse-release": FuseReleaseSettings,
    "options:crds": CrdsSettings,
    "options:rbac": RbacSettings,
    "options:demo": DemoSettings,
}


def with_tables(page: str) -> str:
    """The page with the present tables."""
    for name, settings in SETTINGS.items():
        page = with_table(page, name, _table(settings))
    return page


def _table(settings: type) -> str:
    lines = ["| option | environment | chart value | default | meaning |", "|---|---|---|---|---|"]
    lines += [_row(option) for option in options_of(settings)]
    return "\n".join(lines)


def _row(option: Option) -> str:
    flag = f"`{option.flag}`, `--no-{option.name}`" if option.is_switch else f"`{option.flag}`"
    default = "required" if option.required else "" if option.default is None else f"`{option.default}`"
    meaning = option.help[0].upper() + option.help[1:]
    return f"| {flag} | `{option.env}` | `{option.chart_value}` | {default} | {meaning} |"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
