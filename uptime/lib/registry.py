"""Kinds found by the name of their module: one file is one kind, and there is no list to edit."""

import pkgutil
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Generic, TypeVar, cast

T = TypeVar("T")


class UnknownKindError(LookupError):
    """There is no kind of that name; the message lists those there are."""


class Registry(Generic[T]):
    """The kinds of some packages: every module in them with an attribute `KIND`, under the module's own name.

    Modules are imported at first use, so a package may hold its registry beside its kinds."""

    def __init__(self, *packages: str) -> None:
        self.packages = packages

    @cached_property
    def _kinds(self) -> dict[str, T]:
        found = {name: module for package in self.packages for name, module in _modules(package)}
        return {name: cast(T, module.KIND) for name, module in sorted(found.items()) if hasattr(module, "KIND")}

    def get(self, name: str) -> T:
        try:
            return self._kinds[name]
        except KeyError:
            raise UnknownKindError(f"There is no kind “{name}”. Known: {', '.join(self.names)}.") from None

    @property
    def names(self) -> list[str]:
        """The names of all kinds, sorted."""
        return list(self._kinds)

    def __iter__(self) -> Iterator[T]:
        return iter(self._kinds.values())

    def __len__(self) -> int:
        return len(self._kinds)

    def __contains__(self, name: object) -> bool:
        return name in self._kinds


def _modules(package: str) -> Iterator[tuple[str, ModuleType]]:
    for info in pkgutil.iter_modules(import_module(package).__path__):
        yield info.name, import_module(f"{package}.{info.name}")
