"""What the pages say, and that no name or message of another cluster becomes more than text."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mcs_controller.clusterset.board.listing import PER_PAGE, Query, select
from mcs_controller.clusterset.board.rows import MemberRow
from mcs_controller.clusterset.board.summary import summary
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.explanation import Explanation
from mcs_controller.clusterset.explain.picture import InCluster
from mcs_controller.clusterset.model import Endpoint, ServiceKey
from mcs_controller.clusterset.overview.model import Lag
from mcs_controller.page.pages import ENDPOINTS_MAX, TEXT_MAX_CHARS, Frame, Pages
from mcs_controller.page.source import Replica, Side
from tests.clusterset.board.test_listing import row
from tests.clusterset.builders import WEB, record, source_slice
from tests.clusterset.explain.pictures import NOW_SECONDS, bystander, on_broker, picture, settled

PAGES = Pages()
ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "‮gnp.exe",
    "﷽" * 10_000,
    "a\x00b\nc\u2028d",
)
FRAME = Frame(
    Replica("north", "mcs-agent-1", "", "mcs-system"),
    "2026-01-01 00:00:00 UTC",
    8081,
    "1.0",
    0,
    (Side("This cluster's API server", True, 0.5), Side("The broker", False, 12.0)),
    (("broker: exportedservices", "refused: token=hunter2hunter2"),),
)


class Read(HTMLParser):
    """The page as a browser reads it: elements with their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


LAG = Lag(0.012, None, 7, 300.0)


def front(*members: MemberRow, frame: Frame = FRAME, count: int = 3, lag: Lag = LAG) -> str:
    services = [row(f"svc-{number}", "conflict") for number in range(count)]
    found = summary("north", members, services, reaches_broker=True, member_timeout_seconds=60.0)
    return PAGES.front(frame, found, members, lag, (), 0.0)


def listed(query: Query = Query(), count: int = 3) -> str:  # noqa: B008 - a NamedTuple does not change
    return PAGES.services(FRAME, query, select([row(f"svc-{n}") for n in range(count)], query), ["east"])


def explained(explanation: Explanation, key: ServiceKey = WEB) -> str:
    return PAGES.service(FRAME._replace(depth=2), key, explanation, ["east", "north"], NOW_SECONDS)


EXPLANATION = explain(
    settled(
        picture(
            on_broker("east"),
            on_broker("west", record=record("west")),
            bystander("north"),
            here=InCluster("north"),
        )
    )
)
MEMBER = MemberRow("east", "alive", 1.0, 3, 0, "1.0", "uid")


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_text_of_another_cluster_becomes_an_element_or_fills_the_page(attack: str) -> None:
    harmless = Read(front(MEMBER)), Read(listed()), Read(explained(EXPLANATION))
    cluster, message = attack[:300], attack
    finding = EXPLANATION.findings or explain(picture()).findings
    assert EXPLANATION.here is not None
    hostile = replace(
        EXPLANATION,
        namespace=cluster,
        name=cluster,
        verdict=replace(EXPLANATION.verdict, text=message),
        exporters=tuple(
            replace(one, cluster=cluster, text=message, ports=(message,)) for one in EXPLANATION.exporters
        ),
        here=replace(EXPLANATION.here, near_first=message),
        findings=(replace(finding[0], what=message, why=message, do=message, command=message),),
    )
    pages = (
        front(MEMBER._replace(cluster=cluster, version=message)),
        listed(Query(attack[:100])),
        explained(hostile, ServiceKey(cluster, cluster)),
    )
    for page, usual in zip(pages, harmless, strict=True):
        read = Read(page)
        assert len(read.all("script")) == len(usual.all("script")) == 1
        assert not read.all("img")
        for _, attributes in read.elements:
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            assert not (attributes.get("href") or "").startswith("javascript:")
        assert "\u202e" not in page
        assert "\x00" not in page
        assert len(page) < 400_000
        assert "49" not in re.sub(r"\d\d:49", "", read.text) or "7*7" in read.text


def test_no_credential_is_shown_and_an_old_side_says_its_age() -> None:
    text = Read(front(MEMBER)).text
    assert "hunter2" not in text
    assert "The broker does not answer. What is shown of it is as of 12 s ago." in text


def test_a_page_of_thousands_of_services_is_short() -> None:
    page = listed(Query(page=7), count=5000)
    rows = [one for one in Read(page).all("tr") if (one.get("id") or "").startswith("service-")]
    assert len(rows) == PER_PAGE
    assert "page 7 of 100" in page
    assert {one["href"] for one in Read(page).all("a") if "page=" in (one["href"] or "")} == {
        "./services?page=6",
        "./services?page=8",
    }
    assert len(front(*(MEMBER._replace(cluster=f"c{n}") for n in range(5000)), count=5000)) < 400_000


