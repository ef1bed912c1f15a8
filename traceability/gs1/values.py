"""Whether one value is right by itself: its length, its characters, and the checks of its parts."""

import re
from functools import cache
from typing import NamedTuple

from traceability.finding import Finding, Grade
from traceability.gs1.checks import CHECKS, Check
from traceability.gs1.table import AI, ONE_OF, Kind

_SETS: dict[Kind, tuple[re.Pattern[str], str]] = {
    "N": (re.compile(f"{ONE_OF['N']}*"), "not_a_digit"),
    "X": (re.compile(f"{ONE_OF['X']}*"), "not_set_82"),
    "Y": (re.compile(f"{ONE_OF['Y']}*"), "not_set_39"),
    # the reference wants threes of characters where there is padding, not fours
    "Z": (re.compile(rf"{ONE_OF['Z']}*|(?=(?:...)+\Z){ONE_OF['Z']}*={{1,2}}"), "not_set_64"),
}

_TOLD = {
    "csum": "check_digit_right",
    "csumalpha": "check_pair_right",
    "iban": "iban_right",
    "yymmd0": "date_right",
    "yymmdd": "date_right",
    "yyyymmdd": "date_right",
}
"""Checks that say something when they are passed: not every value of the right length would."""


class _Part(NamedTuple):
    least: int
    most: int
    characters: re.Pattern[str]
    otherwise: str
    checks: tuple[Check, ...]


def judged(ai: AI, value: str) -> tuple[Finding, ...]:
    """What is to be told of a value: the first thing that is wrong with it, or what is right."""
    problem = wrong(ai, value)
    return right(ai) if problem is None else (problem,)


def wrong(ai: AI, value: str) -> Finding | None:
    """The first thing that is wrong with `value`, in the order of GS1's syntax engine; None if nothing is."""
    length = len(value)
    if not value:
        return Finding("value_empty", params={"ai": ai.code})
    if length > ai.most:
        return Finding("value_long", params={"ai": ai.code, "most": str(ai.most)})
    if length < ai.least:
        return Finding("value_short", params={"ai": ai.code, "value": value})
    start = 0
    for part in _parts(ai):
        if start == length:
            break  # what is absent is optional, or the value had been too short
        piece = value[start : start + part.most]
        if len(piece) < part.least:
            return Finding("value_short", params={"ai": ai.code, "value": value})
        if not part.characters.fullmatch(piece):
            return Finding(part.otherwise, params={"ai": ai.code, "value": value})
        for check in part.checks:
            code = check(piece)
            if code:
                return Finding(code, params={"ai": ai.code, "value": value})
        start += part.most
    return None


@cache
def right(ai: AI) -> tuple[Finding, ...]:
    """What is worth telling of a value with which nothing is wrong."""
    checks = [check for component in ai.components for check in component.checks]
    told = dict.fromkeys(_TOLD[check] for check in checks if check in _TOLD)
    return tuple(Finding(name, Grade.PASSED, {"ai": ai.code}) for name in told)


@cache
def _parts(ai: AI) -> tuple[_Part, ...]:
    return tuple(
        _Part(
            component.least, component.most, *_SETS[component.kind], tuple(CHECKS[check] for check in component.checks)
        )
        for component in ai.components
    )
