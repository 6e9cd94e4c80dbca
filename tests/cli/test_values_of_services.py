"""How a Service is named on a command line, and what is said of a name that is written otherwise."""

import pytest

from mcs_controller.cli.values import service_name
from mcs_controller.clusterset.model import ServiceKey


def test_a_service_is_its_namespace_and_name() -> None:
    assert service_name("shop/web") == ServiceKey("shop", "web")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("web", "write NAMESPACE/NAME"),
        ("shop/", "write NAMESPACE/NAME"),
        ("shop/web/x", "write NAMESPACE/NAME"),
        ("web.shop", "write NAMESPACE/NAME, such as shop/web"),
        ("web.shop.", "write NAMESPACE/NAME, such as shop/web"),
        ("web.shop.svc.clusterset.local", "write NAMESPACE/NAME, such as shop/web"),
        ("db-0.west.db.shop.svc.clusterset.local", "write NAMESPACE/NAME"),
        ("shop/WEB", "write NAMESPACE/NAME, each of at most 63 lower-case letters, digits and -"),
        ("Shop.web/x y", "write NAMESPACE/NAME, each of at most 63 lower-case letters, digits and -"),
    ],
)
def test_what_else_is_written_is_refused_with_what_was_probably_meant(text: str, says: str) -> None:
    with pytest.raises(ValueError, match="is not the namespace and name of a Service: ") as raised:
        service_name(text)
    assert str(raised.value).partition(": ")[2] == says
