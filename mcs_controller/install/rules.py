"""The rights of each role, as the Helm charts have them: the one place where a rule stands, with its reason.

Each file in `charts/*/files/rules/` is a list of rules of RBAC and is named for its role. A wheel carries the
files as data of this package. In a checkout, also one that is installed editable, they are read in place.
"""

from pathlib import Path
from typing import Any, Final

_HERE: Final = Path(__file__).resolve().parent
_CHARTS: Final = (_HERE / "charts", _HERE.parents[1] / "charts")


def rules_of(role: str) -> list[dict[str, Any]]:
    """The rules of a role, such as `agent` or `broker-member`. Raises LookupError for any other."""
    # Here, since the options of all commands name the components: a DNS server needs no YAML in its memory.
    import yaml

    chart = "mcs-broker" if role.startswith("broker-") else "mcs-controller"
    for charts in _CHARTS:
        file = charts / chart / "files" / "rules" / f"{role}.yaml"
        if file.is_file():
            rules: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
            return rules
    raise LookupError(f"no chart has rules for {role!r}: neither {' nor '.join(map(str, _CHARTS))}")
