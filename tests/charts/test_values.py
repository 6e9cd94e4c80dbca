"""The charts' values have the names and defaults of the program's options, and they know no others."""

from __future__ import annotations

import argparse
from typing import Any

import jsonschema
import pytest
import yaml

from mcs_controller import __version__
from mcs_controller.cli.options import add_options, options_of, read_options
from mcs_controller.cli.settings import AgentSettings, DnsSettings
from mcs_controller.options import Option
from tests.charts.rendering import BROKER, CHARTS, MEMBER, JsonObject, default_values, schema
from tests.charts.values import BROKER_CASES, CASES

SETTINGS = {"agent": AgentSettings, "dns": DnsSettings}
OPTIONS = [(command, option) for command, settings in SETTINGS.items() for option in options_of(settings)]
OTHER_DEFAULTS: dict[tuple[str, str], Any] = {
    # The namespace of the release, in which the agent has the right to its Lease.
    ("agent", "leaseNamespace"): "",
    # Without the capability that port 53 would need; the Service has that port.
    ("dns", "listen"): [":1053"],
}


def default_of(option: Option) -> Any:
    """As values of a chart have it."""
    if option.repeatable:
        return option.default.split(",") if option.default else []
    if option.default is None:
        return ""
    return yaml.safe_load(option.default) if option.parse is not str else option.default


@pytest.mark.parametrize(("command", "settings"), SETTINGS.items())
def test_every_option_is_a_value_and_every_value_an_option(command: str, settings: type) -> None:
    names = [option.chart_value for option in options_of(settings)]
    assert list(default_values(MEMBER)[command]["config"]) == names
    assert list(schema(MEMBER)["properties"][command]["properties"]["config"]["properties"]) == names


@pytest.mark.parametrize(
    ("command", "option"), OPTIONS, ids=[f"{command}-{option.chart_value}" for command, option in OPTIONS]
)
def test_a_value_has_the_options_default_and_says_what_it_says(command: str, option: Option) -> None:
    name = option.chart_value
    found = default_values(MEMBER)[command]["config"][name]
    assert str(found) == str(OTHER_DEFAULTS.get((command, name), default_of(option)))
    described = schema(MEMBER)["properties"][command]["properties"]["config"]["properties"][name]
    assert described["description"] == option.help[0].upper() + option.help[1:]


@pytest.mark.parametrize("chart", [MEMBER, BROKER])
def test_the_chart_has_the_programs_version(chart: str) -> None:
    described = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())
    assert (described["name"], described["version"], described["appVersion"]) == (
        chart,
        __version__,
        __version__,
    )


def closed(part: JsonObject) -> bool:
    """Whether it refuses a name that it does not know, here and below; a part without names takes all."""
    below = part.get("properties", {}).values()
    return ("properties" not in part or part.get("additionalProperties") is False) and all(map(closed, below))


@pytest.mark.parametrize(("chart", "cases"), [(MEMBER, CASES), (BROKER, BROKER_CASES)], ids=[MEMBER, BROKER])
def test_the_schema_knows_every_value_and_no_other(chart: str, cases: dict[str, JsonObject]) -> None:
    known = schema(chart)
    jsonschema.Draft7Validator.check_schema(known)
    assert closed(known)
    jsonschema.validate(default_values(chart), known)
    assert set(known["properties"]) == set(default_values(chart)) | {"global"}
    for name, values in cases.items():
        if name != "openshift":
            jsonschema.validate(values, known)


@pytest.mark.parametrize(("command", "settings"), SETTINGS.items())
def test_the_schema_takes_no_default_that_the_program_would_refuse(command: str, settings: type) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser, settings)
    values = default_values(MEMBER)[command]["config"]
    words = {
        option.env: ",".join(map(str, found)) if isinstance(found, list) else str(found).lower()
        for option in options_of(settings)
        for found in [values[option.chart_value]]
    }
    assert read_options(settings, parser.parse_args([]), words) is not None