def test_a_service_of_thousands_of_endpoints_lists_some_and_those_first_that_take_no_traffic() -> None:
    many = tuple(Endpoint((f"10.1.{n // 250}.{n % 250 + 1}",), ready=n != 1999) for n in range(2000))
    seen = picture(
        on_broker("east", source_slice(endpoints=many)), bystander("north"), here=InCluster("north")
    )
    read = Read(explained(explain(settled(seen))))
    rows = [one["id"] for one in read.all("tr") if (one.get("id") or "").startswith("endpoint-")]
    assert len(rows) == ENDPOINTS_MAX
    assert rows[0] == "endpoint-east-10.1.7.250"
    assert f"And {2000 - ENDPOINTS_MAX} more of east." in read.text


def test_a_service_says_whose_endpoints_come_first_here_only_where_something_is_preferred() -> None:
    said = "clients here get the endpoints of east; zone is preferred, as ImportPolicy near says"
    assert EXPLANATION.here is not None
    preferred = replace(EXPLANATION, here=replace(EXPLANATION.here, near_first=said))
    assert f"Near endpoints{said}" in Read(explained(preferred)).text
    assert "Near endpoints" not in Read(explained(EXPLANATION)).text


@pytest.mark.parametrize(
    ("p50_seconds", "p99_seconds", "says"),
    [
        (0.012, 2.34, "half of them within 12 ms, and 99 of 100 within 2.3 s."),
        (0.012, None, "half of them within 12 ms, and at least 1 of 100 took over 300 s."),
        (None, None, "half of them or more took over 300 s."),
    ],
)
def test_a_lag_beyond_what_is_counted_is_said_in_plain_words(
    p50_seconds: float | None, p99_seconds: float | None, says: str
) -> None:
    assert says in Read(front(lag=LAG._replace(p50_seconds=p50_seconds, p99_seconds=p99_seconds))).text


def test_a_text_is_cut() -> None:
    assert "x" * TEXT_MAX_CHARS not in front(MEMBER._replace(version="x" * 100_000))


@pytest.mark.parametrize("depth", [0, 2])
def test_links_work_below_any_address(depth: int) -> None:
    page = PAGES.unknown(FRAME._replace(depth=depth), WEB)
    root = "../.." if depth else "."
    assert [one["href"] for one in Read(page).all("link")][1:] == [f"{root}/style.css"]
    assert all(not (one["href"] or "").startswith("/") for one in Read(page).all("a"))


@pytest.mark.parametrize(
    "page", [front(MEMBER), listed(), explained(EXPLANATION)], ids=["front", "list", "one"]
)
def test_a_page_can_be_read_without_seeing_it(page: str) -> None:
    read = Read(page)
    (html,) = read.all("html")
    assert html["lang"] == "en"
    assert (
        len(read.all("h1"))
        == len(read.all("main"))
        == len(read.all("header"))
        == len(read.all("footer"))
        == 1
    )
    assert read.all("a")[0] == {"class": "skip", "href": "#main"}
    assert all(one.get("aria-label") for one in read.all("nav"))
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert len(read.all("caption")) == len(read.all("table"))
    assert all(one.get("scope") in ("col", "row") for one in read.all("th"))
    for one in read.all("svg"):
        assert one["role"] == "img"
        assert one["aria-labelledby"] in ids
    for tag, one in read.elements:
        if one.get("tabindex") == "0" and tag != "pre":
            assert one.get("aria-labelledby") in ids or one.get("aria-label")
    assert {one["for"] for one in read.all("label")} == {
        one["id"] for tag in ("input", "select") for one in read.all(tag)
    }


def test_a_replica_that_waits_says_which_one_to_ask() -> None:
    frame = FRAME._replace(replica=Replica("north", "mcs-agent-1", "mcs-agent-2_77aa", "mcs-system"))
    text = Read(PAGES.waiting(frame, "other")).text
    assert "kubectl --namespace mcs-system port-forward pod/mcs-agent-2 8081" in text


def test_texts_are_legible_in_light_and_dark() -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1 for every colour of text on its ground."""
    style = (Path(__file__).parents[2] / "mcs_controller/page/assets/style.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\}", style, re.S)
    for block in (light, dark):
        colours = dict(re.findall(r"--([a-z-]+): #([0-9a-f]{6})", block))
        for ground in ("ground", "raised"):
            for text in ("text", "soft", "link"):
                assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for kind in ("good", "warning", "problem", "quiet"):
            assert contrast(colours[kind], colours[f"{kind}-ground"]) >= 4.5, kind


def contrast(one: str, other: str) -> float:
    """By the relative luminance of WCAG."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
