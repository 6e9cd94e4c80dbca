"""That the commands also do what they say is in `test_hints_in_a_shell.py`."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from mcs_controller.cli.demo.hints import Place, hints, lines, table

PLACES = [
    Place("east", Path("/tmp/it's here/east.kubeconfig"), 1053, 8080, 8180),
    Place("west", Path("/tmp/it's here/west.kubeconfig"), 1054, 8081, 8181),
    Place("north", Path("/tmp/it's here/north.kubeconfig"), 1055, 8082, 8182),
    Place("broker", Path("/tmp/it's here/broker.kubeconfig")),
]
COMMANDS = [command for hint in hints(PLACES) for command in hint.commands]


def test_the_table_shows_where_every_cluster_is() -> None:
    assert table(PLACES)[0].split() == ["CLUSTER", "STATUS", "PAGE", "DNS", "METRICS", "KUBECONFIG"]
    assert table(PLACES)[3].startswith(
        "north    http://127.0.0.1:8182/  127.0.0.1:1055  http://127.0.0.1:8082/metrics  /tmp/"
    )
    assert table(PLACES)[4].split()[:4] == ["broker", "-", "-", "-"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one_line_that_a_shell_can_read(command: str) -> None:
    assert "\n" not in command
    checked = subprocess.run(["sh", "-n", "-c", command], capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")


@pytest.mark.parametrize("command", [each for each in COMMANDS if "kubectl" in each])
def test_a_path_with_a_space_and_a_quote_in_it_stays_one_word(command: str) -> None:
    words = shlex.split(command)
    assert Path(words[words.index("--kubeconfig") + 1]) in [place.kubeconfig for place in PLACES]


def test_dig_asks_the_cluster_that_is_meant() -> None:
    assert "dig @127.0.0.1 -p 1053 web.shop.svc.clusterset.local +short" in COMMANDS
    assert "dig @127.0.0.1 -p 1055 db-0.west.db.shop.svc.clusterset.local +short" in COMMANDS


def test_what_is_applied_is_a_service_export() -> None:
    command = next(each for each in COMMANDS if "apply -f -" in each)
    applied = json.loads(shlex.split(command)[1])
    assert (applied["kind"], applied["metadata"]) == ("ServiceExport", {"name": "cart", "namespace": "shop"})


def test_everything_but_commands_is_a_comment_or_the_table() -> None:
    text = list(lines(PLACES))
    told = text[text.index("Try, in another terminal:") + 1 :]
    assert [line for line in told if line and not line.startswith("# ")] == COMMANDS


def test_two_clusters_are_enough_for_every_hint() -> None:
    two = [PLACES[0], PLACES[1], PLACES[3]]
    assert "north" not in "\n".join(lines(two))
    assert len(list(hints(two))) == len(list(hints(PLACES)))
