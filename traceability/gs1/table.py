"""What is known of each application identifier (AI), and which AI begins at a place of a text."""

import re
from functools import cache
from typing import Literal, NamedTuple, cast

from traceability.gs1.facts import FACTS

Kind = Literal["N", "X", "Y", "Z"]
"""Digits; characters of GS1's set 82; of set 39; of set 64 (base64url)."""

ONE_OF: dict[Kind, str] = {"N": "[0-9]", "X": '[!"%-?A-Z_a-z]', "Y": "[-#/0-9A-Z]", "Z": "[-0-9A-Z_a-z]"}
"""Patterns of one character each; set 64 without its padding."""


class Component(NamedTuple):
    """A part of a value. Only the last may vary in length; behind an optional one, all are."""

    kind: Kind
    least: int
    most: int
    optional: bool
    checks: tuple[str, ...]


class _Facts(NamedTuple):
    code: str
    title: str
    predefined: bool
    attribute: bool
    components: tuple[Component, ...]
    least: int
    most: int
    required: tuple[tuple[tuple[str, ...], ...], ...]
    excluded: tuple[str, ...]
    primary: tuple[tuple[str, ...], ...] | None


class AI(_Facts):
    """There is one object of each, compared as such: a quick key of caches. `predefined`: its length is given by its first two
    digits, so that no separator must follow.

    `required` are groups that each must be met: by one of its alternatives, all of whose AIs stand on the item too.
    `excluded` must not stand beside it; it never excludes itself. In both, `n` is any digit (`covers`).
    `primary` is None, or the sequences of qualifiers that a Digital Link may have behind this key (one is `()` if none may).
    """

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


def find(code: str) -> AI | None:
    return table().get(code)


def at(text: str, index: int = 0) -> AI | None:
    """The AI whose code stands in `text` at `index`; None where there is none that is known."""
    length = lengths().get(text[index : index + 2])
    return table().get(text[index : index + length]) if length else None


def covers(pattern: str, code: str) -> bool:
    """Whether `code` is what `pattern` means: `310n` is 3100 to 3109."""
    return len(pattern) == len(code) and all(want in ("n", digit) for want, digit in zip(pattern, code, strict=True))


@cache
def table() -> dict[str, AI]:
    """By code, in the order of the codes."""
    return {ai.code: ai for line in FACTS.splitlines() for ai in _entries(line)}


@cache
def lengths() -> dict[str, int]:
    """The length of a code by its first two digits."""
    return {code[:2]: len(code) for code in table()}


_COMPONENT = re.compile(r"(\??)([NXYZ])(\d+)(?:-(\d+))?((?:\.\w+)*)")


def _entries(line: str) -> list[AI]:
    codes, flags, data, needs, never, key, title = line.split(";")
    first, _, last = codes.partition("-")
    components = tuple(_component(word) for word in data.split())
    required = tuple(tuple(tuple(one.split("+")) for one in group.split(",")) for group in needs.split())
    primary = tuple(() if one == "-" else tuple(one.split(",")) for one in key.split("|")) if key else None
    return [
        AI(
            code=str(number).zfill(len(first)),
            title=title,
            predefined="f" in flags,
            attribute="a" in flags,
            components=components,
            least=sum(component.least for component in components if not component.optional),
            most=sum(component.most for component in components),
            required=required,
            excluded=tuple(never.split(",")) if never else (),
            primary=primary,
        )
        for number in range(int(first), int(last or first) + 1)
    ]


@cache
def _component(word: str) -> Component:
    found = _COMPONENT.fullmatch(word)
    assert found, word
    optional, kind, least, most, checks = found.groups()
    return Component(
        kind=cast(Kind, kind),
        least=int(least),
        most=int(most or least),
        optional=bool(optional),
        checks=tuple(checks.split(".")[1:]),
    )
