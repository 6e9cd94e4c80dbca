import argparse
from dataclasses import dataclass
from typing import Annotated

import pytest

from mcs_controller.cli.errors import UsageError
from mcs_controller.cli.options import add_options, options_of, read_argument, read_options
from mcs_controller.options import (
    Group,
    Option,
    count,
    count_or_0_up_to,
    count_up_to,
    one_of,
    seconds,
    seconds_or_0,
    switch,
)


@dataclass(frozen=True, slots=True)
class Settings:
    cluster_id: Annotated[str, Option("the cluster", required=True)]
    beat_interval_seconds: Annotated[float, Option("how often", parse=seconds, default="10")]
    policy: Annotated[str, Option("what then", parse=one_of("withdraw", "keep"), default="withdraw")]
    elect: Annotated[bool, Option("whether", parse=switch, default="true")]
    workers: Annotated[int | None, Option("how many", parse=count)]
    listen: Annotated[tuple[str, ...], Option("where", repeatable=True)]


def read(*argv: str, **environment: str) -> Settings:
    parser = argparse.ArgumentParser()
    add_options(parser, Settings)
    return read_options(Settings, parser.parse_args(argv), environment)


def test_one_declaration_gives_flag_variable_and_chart_value() -> None:
    option = options_of(Settings)[1]
    assert option.flag == "--beat-interval-seconds"
    assert option.env == "MCS_BEAT_INTERVAL_SECONDS"
    assert option.chart_value == "beatIntervalSeconds"


def test_what_is_not_given_has_its_default() -> None:
    assert read("--cluster-id", "east") == Settings("east", 10.0, "withdraw", True, None, ())


def test_a_flag_wins_over_the_environment_and_that_over_the_default() -> None:
    assert read(MCS_CLUSTER_ID="west", MCS_BEAT_INTERVAL_SECONDS="3").beat_interval_seconds == 3.0
    both = read("--beat-interval-seconds", "2", MCS_CLUSTER_ID="west", MCS_BEAT_INTERVAL_SECONDS="3")
    assert both.beat_interval_seconds == 2.0


def test_an_empty_variable_counts_as_not_set() -> None:
    settings = read("--cluster-id", "east", MCS_BEAT_INTERVAL_SECONDS="", MCS_POLICY=" ", MCS_WORKERS="")
    assert (settings.beat_interval_seconds, settings.policy, settings.workers) == (10.0, "withdraw", None)


@pytest.mark.parametrize(
    ("argv", "variable", "expected"),
    [
        ((), "", True),
        (("--no-elect",), "true", False),
        (("--elect",), "false", True),
        ((), "False", False),
        ((), "0", False),
        ((), "yes", True),
    ],
)
def test_a_switch_is_a_pair_of_flags_or_a_word_in_the_environment(
    argv: tuple[str, ...], variable: str, expected: bool
) -> None:
    assert read("--cluster-id", "east", *argv, MCS_ELECT=variable).elect is expected


def test_a_repeatable_option_may_be_given_again_or_with_commas() -> None:
    flags = read("--cluster-id", "east", "--listen", "a:1", "--listen", "b:2", MCS_LISTEN="c:3")
    assert flags.listen == ("a:1", "b:2")
    assert read("--cluster-id", "east", "--listen", "a:1,b:2", "--listen", "c:3").listen == (
        "a:1",
        "b:2",
        "c:3",
    )
    assert read("--cluster-id", "east", MCS_LISTEN="c:3, d:4").listen == ("c:3", "d:4")


@pytest.mark.parametrize(
    ("argv", "environment", "message"),
    [
        ((), {}, "--cluster-id is missing: give it, or set MCS_CLUSTER_ID"),
        (("--cluster-id", ""), {}, "--cluster-id: the value is empty"),
        (
            ("--beat-interval-seconds", "soon"),
            {},
            "--beat-interval-seconds: 'soon' is not a number of seconds above 0",
        ),
        (
            (),
            {"MCS_BEAT_INTERVAL_SECONDS": "0"},
            "--beat-interval-seconds (from MCS_BEAT_INTERVAL_SECONDS): "
            "'0' is not a number of seconds above 0",
        ),
        (("--policy", "drop"), {}, "--policy: 'drop' is not one of: withdraw, keep"),
        ((), {"MCS_ELECT": "maybe"}, "--elect (from MCS_ELECT): 'maybe' is neither true nor false"),
        (("--workers", "0"), {}, "--workers: '0' is not a whole number from 1 to 999999999"),
    ],
)
def test_a_value_that_cannot_be_used_names_the_option_the_source_and_what_is_right(
    argv: tuple[str, ...], environment: dict[str, str], message: str
) -> None:
    if "missing" not in message and "cluster-id" not in message:
        environment = {"MCS_CLUSTER_ID": "east", **environment}
    with pytest.raises(UsageError) as refused:
        read(*argv, **environment)
    assert str(refused.value) == message


