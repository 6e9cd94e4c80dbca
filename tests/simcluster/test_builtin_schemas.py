"""The schemas of the built-in kinds are the real server's."""

from __future__ import annotations

from mcs_controller.simcluster.kinds.builtin import BUILTIN_KINDS
from tests.realkube.controlplane import ControlPlane
from tests.scripts import load_script


async def test_the_file_holds_what_kube_apiserver_publishes(real_cluster: ControlPlane) -> None:
    script = load_script("kube_schemas")
    content = await script.rendered(lambda path: real_cluster.call("GET", path))
    assert content == script.FILE.read_text(encoding="utf-8"), "run `make schemas`"


def test_the_script_takes_the_kinds_that_are_served_and_no_others() -> None:
    script = load_script("kube_schemas")
    served = {(f"ap{'is' if kind.group else 'i'}/{kind.api_version}", kind.kind) for kind in BUILTIN_KINDS}
    assert {(path, kind) for path, kinds in script.KINDS.items() for kind in kinds} == served
