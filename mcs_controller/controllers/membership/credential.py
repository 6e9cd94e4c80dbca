"""Renews the token with which this cluster's agents log in to the broker, long before it ends.

The agents have their kubeconfig for the broker as a file, which a kubelet makes of a Secret. When two thirds
of the token's life are over, or a little earlier, the leader asks the broker for another token of the same
length, and writes the Secret. The file follows in each replica, and with it the connection. Until then the
old token is used.

The Secret is written only while it holds what the file holds: so nothing that others write is lost, and no
right to read it is needed. A credential that is no token of a ServiceAccount, or says nothing of its end, is
left to whoever made it. A renewal that fails is repeated; nothing else that the agent does depends on it.
"""

import asyncio
import contextlib
import logging
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client import Counter

from mcs_controller.api.resources import SECRETS
from mcs_controller.controllers.config import SecretName
from mcs_controller.controllers.membership.errors import NotRenewed
from mcs_controller.controllers.membership.presence import another_credential
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.controller import Controller
from mcs_controller.kube.connection.inline_token import inline_token, with_inline_token
from mcs_controller.kube.connection.lifetime import Account, Lifetime, account_of, lifetime_of
from mcs_controller.kube.errors import (
    ApiError,
    ConfigError,
    Forbidden,
    Invalid,
    KubeError,
    NotLeading,
    Unauthorized,
)
from mcs_controller.kube.pacing.backoff import Backoff
from mcs_controller.kube.tokens import Token, request_token

RENEW_AFTER_SHARES: Final = (0.60, 2 / 3)
"""Of the token's life. Members whose tokens were made together do not all ask at the same time."""
LEAST_SECONDS: Final = 600
"""An API server issues no token for less."""
MOST_SECONDS: Final = 365 * 86_400
"""So long a token is asked for at most, also where the present one lasts longer."""
LOOK_SECONDS: Final = 600.0
"""How often the file is read while nothing is due."""
FOLLOWED_WITHIN_SECONDS: Final = 180.0
"""A kubelet needs up to two minutes to bring what a Secret holds into its file."""
FIRST_RETRY_SECONDS: Final = 60.0
LONGEST_RETRY_SECONDS: Final = 3600.0

_JSON_PATCH: Final = "application/json-patch+json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MountedCredential:
    """A kubeconfig that is mounted from a Secret, whose key is the file's name.

    `context` None: the file's current one.
    """

    file: Path
    context: str | None
    secret: SecretName