@pytest.mark.parametrize("text", ["", "nan", "inf", "0", "-5", "1s", "1e999"])
def test_only_a_positive_number_is_a_time(text: str) -> None:
    with pytest.raises(ValueError, match="not a number of seconds"):
        seconds(text)


def test_a_time_may_be_none_where_that_has_a_meaning() -> None:
    assert (seconds_or_0("0"), seconds_or_0("2.5")) == (0.0, 2.5)
    for text in ("", "nan", "inf", "-1", "1s"):
        with pytest.raises(ValueError, match="not a number of seconds from 0 on"):
            seconds_or_0(text)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "²", "000"])
def test_only_a_positive_whole_number_is_a_count(text: str) -> None:
    with pytest.raises(ValueError, match="not a whole number"):
        count(text)


@pytest.mark.parametrize("text", ["1000000000", "1" + "0" * 9, "12345678901", "9" * 5000])
def test_a_number_that_is_too_long_is_refused_and_not_cut(text: str) -> None:
    with pytest.raises(ValueError, match="not a whole number"):
        count(text)


def test_a_count_may_have_zeros_in_front_and_ends_at_its_bound() -> None:
    assert count("0000000000016") == 16
    assert count_up_to(64)("64") == 64
    for text in ("65", "100", "0"):
        with pytest.raises(ValueError, match="not a whole number from 1 to 64"):
            count_up_to(64)(text)


def test_a_count_may_be_none_where_that_has_a_meaning() -> None:
    assert [count_or_0_up_to(64)(text) for text in ("0", "000", "07", "64")] == [0, 0, 7, 64]
    for text in ("", "65", "-1", "0x1"):
        with pytest.raises(ValueError, match="not a whole number from 0 to 64"):
            count_or_0_up_to(64)(text)


def test_the_help_shows_default_and_variable_of_every_option() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser, Settings)
    text = " ".join(parser.format_help().split())
    assert "how often (default 10) [MCS_BEAT_INTERVAL_SECONDS]" in text
    assert "the cluster [MCS_CLUSTER_ID]" in text
    assert "--no-elect" in text


@dataclass(frozen=True, slots=True)
class Bounds:
    objects: int = 500
    share: float = 0.5
    not_an_option: str = "kept"


@dataclass(frozen=True, slots=True)
class Work:
    """A room's configuration, which declares its options beside its defaults."""

    name: str = ""
    pause_seconds: Annotated[float, Option("how long", parse=seconds)] = 2.0
    quiet: Annotated[bool, Option("whether", parse=switch)] = False
    prefixes: Annotated[tuple[str, ...], Option("which", repeatable=True)] = ()
    bounds: Annotated[
        Bounds, Group(Bounds, prefix="member_max_", options={"objects": Option("how many", parse=count)})
    ] = Bounds()


@dataclass(frozen=True, slots=True)
class Whole:
    before: Annotated[str, Option("first", default="x")]
    work: Annotated[Work, Group(Work)]
    after: Annotated[str, Option("last", default="y")]


def read_whole(*argv: str, **environment: str) -> Whole:
    parser = argparse.ArgumentParser()
    add_options(parser, Whole)
    return read_options(Whole, parser.parse_args(argv), environment)


def test_the_options_of_a_group_stand_where_the_group_does_with_the_defaults_of_its_fields() -> None:
    assert [(each.flag, each.default) for each in options_of(Whole)] == [
        ("--before", "x"),
        ("--pause-seconds", "2"),
        ("--quiet", "false"),
        ("--prefixes", None),
        ("--member-max-objects", "500"),
        ("--after", "y"),
    ]


def test_a_group_is_read_into_one_configuration_as_it_is_handed_on() -> None:
    assert read_whole() == Whole("x", Work(), "y")
    given = read_whole("--quiet", "--prefixes", "a/", "--member-max-objects", "7", MCS_PAUSE_SECONDS="0.25")
    assert given.work == Work("", 0.25, True, ("a/",), Bounds(7, 0.5, "kept"))
    with pytest.raises(UsageError, match="--member-max-objects: '0' is not a whole number"):
        read_whole("--member-max-objects", "0")


def test_an_argument_that_is_no_option_is_refused_with_what_would_be_right() -> None:
    assert read_argument(count, "3") == 3
    with pytest.raises(UsageError, match="'none' is not a whole number from 1 to"):
        read_argument(count, "none")
