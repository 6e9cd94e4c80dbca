"""A real CoreDNS takes the edited Corefile: it forwards the zone, and answers all other names as before."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcs_controller.dnscheck.client import query
from mcs_controller.install.cluster_dns.stub import Stub, with_stub
from tests.dns.coredns import CoreDns
from tests.dnscheck.test_check import Ours
from tests.realkube.binaries import locate_binaries

pytestmark = pytest.mark.realkube

BESIDE = """\
# A brace { in a comment, and a "quote.
(shared) {
    errors
    bind 127.0.0.1
}
.:PORT, dns://Corp.Example.:PORT
{
    bind 127.0.0.1
    errors
    forward . "OTHERS" {
        max_concurrent 100
    }
}"""


async def test_the_zone_is_ours_and_other_names_are_not(tmp_path: Path) -> None:
    ours, others = Ours(), Ours()
    for server in (ours, others):
        await server.server.serve(0, server.pairs)
    front = CoreDns(locate_binaries().folder / "coredns", tmp_path)
    host, port = others.address
    before = BESIDE.replace("PORT", str(front.port)).replace("OTHERS", f"{host}:{port}")
    host, port = ours.address
    corefile = tmp_path / "Corefile"
    corefile.write_text(with_stub(before, Stub("clusterset.local", (f"{host}:{port}",))))
    try:
        await front.run(corefile)
        web = await query(("127.0.0.1", front.port), "web.shop.svc.clusterset.local", "A")
        assert web.data("A") == ("10.96.0.1",)
        # The other server serves our zone only: that it refuses shows that it was asked.
        for name in ("example.org", "www.corp.example"):
            assert (await query(("127.0.0.1", front.port), name, "A")).rcode == "REFUSED"
    finally:
        front.stop()
        for server in (ours, others):
            await server.server.stop()