class CredentialRenewal(Controller):
    """Keeps the token in the Secret alive.

    Failures are logged and counted. The agent stays ready: it works as long as the present token is valid.
    """

    name = "credential"

    def __init__(self, context: Context, mounted: MountedCredential) -> None:
        self._cluster_id = context.config.cluster_id
        self._mounted = mounted
        self._local = context.local.client
        self._broker = context.broker.client
        self._clock = context.clock
        self._random = context.random
        self._backoff = Backoff(FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, random=context.random)
        self._token = ""
        self._share = 0.0
        self._told = ""
        self._renewals = Counter(
            "mcs_credential_renewals",
            "Attempts to renew the token for the broker, by result: ok or error.",
            ("result",),
            registry=context.registry,
        )
        for result in ("ok", "error"):
            self._renewals.labels(result)

    async def run(self) -> None:
        """Run until cancelled; nothing that goes wrong here ends the agent."""
        while True:
            try:
                seconds = await self.step()
            except Exception:  # noqa: BLE001 - a task's outermost loop, which must not end the agent
                _log.exception("the token for the broker could not be renewed")
                self._renewals.labels("error").inc()
                seconds = LONGEST_RETRY_SECONDS
            await asyncio.sleep(seconds)

    async def step(self) -> float:
        """One look, and a renewal if it is due; the seconds until the next look."""
        try:
            return await self._renew_if_due()
        except NotRenewed as error:
            self._renewals.labels("error").inc()
            self._tell(logging.WARNING, f"cannot renew the token for the broker: {error}")
            return self._backoff.next_seconds(error.retry_after_seconds)
        except NotLeading:
            # The next leader does it.
            return FIRST_RETRY_SECONDS

    async def _renew_if_due(self) -> float:
        content, token = self._read()
        if token != self._token:
            self._token, self._share = token, self._random.uniform(*RENEW_AFTER_SHARES)
        lifetime, account = lifetime_of(token), account_of(token)
        if lifetime is None or account is None:
            what = "is no token of a ServiceAccount that says when it ends"
            self._tell(logging.INFO, f"the credential for the broker is not renewed, since it {what}")
            return LOOK_SECONDS
        wait_seconds = due_at(lifetime, self._share) - await self._broker_seconds()
        if wait_seconds > 0:
            self._told = ""
            self._backoff.reset()
            return min(wait_seconds, LOOK_SECONDS)
        new = await self._ask(lifetime, account)
        await self._write(content, with_inline_token(content, self._mounted.context, new.text))
        self._renewals.labels("ok").inc()
        _log.info(
            "renewed the token for the broker in Secret %s; it is valid until %s",
            self._mounted.secret,
            new.expires_at,
        )
        return FOLLOWED_WITHIN_SECONDS

    def _read(self) -> tuple[bytes, str]:
        """The kubeconfig, and its token ("" if it has none)."""
        file = self._mounted.file
        try:
            content = file.read_bytes()
            return content, inline_token(content, self._mounted.context) or ""
        except OSError as error:
            raise NotRenewed(f"kubeconfig {file} cannot be read: {error.strerror}") from error
        except ConfigError as error:
            raise NotRenewed(f"kubeconfig {file} cannot be used: {error}") from error

    async def _broker_seconds(self) -> float:
        """What time it is for the broker, whose clock the token's times are of; else by our own clock."""
        with contextlib.suppress(KubeError):
            date = await self._broker.date()
            if date is not None:
                return date.timestamp()
        return self._clock.now().timestamp()

    async def _ask(self, lifetime: Lifetime, account: Account) -> Token:
        try:
            return await request_token(self._broker, account.namespace, account.name, asked_seconds(lifetime))
        except NotLeading:
            raise
        except Forbidden as error:
            advice = (
                "the broker gives members no right to that; its administrator runs `broker init` again, or "
                "upgrades the chart mcs-broker"
            )
            raise _not_renewed(advice, error) from error
        except Unauthorized as error:
            advice = f"the broker does not accept it; {another_credential(self._cluster_id)}"
            raise _not_renewed(advice, error) from error
        except KubeError as error:
            raise _not_renewed("the broker gave no other one", error) from error

    async def _write(self, before: bytes, renewed: bytes) -> None:
        file, secret = self._mounted.file, self._mounted.secret
        path = f"/data/{file.name}"
        patch = [
            {"op": "test", "path": path, "value": b64encode(before).decode()},
            {"op": "replace", "path": path, "value": b64encode(renewed).decode()},
        ]
        try:
            await self._local.patch(
                SECRETS, secret.name, patch, namespace=secret.namespace, content_type=_JSON_PATCH
            )
        except NotLeading:
            raise
        except Invalid as error:
            advice = (
                f"Secret {secret} does not hold, as {file.name}, what {file} has; it has just been written, "
                "or the file is not mounted from it"
            )
            raise _not_renewed(advice, error) from error
        except Forbidden as error:
            advice = (
                f"the agent has no right to write Secret {secret}; `mcs-controller rbac --for credential` "
                "prints it, and the chart has it with broker.renew"
            )
            raise _not_renewed(advice, error) from error
        except KubeError as error:
            raise _not_renewed(f"Secret {secret} was not written", error) from error

    def _tell(self, level: int, text: str) -> None:
        if text != self._told:
            self._told = text
            _log.log(level, "%s", text)


def due_at(lifetime: Lifetime, share: float) -> float:
    """When a token is to be renewed, in seconds since the epoch."""
    return lifetime.issued + share * (lifetime.expires - lifetime.issued)


def asked_seconds(lifetime: Lifetime) -> int:
    """For how long another token is asked for: as long as the present one lasts, within bounds."""
    return min(max(round(lifetime.expires - lifetime.issued), LEAST_SECONDS), MOST_SECONDS)


def _not_renewed(advice: str, error: KubeError) -> NotRenewed:
    retry_after_seconds = error.retry_after_seconds if isinstance(error, ApiError) else None
    return NotRenewed(f"{advice} ({error})", retry_after_seconds=retry_after_seconds)
