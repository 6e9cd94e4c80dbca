"""Fixtures of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcs_controller.observe import masking
from tests.kube.pki import Pki, make_pki


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Certificates of a server."""
    folder: Path = tmp_path_factory.mktemp("pki")
    return make_pki(folder)


@pytest.fixture(scope="session")
def pki_ca(pki: Pki) -> bytes:
    """A CA, in PEM."""
    return pki.data("ca.crt")


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test must not print is not masked because an earlier one used it."""
    monkeypatch.setattr(masking, "_remembered", {})
