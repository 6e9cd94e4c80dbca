"""Fixtures that several test files of kube/ share."""

from pathlib import Path

import pytest

from tests.kube.pki import Pki, make_pki


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    folder: Path = tmp_path_factory.mktemp("pki")
    return make_pki(folder)
