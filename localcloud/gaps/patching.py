"""How a gap declares what it puts in moto's place.

    gap = Gap()

    @gap.replaces(StateChoice, "_eval_state")
    def _eval_state(state, env): ...

    @gap.wraps(StateMachine, "update")
    def _update(original, machine, **changes): ...

    gap.sets(StateMachineInstance, "revision_id", None)

A declaration changes nothing in moto; `registry` applies the patches, and undoes them.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

MISSING: Any = object()


@dataclass(frozen=True)
class Patch:
    """One attribute of a class or module, or one key of a dict, and how to make its new value from the present one."""

    owner: Any
    name: str
    make: Callable[[Any], Any]

    def apply(self) -> Callable[[], None]:
        """Put the new value in place; return a function that restores the owner exactly as it was."""
        own = self._own()
        inherited = not isinstance(self.owner, dict) and own is MISSING
        self._put(self.make(inspect.getattr_static(self.owner, self.name, MISSING) if inherited else own))
        return lambda: self._put(own)

    def _own(self) -> Any:
        return (self.owner if isinstance(self.owner, dict) else vars(self.owner)).get(self.name, MISSING)

    def _put(self, value: Any) -> None:
        if isinstance(self.owner, dict):
            self.owner.pop(self.name, None) if value is MISSING else self.owner.update({self.name: value})
        elif value is MISSING:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, value)


class Gap:
    """The patches of one gap, in the order of their declaration."""

    def __init__(self) -> None:
        self.patches: list[Patch] = []

    def sets(self, owner: Any, name: str, value: Any) -> None:
        """Declare a value for an attribute of a class or module, or for a key of a dict."""
        self.patches.append(Patch(owner, name, lambda _: value))

    def replaces(self, owner: Any, name: str) -> Callable[[Function], Function]:
        """Declare the decorated function for an attribute; as a class or static method or property if it was one."""

        def declare(function: Function) -> Function:
            self.patches.append(Patch(owner, name, lambda present: _like(present, function)))
            return function

        return declare

    def wraps(self, owner: Any, name: str) -> Callable[[Function], Function]:
        """Declare the decorated function as `replaces` does; its first argument is the function that it replaces."""

        def make(function: Callable[..., Any], present: Any) -> Any:
            original: Any = present.fget if isinstance(present, property) else getattr(present, "__func__", present)

            @functools.wraps(original)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                return function(original, *args, **kwargs)

            return _like(present, wrapper)

        def declare(function: Function) -> Function:
            self.patches.append(Patch(owner, name, functools.partial(make, function)))
            return function

        return declare


def _like(present: Any, function: Callable[..., Any]) -> Any:
    kind = next((kind for kind in (classmethod, staticmethod, property) if isinstance(present, kind)), None)
    return kind(function) if kind else function
