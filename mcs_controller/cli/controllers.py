"""The controllers of an agent, each in one line; `--controllers` chooses among them."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from mcs_controller.cli.errors import UsageError
from mcs_controller.controllers.membership.controller import MembershipController
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.controllers.properties.controller import PropertiesController
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.controller import Controller
from mcs_controller.controllers.runtime.manager import Manager
from mcs_controller.controllers.services.controller import ServicesController

CONTROLLERS: Final[Mapping[str, Callable[[Context, MembershipController], Controller]]] = {
    ServicesController.name: ServicesController,
    PropertiesController.name: PropertiesController,
}
"""Membership always runs: it is what makes the agent one of a member cluster."""

ALL: Final = "*"


def make_manager(
    context: Context, *, presence: Presence | None = None, chosen: Collection[str] = (ALL,)
) -> Manager:
    """A manager of the chosen controllers. `presence` is run by the caller, for longer than the manager."""
    membership = MembershipController(context, presence)
    return Manager(context, [membership, *(CONTROLLERS[name](context, membership) for name in names(chosen))])


def names(chosen: Collection[str]) -> list[str]:
    """The controllers that are meant: `*` is all, `-NAME` takes one out again, and the last word counts.

    Raises `UsageError`.
    """
    meant: set[str] = set()
    for word in chosen:
        name = word.removeprefix("-")
        if word == ALL:
            meant.update(CONTROLLERS)
        elif name not in CONTROLLERS:
            raise UsageError(
                f"--controllers: there is no controller {name!r}: use {ALL} for all, or some of "
                f"{', '.join(CONTROLLERS)}, with - before one that is to be left out"
            )
        elif name == word:
            meant.add(name)
        else:
            meant.discard(name)
    return [name for name in CONTROLLERS if name in meant]
