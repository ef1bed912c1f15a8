"""What day a date of six digits means."""

from traceability.gs1.checks.moments import days
from traceability.identity import Elements

NAMES = {
    "11": "productionDate",
    "12": "dueDate",
    "13": "packagingDate",
    "15": "bestBeforeDate",
    "16": "sellByDate",
    "17": "expirationDate",
    "7003": "expirationDateTime",
    "7006": "firstFreezeDate",
    "7007": "harvestDate",
    "7011": "testByDate",
    "8008": "productionDateTime",
}
"""AI -> the term of the GS1 web vocabulary, where it has one."""

_PERIOD = "7007"
_DAY = 6


def dates(elements: Elements, year: int) -> dict[str, str]:
    """The dates among the elements, ISO 8601: to the hour, minute or second where they are told, a period with its end behind a
    `/`. `year` is the present one. What is no date is left out.
    """
    found = {}
    for ai, value in elements:
        if ai in NAMES:
            try:
                day, more = resolved(value[:_DAY], year), value[_DAY:]
                found[NAMES[ai]] = day + (_end(more, year) if ai == _PERIOD else _time(more))
            except ValueError:
                continue
    return found


def _end(yymmdd: str, year: int) -> str:
    return f"/{resolved(yymmdd, year)}" if yymmdd else ""


def _time(digits: str) -> str:
    return "T" + ":".join(digits[at : at + 2] for at in range(0, len(digits), 2)) if digits else ""


def resolved(yymmdd: str, year: int) -> str:
    """Day 00 is the last day of its month. The century is the one that puts the year from 49 before to 50 after `year`.

    Raises ValueError where there is no such day.
    """
    of, month, day = int(yymmdd[:2]), int(yymmdd[2:4]), int(yymmdd[4:])
    of += year - year % 100
    if of > year + 50:
        of -= 100
    elif of < year - 49:
        of += 100
    if not 1 <= month <= 12 or day > days(of, month):
        raise ValueError(yymmdd)
    return f"{of:04}-{month:02}-{day or days(of, month):02}"
