"""Writes conditions of this cluster's own MemberCluster: how controllers inform the broker's operator."""

from collections.abc import Callable

from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.clusterset.conditions import decode_conditions, encode_conditions, merge_conditions
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.model import Condition
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.kube.clock import rfc3339


class MemberConditions:
    """Writes one condition at a time; conditions of other types are not changed."""

    def __init__(self, context: Context) -> None:
        self._cluster_id = context.config.cluster_id
        self._namespace = member_namespace(self._cluster_id)
        self._broker = context.broker.client
        self._clock = context.clock

    async def write(self, wanted: Condition) -> None:
        """Write `wanted`, if it differs. Raises `KubeError`, `Conflict` if somebody else wrote meanwhile."""
        now_text = rfc3339(self._clock.now())
        await self._change(lambda held: merge_conditions(held, [wanted], now_text))

    async def remove(self, condition_type: str) -> None:
        """Remove the condition of this type, if there is one. Raises as `write`."""
        await self._change(lambda held: tuple(one for one in held if one.type != condition_type))

    async def _change(self, changed: Callable[[tuple[Condition, ...]], tuple[Condition, ...]]) -> None:
        raw = await self._broker.get(MEMBER_CLUSTERS, self._cluster_id, self._namespace)
        held = decode_conditions((raw.get("status") or {}).get("conditions"))
        wanted = changed(held)
        if wanted == held:
            return
        patch = {
            "metadata": {"resourceVersion": raw["metadata"]["resourceVersion"]},
            "status": {"conditions": encode_conditions(wanted)},
        }
        await self._broker.patch(
            MEMBER_CLUSTERS, self._cluster_id, patch, namespace=self._namespace, subresource="status"
        )
