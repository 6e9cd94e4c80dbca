"""How long policies must refuse what is live before that ends it.

Policies that are written anew, applied one after the other, or put right, refuse for a moment what they are
to allow. So a refusal of something that is live counts only when it has lasted: the same verdict, without a
break, and still after the policies have been read once more, since a watch may be late. What is not live yet
is refused at once.
"""

from typing import Final, NamedTuple

from mcs_controller.clusterset.services.policies.verdict import LASTS_SECONDS, Verdict

NEVER_SECONDS: Final = float("-inf")
"""When the policies were read last, if they were not."""


class Refusal(NamedTuple):
    """Something live is refused: why, and since when, by a monotonic clock."""

    why: str
    since_seconds: float

    @property
    def lasts_at_seconds(self) -> float:
        """The earliest time at which it has lasted."""
        return self.since_seconds + LASTS_SECONDS


def refusal(last: Refusal | None, verdict: Verdict, *, is_live: bool, now_seconds: float) -> Refusal | None:
    """The refusal that goes on or begins now, None if there is none; `last` is what was there before.

    Another verdict begins anew: somebody is changing the policies.
    """
    if verdict.answer != "refused" or not is_live:
        return None
    return last if last is not None and last.why == verdict.why else Refusal(verdict.why, now_seconds)


def has_lasted(found: Refusal | None, read_at_seconds: float) -> bool:
    """Whether it ends what is live; `read_at_seconds` is when the last reading of the policies began."""
    return found is None or found.lasts_at_seconds <= read_at_seconds
