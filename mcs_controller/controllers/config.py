"""What an operator can set of an agent. Frozen before anything starts."""

from dataclasses import dataclass
from typing import Literal

from mcs_controller.clusterset.fuse import DEFAULT_SHARE, SERVICES_MINIMUM
from mcs_controller.clusterset.membership.limits import DEFAULT_LIMITS, Limits

DeadMemberPolicy = Literal["withdraw", "keep"]


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """One agent's settings.

    `member_timeout_seconds` is how long a member's heartbeat may stay unchanged, while the broker itself
    answers, before the member counts as dead; `dead_member_policy` says what then happens to its endpoints
    (docs/decisions/0006-dead-members.md). `fuse_share` and `fuse_minimum` are how much of what is imported
    must be missing at once, as a share and in services, for nothing to be withdrawn
    (docs/decisions/0007-fuse.md). `confirm_delay_seconds` is the time between the first complete read after a
    start and the second one that proves what is gone (docs/decisions/0008-proof.md). `limits` are how much is
    taken of one member that has no others stated in its MemberCluster. `exclude_metadata` are prefixes of the
    exported labels and annotations that this cluster's imports do not carry.
    """

    cluster_id: str
    heartbeat_interval_seconds: float = 10.0
    member_timeout_seconds: float = 60.0
    dead_member_policy: DeadMemberPolicy = "withdraw"
    confirm_delay_seconds: float = 5.0
    workers: int = 16
    fuse_share: float = DEFAULT_SHARE
    fuse_minimum: int = SERVICES_MINIMUM
    limits: Limits = DEFAULT_LIMITS
    exclude_metadata: tuple[str, ...] = ()
