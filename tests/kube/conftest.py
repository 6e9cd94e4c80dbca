"""Fixtures that several test files of kube/ share."""

from pathlib import Path

import pytest

from mcs_controller.kube.connection.transport import Request
from tests.kube.pki import Pki, make_pki


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    folder: Path = tmp_path_factory.mktemp("pki")
    return make_pki(folder)


@pytest.fixture(params=["identity", "gzip"], ids=["direct", "session"])
def get(request: pytest.FixtureRequest) -> Request:
    """A request that goes by each of the two ways."""
    return Request("GET", "/api/v1/namespaces", headers={"accept-encoding": request.param})
