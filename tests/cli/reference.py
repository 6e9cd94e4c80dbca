"""The tables of docs/configuration.md, made from the options' declarations.

`python -m tests.cli.reference` writes them into the page; the test fails when the page differs.
"""

from pathlib import Path

from mcs_controller.cli.options import Option, options_of
from mcs_controller.cli.settings import AgentSettings, DnsSettings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
TABLES = {"agent": AgentSettings, "dns": DnsSettings}


def table(settings: type) -> str:
    """One command's options as a Markdown table."""
    lines = ["| option | environment | chart value | default | meaning |", "|---|---|---|---|---|"]
    lines += [_row(option) for option in options_of(settings)]
    return "\n".join(lines)


def _row(option: Option) -> str:
    flag = f"`{option.flag}`, `--no-{option.name}`" if option.is_switch else f"`{option.flag}`"
    default = "required" if option.required else "" if option.default is None else f"`{option.default}`"
    meaning = option.help[0].upper() + option.help[1:]
    return f"| {flag} | `{option.env}` | `{option.chart_value}` | {default} | {meaning} |"


def with_tables(page: str) -> str:
    """The page with each table between its markers replaced by the present one."""
    for name, settings in TABLES.items():
        before, begin, rest = page.partition(f"<!-- options:{name} -->\n")
        _, end, after = rest.partition("<!-- end -->\n")
        if not end:
            raise LookupError(f"{PAGE.name} has no markers for the options of {name}")
        page = f"{before}{begin}{table(settings)}\n{end}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
