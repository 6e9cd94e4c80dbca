"""Makes the HTML of each page. Whatever comes from a cluster is escaped, made visible, and cut.

Names and messages of other clusters are hostile: Jinja escapes every value, and `finalize` sees each of them
before that, so that no template can forget it. Nothing is styled or scripted within a page, which its
Content-Security-Policy forbids.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mcs_controller.clusterset.board import lag_chart
from mcs_controller.clusterset.board.lag_chart import LagPoint, seconds_text
from mcs_controller.clusterset.board.listing import SHOWS, Listing, Query
from mcs_controller.clusterset.board.rows import MemberRow, ServiceRow
from mcs_controller.clusterset.board.sketch import sketch
from mcs_controller.clusterset.board.summary import Summary
from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.explain.ages import age_text
from mcs_controller.clusterset.explain.endpoints import EndpointUse
from mcs_controller.clusterset.explain.explanation import Explanation
from mcs_controller.clusterset.explain.words import WHY_NOT
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.overview.findings import Finding, Severity
from mcs_controller.clusterset.overview.model import Lag
from mcs_controller.clusterset.syntax import seconds_of_time
from mcs_controller.observe.masking import mask_secrets
from mcs_controller.page.source import Replica, Side, Size

TEXT_MAX_CHARS: Final = 1024
"""Of one value; a page has a bounded number of them."""
ENDPOINTS_MAX: Final = 50
"""Of one cluster that are listed one by one."""
MEMBERS_MAX: Final = 200
LIVE_SECONDS: Final = 2
_FOLDER: Final = Path(__file__).parent


class Frame(NamedTuple):
    """What every page says: of what and when it is. `depth` is how many folders deep its address lies."""

    replica: Replica
    at: str
    port: int
    version: str
    depth: int
    sides: tuple[Side, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()


class Line(NamedTuple):
    """A finding of the first page; `key` is the service that it is about, None if it is about none."""

    severity: Severity
    what: str
    key: ServiceKey | None
    place: str
    text: str


class Pages:
    """Renders; may be called in a thread of its own."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"),
            autoescape=True,
            auto_reload=False,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            age=_age, ago=_ago, lag=seconds_text, why=lambda why: WHY_NOT.get(why, why), path=_path
        )

    def front(
        self,
        frame: Frame,
        found: Summary,
        members: Sequence[MemberRow],
        recent: Lag | None,
        points: Sequence[LagPoint],
        now_seconds: float,
    ) -> str:
        """The first page. `now_seconds` is a monotonic time, as the points have it."""
        return self._render(
            "front.html",
            frame,
            found=found,
            lines=[_line(one) for one in found.findings],
            members=members[:MEMBERS_MAX],
            members_more=max(0, len(members) - MEMBERS_MAX),
            recent=recent,
            chart=lag_chart.lag_chart(points, now_seconds),
            size=lag_chart,
        )

    def services(self, frame: Frame, query: Query, listing: Listing, members: Sequence[str]) -> str:
        """The list of services."""
        return self._render(
            "services.html", frame, query=query, listing=listing, shows=SHOWS, members=members[:MEMBERS_MAX]
        )

    def service(
        self,
        frame: Frame,
        key: ServiceKey,
        explanation: Explanation,
        members: Sequence[str],
        epoch_seconds: float,
        *,
        policies_unasked: bool = True,
    ) -> str:
        """One service, explained. `policies_unasked`: the agent does not go by ServiceExportPolicies."""
        return self._render(
            "service.html",
            frame,
            key=key,
            it=explanation,
            picture=sketch(explanation, members),
            endpoints=[use for one in explanation.exporters for use in _listed(one.endpoints)],
            endpoints_more=[
                (one.cluster, len(one.endpoints) - ENDPOINTS_MAX)
                for one in explanation.exporters
                if len(one.endpoints) > ENDPOINTS_MAX
            ],
            now=epoch_seconds,
            policies_unasked=policies_unasked,
        )

    def too_large(self, frame: Frame, key: ServiceKey, row: ServiceRow | None, size: Size) -> str:
        """A service with more endpoints or slices than are judged one by one."""
        return self._render("too_large.html", frame, key=key, row=row, size=size)

    def unknown(self, frame: Frame, key: ServiceKey) -> str:
        """A service of which nothing is held."""
        return self._render("unknown.html", frame, key=key)

    def waiting(self, frame: Frame, why: str) -> str:
        """There is nothing to show. `why`: "other" replica leads, "nobody" does, it is "starting", or runs
        with "nothing" to show."""
        return self._render("waiting.html", frame, why=why)

    def _render(self, name: str, frame: Frame, **values: Any) -> str:
        root = "/".join([".."] * frame.depth) or "."
        return self._templates.get_template(name).render(
            frame=frame, root=root, live_seconds=LIVE_SECONDS, **values
        )


def asset(name: str) -> bytes:
    """The style sheet or the script."""
    return (_FOLDER / "assets" / name).read_bytes()


def _shown(value: Any) -> Any:
    """What a template writes: of a text, no more than fits, without control characters and credentials."""
    return cut(mask_secrets(value[: 4 * TEXT_MAX_CHARS]), TEXT_MAX_CHARS) if type(value) is str else value


def _line(found: Finding) -> Line:
    if not found.services:
        return Line(found.severity, found.what, None, found.place, found.text)
    key = found.services[0]
    return Line(found.severity, found.what, key, found.place.removeprefix(str(key)), found.text)


def _age(seconds: float | None) -> str:
    return "unknown" if seconds is None else age_text(seconds)


def _ago(time: str, now_seconds: float) -> str:
    seconds = seconds_of_time(time)
    return "unknown" if seconds is None else f"{age_text(max(0.0, now_seconds - seconds))} ago"


def _path(key: ServiceKey) -> str:
    return f"services/{quote(key.namespace, safe='')}/{quote(key.name, safe='')}"


def _listed(uses: Sequence[EndpointUse]) -> list[EndpointUse]:
    """As many endpoints as are listed, those that take no traffic first."""
    order = ("out", "not ready", "in")
    return sorted(uses, key=lambda one: (order.index(one.state), one.addresses))[:ENDPOINTS_MAX]
