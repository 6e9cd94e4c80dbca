"""Asks an API server whether an account has the rights that a role of the charts gives.

The rules are the charts' own (`install/rules.py`). Nobody can be asked what others may do by a
SelfSubjectAccessReview, so accounts of others are asked about with SubjectAccessReviews, which needs the
rights of an administrator.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mcs_controller.api.resources import SELF_SUBJECT_ACCESS_REVIEWS, SUBJECT_ACCESS_REVIEWS
from mcs_controller.install.checks.facts import Review
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import DecodeError, NotFound

AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Account:
    """A ServiceAccount."""

    namespace: str
    name: str

    def subject(self) -> dict[str, Any]:
        """Whose rights a SubjectAccessReview is about."""
        return {
            "user": f"system:serviceaccount:{self.namespace}:{self.name}",
            "groups": [
                "system:serviceaccounts",
                f"system:serviceaccounts:{self.namespace}",
                "system:authenticated",
            ],
        }

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource, with its subresource; "" for every name, or every namespace."""

    verb: str
    group: str
    resource: str
    name: str = ""
    namespace: str = ""

    def attributes(self) -> dict[str, str]:
        """As a review asks for it."""
        resource, _, subresource = self.resource.partition("/")
        asked = {
            "verb": self.verb,
            "group": self.group,
            "resource": resource,
            "subresource": subresource,
            "name": self.name,
            "namespace": self.namespace,
        }
        return {key: value for key, value in asked.items() if value}

    def __str__(self) -> str:
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        within = f" in {self.namespace}" if self.namespace else ""
        return f"{self.verb} {resource}{f' {self.name}' if self.name else ''}{within}"


def rights_of_rules(rules: Iterable[dict[str, Any]], namespace: str = "") -> Iterator[Right]:
    """Each right that rules of RBAC give, in all namespaces or in one."""
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for name in rule.get("resourceNames") or [""]:
                    for verb in rule["verbs"]:
                        yield Right(verb, group, resource, name, namespace)


async def reviewed(client: Client, account: Account | None, rights: Sequence[Right]) -> tuple[Review, ...]:
    """Whether the account (None: the client's own) has each of them. Raises `KubeError`."""
    lanes = asyncio.Semaphore(AT_ONCE)

    async def review(right: Right) -> Review:
        async with lanes:
            allowed = await _allowed(client, account, right)
        return Review("this credential" if account is None else str(account), str(right), allowed)

    try:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(review(right)) for right in rights]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return tuple(task.result() for task in asked)


async def _allowed(client: Client, account: Account | None, right: Right) -> bool:
    resource = SELF_SUBJECT_ACCESS_REVIEWS if account is None else SUBJECT_ACCESS_REVIEWS
    subject = {} if account is None else account.subject()
    body = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "spec": {**subject, "resourceAttributes": right.attributes()},
    }
    try:
        answer = await client.create(resource, body)
    except NotFound as error:
        raise DecodeError("the API server answers no questions about rights") from error
    status = answer.get("status")
    if not isinstance(status, dict) or not isinstance(status.get("allowed"), bool):
        raise DecodeError(f"the answer to a {resource.kind} says neither yes nor no")
    return bool(status["allowed"])
