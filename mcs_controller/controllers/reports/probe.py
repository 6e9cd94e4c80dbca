"""Asks this cluster's own API server how the control plane is. What that means is for the rules to say.

One answer that does not come proves little: an API server that is asked again a moment later may answer. So
it takes two, the second after `AGAIN_SECONDS`, which is sooner than a leader loses its Lease: the bad news
can still be told.
"""

import asyncio
import logging
from typing import Final

from mcs_controller.api.resources import LEASES
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.reports.control_plane import (
    COMPONENTS,
    ApiServer,
    Component,
    ControlPlane,
    LeaseOf,
    decode_lease,
    judge,
    unchanged,
    version_of,
)
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import ApiError, Forbidden, KubeError, NotFound, Unauthorized

_log = logging.getLogger(__name__)

WITHIN_SECONDS: Final = 3.0
AGAIN_SECONDS: Final = 0.5
PARTS_SECONDS: Final = 10.0
"""How often the version and the Leases are read."""
_NAMESPACE: Final = "kube-system"


class Probe:
    """Looks at the control plane; `version` is the API server's, "" before it has said one."""

    def __init__(self, local: Client) -> None:
        self.version = ""
        self._local = local
        self._leases: dict[str, tuple[LeaseOf, float]] = {}
        self._unreadable: set[str] = set()
        self._parts_due_seconds = float("-inf")
        self._changed: set[str] = set()

    @property
    def proven(self) -> bool:
        """Whether each Lease that there is has been seen to change."""
        return self._changed >= self._leases.keys()

    async def look(self) -> ControlPlane:
        """How the control plane is now. Never raises `KubeError`."""
        api_server = await self._ask()
        if api_server.answer in ("no answer", "not ready"):
            await asyncio.sleep(AGAIN_SECONDS)
            api_server = await self._ask()
        if api_server.answer == "no answer":
            # Nobody can renew a Lease then, and nobody is to be blamed for it afterwards.
            self._leases.clear()
            return judge(api_server, ())
        now_seconds = asyncio.get_running_loop().time()
        if now_seconds >= self._parts_due_seconds:
            self._parts_due_seconds = now_seconds + PARTS_SECONDS
            await self._read_version()
            found = {name: lease for name in COMPONENTS if (lease := await self._lease(name)) is not None}
            now_seconds = asyncio.get_running_loop().time()
            held = self._leases
            self._changed |= {name for name in held.keys() & found if held[name][0].mark != found[name].mark}
            self._leases = unchanged(held, found, now_seconds)
        components = [
            Component(name, now_seconds - since_seconds, lease.stale_after_seconds)
            for name, (lease, since_seconds) in self._leases.items()
        ]
        return judge(api_server, components)

    async def _ask(self) -> ApiServer:
        try:
            async with asyncio.timeout(WITHIN_SECONDS):
                told = await self._local.unreadiness()
        except TimeoutError:
            return ApiServer("no answer", f"nothing within {WITHIN_SECONDS:g} s")
        except ApiError as error:
            return ApiServer("refused", error.message)
        except KubeError as error:
            return ApiServer("no answer", str(error))
        return ApiServer("not ready", told) if told else ApiServer("ready")

    async def _read_version(self) -> None:
        try:
            async with asyncio.timeout(WITHIN_SECONDS):
                self.version = version_of(await self._local.get_raw("/version")) or self.version
        except (TimeoutError, KubeError) as error:
            _log.debug("the version of the API server cannot be read: %s", error)

    async def _lease(self, name: str) -> LeaseOf | None:
        """The Lease; None if there is none, or none that can be read. As it was, if there is no answer."""
        try:
            async with asyncio.timeout(WITHIN_SECONDS):
                found = decode_lease(await self._local.get(LEASES, name, _NAMESPACE))
        except NotFound:
            return None
        except (Forbidden, Unauthorized, MalformedObject) as error:
            if name not in self._unreadable:
                _log.warning("whether %s works is not told: its Lease cannot be read: %s", name, error)
            self._unreadable.add(name)
            return None
        except (TimeoutError, KubeError):
            held = self._leases.get(name)
            return held[0] if held is not None else None
        self._unreadable.discard(name)
        return found
