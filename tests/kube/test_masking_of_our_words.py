"""Masking takes out what looks like a credential, and must leave our own sentences with their advice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import mcs_controller
from mcs_controller.access.profiles import checked_server
from mcs_controller.cli.errors import one_line
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.observe import masking
from mcs_controller.observe.masking import mask_secrets

ROOT = Path(mcs_controller.__file__).parent
VALUE = "it"


def sentences(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of what is written in code, docstrings aside; what is filled in is one word."""
    parts: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            parts.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            parts.update(id(one) for one in node.values)
    for node in ast.walk(tree):
        if id(node) in parts:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            words = [str(one.value) if isinstance(one, ast.Constant) else VALUE for one in node.values]
            yield node.lineno, "".join(words)


def hidden(source: str, where: str) -> list[str]:
    """The sentences of which masking takes something; an expression, and half a URL, is none."""
    return [
        f"{where}:{line}: {text}"
        for line, text in sentences(ast.parse(source))
        if " " in text and mask_secrets(text) != text
    ]


def test_no_sentence_of_ours_is_masked() -> None:
    files = [one for one in sorted(ROOT.rglob("*.py")) if one != Path(masking.__file__)]
    assert len(files) > 300
    found = [line for one in files for line in hidden(one.read_text("utf-8"), str(one.relative_to(ROOT)))]
    assert found == []


@pytest.mark.parametrize(
    "sentence",
    ['"which shows the credential: use https"', 'f"{name} has no token: create it"', '"password= here"'],
)
def test_a_sentence_that_would_be_masked_is_found(sentence: str) -> None:
    assert len(hidden(f'"""The token: that is a docstring."""\nraise Error({sentence})', "file")) == 1
    assert hidden('say("the token is not accepted: renew it")', "file") == []


def test_the_advice_about_tls_is_shown_to_the_end() -> None:
    with pytest.raises(MalformedObject) as raised:
        checked_server("http://west.example:6443")
    assert one_line(raised.value).endswith("on the way: use https")
