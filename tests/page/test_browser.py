"""The page in a real browser: it stays up to date by itself, and takes nothing away from who uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.page.browser import Tab, browser_tab
from tests.page.world import World, in_trouble, shown_clusterset

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.slow,
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    async with shown_clusterset() as world:
        await in_trouble(world)
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tab]:
    async with browser_tab(tmp_path_factory.mktemp("browser")) as tab:
        yield tab


async def test_a_change_appears_without_a_reload_and_focus_and_place_stay(world: World, tab: Tab) -> None:
    await tab.look(width=900, height=300)
    await tab.open(world.url("/services"))
    await tab.until("document.getElementById('service-shop.web') !== null")
    await tab.value("window.untouched = true")
    await tab.value("document.querySelector('[id=\"service-shop.web\"] a').focus()")
    await tab.value("scrollTo(0, 120)")
    await world.clusterset["east"].deploy("shop", "a-first", "10.1.0.9")
    await world.clusterset["west"].unexport("shop", "cart")
    await tab.until("document.getElementById('service-shop.a-first') !== null")
    await tab.until("document.getElementById('service-shop.cart').textContent.includes('well')")
    assert await tab.value("document.activeElement.textContent") == "shop/web"
    assert await tab.value("scrollY") == 120
    assert await tab.value("window.untouched") is True
    assert await tab.value("document.getElementById('said').textContent") == "4 of 4 services."
    assert tab.complaints == []


async def test_what_is_typed_stays_and_a_search_works_by_keyboard_alone(world: World, tab: Tab) -> None:
    await tab.look(width=1000)
    await tab.open(world.url("/services"))
    focused = []
    for _ in range(7):
        await tab.press("Tab")
        focused.append(
            await tab.value("document.activeElement.id || document.activeElement.textContent.trim()")
        )
    assert focused == [
        "Skip to the content", "mcs-controller", "Overview", "Services", "pause", "q", "show",
    ]  # fmt: skip
    await tab.press("Tab", shift=True)
    await tab.type("db")
    before = await tab.value("document.getElementById('asof').textContent")
    await tab.until(f"document.getElementById('asof').textContent !== {before!r}")
    assert await tab.value("document.getElementById('q').value") == "db"
    await tab.press("Enter")
    await tab.until("location.search.includes('q=db') && document.readyState === 'complete'")
    rows = await tab.value("[...document.querySelectorAll('tbody tr')].map(one => one.id)")
    assert rows == ["service-shop.db"]
    assert tab.complaints == []


async def test_updates_can_be_paused_and_go_on(world: World, tab: Tab) -> None:
    await tab.open(world.url("/"))
    await tab.value("""
        window.asked = 0;
        const ask = window.fetch;
        window.fetch = (...all) => { window.asked += 1; return ask(...all); };
        document.getElementById('pause').click();
        window.asked = 0;
    """)
    assert await tab.value("document.getElementById('pause').textContent") == "Go on"
    # As when the tab is looked at again, which asks at once.
    await tab.value("document.dispatchEvent(new Event('visibilitychange'))")
    assert await tab.value("window.asked") == 0
    await tab.value("document.getElementById('pause').click()")
    assert await tab.value("window.asked") == 1


async def test_without_scripts_the_page_is_whole_and_can_be_refreshed(world: World, tab: Tab) -> None:
    await tab.do("Emulation.setScriptExecutionDisabled", value=True)
    try:
        await tab.open(world.url("/services/shop/web"))
        assert await tab.value("document.getElementById('refresh').href") == world.url("/services/shop/web")
        assert await tab.value("document.querySelectorAll('#exporters tbody tr').length") == 2
    finally:
        await tab.do("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("dark", [False, True])
async def test_nothing_is_wider_than_a_narrow_screen_in_light_or_dark(
    world: World, tab: Tab, dark: bool
) -> None:
    await tab.look(width=400, dark=dark)
    for path in ("/", "/services", "/services/shop/cart", "/services/shop/nothing"):
        await tab.open(world.url(path))
        assert await tab.value("document.documentElement.scrollWidth") == 400, path
        ground = await tab.value("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(18, 22, 28)" if dark else "rgb(255, 255, 255)")
    assert [one for one in tab.complaints if "404" not in one] == []
    tab.complaints.clear()


async def test_on_a_narrow_screen_a_services_tables_are_not_cut_and_are_still_tables(
    world: World, tab: Tab
) -> None:
    await tab.look(width=400)
    await tab.open(world.url("/services/shop/cart"))
    for part in ("exporters", "endpoints"):
        table = f"document.querySelector('#{part} table')"
        assert await tab.value(f"{table}.scrollWidth <= {table}.closest('.scroll').clientWidth"), part
        cells = f"[...{table}.querySelectorAll('tbody tr')].every(row => row.getAttribute('role') === 'row')"
        assert await tab.value(cells), part
        label = f"getComputedStyle({table}.querySelector('td[data-label]'), '::before').content"
        assert await tab.value(label) in ('"State"', '"Cluster"'), part
    await tab.look(width=900)
    shown = "getComputedStyle(document.querySelector('#exporters tbody tr')).display"
    assert await tab.value(shown) == "table-row"


@pytest.mark.parametrize(("calm", "moves"), [(False, True), (True, False)])
async def test_a_change_is_highlighted_unless_the_person_wants_no_motion(
    world: World, tab: Tab, calm: bool, moves: bool
) -> None:
    await tab.look(width=900, calm=calm)
    await tab.open(world.url("/services"))
    await tab.value("""
        window.moved = false;
        const animate = Element.prototype.animate;
        Element.prototype.animate = function (...all) {
            window.moved = true;
            return animate.apply(this, all);
        };
    """)
    ready = "document.querySelector('[id=\"service-shop.web\"] td.number').textContent"
    before = await tab.value(ready)
    await world.clusterset["east"].endpoints(
        "shop", "web", *(f"10.1.3.{n}" for n in range(4, 8 if calm else 12))
    )
    await tab.until(f"{ready} !== {before!r}")
    assert await tab.value("window.moved") is moves


async def test_when_the_agent_is_gone_the_page_says_so_and_recovers(
    world: World, tab: Tab, tmp_path: Path
) -> None:
    await tab.look(width=900)
    await tab.open(world.url("/"))
    await tab.value("window.answer = fetch; window.fetch = () => Promise.reject(new TypeError('gone'))")
    await tab.until("!document.getElementById('link').hidden")
    assert "does not answer since" in await tab.value("document.getElementById('link').textContent")
    assert await tab.value("document.getElementById('member-east') !== null")
    await tab.value("window.fetch = window.answer; document.dispatchEvent(new Event('visibilitychange'))")
    await tab.until("document.getElementById('link').hidden")
    # Taken, so that what is drawn is drawn without an error.
    await tab.picture(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 10_000
    assert tab.complaints == []
