"""The site of docs/: every link leads somewhere, and nothing is fetched from elsewhere to show a page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

pytestmark = pytest.mark.slow

_FETCHED = re.compile(r'<(?:script|img|link|iframe)\b[^>]*(?:src|href)="((?:https?:)?//[^"]+)"')


def test_the_site_is_built_strictly_and_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    assert (built.returncode, built.stdout) == (0, "")
    pages = sorted(tmp_path.rglob("*.html"))
    assert {"index.html", "tour.html", "conditions.html"} <= {page.name for page in pages}
    texts = {page.name: page.read_text() for page in pages}
    assert {found for text in texts.values() for found in _FETCHED.findall(text)} == set()
    assert [name for name, text in texts.items() if "<p>|" in text] == [], "a table without a head is text"
