"""The loop of simulations: an hour passes at once, in order, and a deadlock is an error."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.virtual_loop import run_virtually


def test_time_passes_at_once_and_in_order() -> None:
    seen: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, asyncio.get_running_loop().time()))

    async def main() -> None:
        await asyncio.gather(sleeper("hour", 3600.0), sleeper("moment", 0.001), sleeper("at once", 0.0))

    run_virtually(main())

    assert [name for name, _ in seen] == ["at once", "moment", "hour"]
    assert [at for _, at in seen] == pytest.approx([0.0, 0.001, 3600.0])


def test_what_can_never_go_on_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing is left that could happen"):
        run_virtually(main())
