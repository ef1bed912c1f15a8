"""Patterns of a table: Python's regular expressions, of which only those are taken that cannot run away."""

import re
import warnings
from collections.abc import Iterable
from math import inf

# CPython's own reading of a pattern; without it we would have to write a second one
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

LONGEST = 1000
"""Characters of a pattern."""
MOST = 200_000
"""Steps until any text is read or refused: some milliseconds."""
_FAR = 1e30
"""Beyond what is worth to be counted."""
_TEXT = 7089
"""Characters of a text, and so the most that a repeat without an upper bound takes."""

_TRANSPARENT = {_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN, _constants.AT}
_LOOKS = {_constants.ASSERT, _constants.ASSERT_NOT}
_REPEATS = {_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT}


class PatternError(ValueError):
    """`why`: `bad` (with Python's words in `told`), `long`, `open` without an upper bound, `heavy`, `empty`,
    or `reference` for what no code needs: references to groups, conditions, flags."""

    def __init__(self, why: str, told: str = "") -> None:
        super().__init__(why, told)
        self.why = why
        self.told = told


def compiled(pattern: str) -> re.Pattern[str]:
    """`\\d`, `\\w` and `\\s` are those of ASCII. Raises `PatternError`."""
    if len(pattern) > LONGEST:
        raise PatternError("long", str(LONGEST))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what may mean something else in the next Python
            parsed = _parser.parse(pattern, re.ASCII)
            made = re.compile(pattern, re.ASCII)
        steps = _cost(parsed).whole
    except PatternError:
        raise
    except (re.error, OverflowError, RecursionError, ValueError, Warning) as err:
        raise PatternError("bad", str(err)) from err
    if made.flags & ~(re.ASCII | re.IGNORECASE):
        raise PatternError("reference")
    if steps > MOST:
        raise PatternError("open" if steps == inf else "heavy", str(MOST))
    if made.fullmatch("") is not None:
        raise PatternError("empty")
    return made


def lengths(pattern: str) -> tuple[int, int]:
    """Characters of the shortest and of the longest text that may fit."""
    least, most = _parser.parse(pattern, re.ASCII).getwidth()
    return int(least), int(most)


class _Cost(NamedTuple):
    """`ways`: in how many a text can at most be read, each of which is gone back to before a text is refused. `steps`: until all
    of them were tried. Beyond `MOST` neither is exact.
    """

    ways: float
    steps: float

    @property
    def whole(self) -> float:
        return self.ways + self.steps


_STEP = _Cost(1, 1)
_OPEN = _Cost(inf, inf)


def _cost(items: Iterable[tuple[Any, Any]]) -> _Cost:
    """What stands behind something is tried again for each way to read that."""
    ways, steps = 1.0, 0.0
    for op, what in items:
        one = _cost_of(op, what)
        if one.whole == inf:
            return _OPEN
        steps = min(steps + ways * one.steps, _FAR)
        ways = min(ways * one.ways, _FAR)
    return _Cost(ways, steps)


def _cost_of(op: Any, what: Any) -> _Cost:
    """What a possessive repeat, an atomic group or a look ahead has read stays, but finding it took its steps."""
    if op in _TRANSPARENT:
        return _STEP
    if op in _REPEATS:
        return _repeated(op is _constants.POSSESSIVE_REPEAT, *what)
    if op is _constants.SUBPATTERN:
        return _cost(what[3])
    if op is _constants.BRANCH:
        branches = list(map(_cost, what[1]))
        return _Cost(sum(one.ways for one in branches), 1 + sum(one.steps for one in branches))
    if op is _constants.ATOMIC_GROUP or op in _LOOKS:
        return _Cost(1, _cost(what if op is _constants.ATOMIC_GROUP else what[1]).whole)
    raise PatternError("reference")


def _repeated(possessive: bool, least: int, most: int, inner: Any) -> _Cost:
    each = _cost(inner)
    if most is _constants.MAXREPEAT and not possessive:
        return _OPEN
    if possessive:  # each time for itself, and at the end in vain
        return _Cost(1, each.whole * min(most, max(least, _TEXT)))
    if each.ways == 1:
        return _Cost(most - least + 1, each.whole * most)
    ways, steps, power = 0.0, 0.0, 1.0
    for count in range(most + 1):
        ways += power * (count >= least)
        steps += power * each.whole * (count < most)
        if steps > MOST:
            return _Cost(max(ways, power), steps)
        power *= each.ways
    return _Cost(ways, steps)
