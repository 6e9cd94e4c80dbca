"""docs/explain.md lists every finding and every field of the JSON, and no others."""

import re

from mcs_controller.clusterset.explain.explanation import Explanation
from mcs_controller.clusterset.explain.findings.finding import CATALOGUE
from tests.cli.explain_page import fields_of
from tests.cli.pages import DOCS

PAGE = (DOCS / "explain.md").read_text()


def test_every_finding_is_explained_under_its_id() -> None:
    listed = re.findall(r"^\| (MCS-WHY-\d\d) \| (.*?) \|", PAGE, re.MULTILINE)
    assert listed == list(CATALOGUE.items())


def test_every_field_of_the_json_is_listed_with_its_type() -> None:
    section = PAGE[PAGE.index("## JSON") :]
    listed = re.findall(r"^\| `([\w.\[\]]+)` \| ([^|]+?) \| ", section, re.MULTILINE)
    assert listed[: len(list(fields_of(Explanation)))] == list(fields_of(Explanation))


def test_the_samples_fit_the_width_that_is_promised() -> None:
    samples = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(samples) >= 3
    assert all(len(line) <= 100 for sample in samples for line in sample.splitlines())
