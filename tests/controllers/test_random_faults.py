"""Users act while servers, agents and the broker fail: nothing steady is lost, and all is right soon."""

from __future__ import annotations

import pytest

from tests.controllers.disorder.plan import plan
from tests.controllers.disorder.telling import Disorder
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime


@pytest.mark.requirement("MCS-IMP-02", "MCS-IMP-03", "MCS-LIFE-07")
@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 10, 11])
async def test_nothing_steady_is_lost_whatever_fails_and_all_is_as_exported_a_minute_later(seed: int) -> None:
    async with Clusterset(seed=seed, fuse_share=1.0) as world:
        disorder = Disorder(world)
        await disorder.tell(plan(seed))
        assert disorder.story.faults == [], "\n".join(disorder.story.lines)
