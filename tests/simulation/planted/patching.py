"""Replaces a part of the product for a while, and fails loudly when there is no such part any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, NamedTuple


class Patch(NamedTuple):
    """`owner`, a module or a class, has something of this name; `make` makes another one of it."""

    owner: Any
    name: str
    make: Callable[[Any], Any]


class Bug(NamedTuple):
    """`text` says what the product does wrong while the patches hold."""

    text: str
    patches: tuple[Patch, ...]


def bug(text: str, *patches: Patch) -> Bug:
    return Bug(text, patches)


@contextmanager
def planted(*patches: Patch) -> Iterator[None]:
    """All of them hold within the block. Raises LookupError where the product has nothing of that name."""
    with ExitStack() as stack:
        for owner, name, make in patches:
            if name not in vars(owner):
                raise LookupError(f"{owner.__name__} has no {name} any more: plant this bug elsewhere")
            original = vars(owner)[name]
            setattr(owner, name, make(original))
            stack.callback(setattr, owner, name, original)
        yield


def always(value: Any) -> Callable[[Any], Any]:
    """For a function: gives `value`, whatever it is asked."""
    return lambda original: lambda *args, **kwargs: value


def instead(value: Any) -> Callable[[Any], Any]:
    """For a constant, or a whole function."""
    return lambda original: value


class Other:
    """A module as one of its users sees it, with other functions for some of its names."""

    def __init__(self, module: ModuleType, **others: Any) -> None:
        for name in others:
            if not hasattr(module, name):
                raise LookupError(f"{module.__name__} has no {name} any more: plant this bug elsewhere")
        self._module = module
        self._others = others

    def __getattr__(self, name: str) -> Any:
        return self._others[name] if name in self._others else getattr(self._module, name)
