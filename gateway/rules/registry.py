"""The rules there are, by their name in the settings. A rule's module is loaded when it is asked for: few sites have lifts."""

from collections.abc import Iterator, Mapping
from importlib import import_module

from gateway.rules.base import RuleKind

_MODULES = {
    "temperature": "gateway.rules.temperature",
    "lift": "gateway.rules.lift",
    "lift_visit": "gateway.rules.lift_visit",
    "lift_watch": "gateway.rules.lift_watch",
    "lift_test": "gateway.rules.lift_test",
}
"""Each has a `KIND`."""


class _Rules(Mapping[str, RuleKind]):
    def __getitem__(self, name: str) -> RuleKind:
        kind: RuleKind = import_module(_MODULES[name]).KIND
        return kind

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


RULES = _Rules()
