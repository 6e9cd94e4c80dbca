"""The controllers of an agent, each in one line; `--controllers` chooses among them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from mcs_controller.controllers.membership.controller import MembershipController
from mcs_controller.controllers.membership.credential import CredentialRenewal, MountedCredential
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.controllers.properties.controller import PropertiesController
from mcs_controller.controllers.reports.controller import ReportsController
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.controller import Controller
from mcs_controller.controllers.runtime.manager import Manager
from mcs_controller.controllers.services.bulk.controller import BulkExportController
from mcs_controller.controllers.services.controller import ServicesController

CONTROLLERS: Final[Mapping[str, Callable[[Context, MembershipController], Controller]]] = {
    ServicesController.name: ServicesController,
    PropertiesController.name: PropertiesController,
}
"""Membership always runs: it is what makes the agent one of a member cluster."""

ALL: Final = "*"

_log = logging.getLogger(__name__)


def make_manager(
    context: Context,
    *,
    presence: Presence | None = None,
    words: Sequence[str] = (ALL,),
    credential: MountedCredential | None = None,
) -> Manager:
    """A manager of the controllers that `words` choose, as in `--controllers`.

    `presence` is run by the caller, for longer than the manager. The token of `credential` is renewed.
    """
    membership = MembershipController(context, presence)
    chosen = [CONTROLLERS[name](context, membership) for name in chosen_names(words)]
    if context.config.service_export_policies:
        chosen.append(BulkExportController(context, membership))
    if context.config.report_to_inventory:
        chosen.append(ReportsController(context, membership))
    if credential is not None:
        chosen.append(CredentialRenewal(context, credential))
    _log.info("controllers: %s", ", ".join(one.name for one in (membership, *chosen)))
    return Manager(context, [membership, *chosen])


def check_word(word: str) -> str:
    """The word, if it is `*`, the name of a controller, or `-` and a name. Raises ValueError."""
    name = word.removeprefix("-")
    if word != ALL and name not in CONTROLLERS:
        raise ValueError(
            f"there is no controller {name!r}: use {ALL} for all, or some of {', '.join(CONTROLLERS)}, "
            "with - before one that is to be left out"
        )
    return word


def chosen_names(words: Sequence[str]) -> list[str]:
    """The controllers that run: `*` adds all, a name adds one, and `-NAME` takes one away.

    Where the first word takes one away, it is taken from all.
    """
    chosen: set[str] = set()
    for word in (ALL, *words) if words and words[0].startswith("-") else words:
        if word == ALL:
            chosen.update(CONTROLLERS)
        elif word.startswith("-"):
            chosen.discard(word.removeprefix("-"))
        else:
            chosen.add(word)
    return [name for name in CONTROLLERS if name in chosen]
