"""In which namespace a credential plugin looks for its Secret (CP-31); how it ends is in tests/access."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcs_controller.cli import credentials
from mcs_controller.cli.clusters_settings import CredentialsSettings
from mcs_controller.cli.credentials import namespace_of_secrets
from tests.support.kubeconfigs import kubeconfig, write


def file_with(folder: Path, namespace: str | None) -> Path:
    context = {"cluster": "c", "user": "u", **({"namespace": namespace} if namespace else {})}
    contexts = [
        {"name": "main", "context": context},
        {"name": "other", "context": {**context, "namespace": "o"}},
    ]
    return write(folder, f"{namespace}.kubeconfig", kubeconfig(contexts=contexts))


@pytest.mark.requirement("CP-31")
@pytest.mark.parametrize("in_pod", [True, False])
def test_the_contexts_namespace_counts_before_the_pods_and_that_before_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_pod: bool
) -> None:
    of_pod = tmp_path / "namespace"
    if in_pod:
        of_pod.write_text("of-the-pod\n")
    monkeypatch.setattr(credentials, "POD_NAMESPACE_FILE", of_pod)
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    otherwise = "of-the-pod" if in_pod else "default"
    assert namespace_of_secrets(CredentialsSettings(None, None)) == otherwise
    assert namespace_of_secrets(CredentialsSettings(file_with(tmp_path, None), None)) == otherwise
    named = file_with(tmp_path, "consumer")
    assert namespace_of_secrets(CredentialsSettings(named, None)) == "consumer"
    assert namespace_of_secrets(CredentialsSettings(named, "other")) == "o"
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'nothing'}{os.pathsep}{named}")
    assert namespace_of_secrets(CredentialsSettings(None, None)) == "consumer"
    # In a pod its own account counts, and a variable that was left behind changes nothing.
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    assert namespace_of_secrets(CredentialsSettings(None, None)) == otherwise
