"""The loop of simulations: an hour passes at once, in order, and a deadlock is an error."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.virtual_loop import PROCESS, run_virtually, virtual_loop


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


def test_a_process_that_is_stopped_does_nothing_and_goes_on_with_all_that_became_due() -> None:
    """Also its tasks' tasks and timers; others go on, and what was cancelled meanwhile does not run."""
    seen: list[tuple[str, float]] = []

    def now() -> float:
        return asyncio.get_running_loop().time()

    async def ticks(name: str) -> None:
        while True:
            await asyncio.sleep(1.0)
            seen.append((name, now()))

    async def process(name: str) -> None:
        PROCESS.set(name)
        await asyncio.create_task(ticks(name))

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            one, other = (group.create_task(process(name)) for name in ("one", "other"))
            await asyncio.sleep(1.5)
            virtual_loop().stop_process("one")
            virtual_loop().stop_process("one")
            await asyncio.sleep(3.0)
            virtual_loop().resume_process("one")
            await asyncio.sleep(1.0)
            virtual_loop().stop_process("other")
            other.cancel()
            await asyncio.sleep(5.0)
            assert not other.done()
            virtual_loop().resume_process("other")
            virtual_loop().resume_process("nobody")
            one.cancel()

    run_virtually(main())

    assert [at for name, at in seen if name == "other"] == pytest.approx([1.0, 2.0, 3.0, 4.0, 5.0])
    assert [at for name, at in seen if name == "one"] == pytest.approx(
        [1.0, 4.5, *(5.5 + n for n in range(5))]
    )


def test_only_this_loop_can_stop_a_process() -> None:
    async def main() -> None:
        virtual_loop().stop_process("one")

    with pytest.raises(TypeError, match="cannot stop processes"):
        asyncio.run(main())
