"""Dates and times of day.

Of a year of two digits the century matters for leap years only, and there only for 00: that is 2000 until the year 2050.
"""

import re

_HOUR = re.compile("[01][0-9]|2[0-3]")
_SIXTY = re.compile("[0-5][0-9]")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def hh(part: str) -> str | None:
    return None if _HOUR.fullmatch(part) else "hour_wrong"


def mi(part: str) -> str | None:
    return None if _SIXTY.fullmatch(part) else "minute_wrong"


def ss(part: str) -> str | None:
    return None if _SIXTY.fullmatch(part) else "second_wrong"


def hhmi(part: str) -> str | None:
    return hh(part[:2]) or mi(part[2:])


def yymmd0(part: str) -> str | None:
    """Day 00 is the whole month."""
    return _date("20" + part)


def yymmdd(part: str) -> str | None:
    return yyyymmdd("20" + part)


def yyyymmdd(part: str) -> str | None:
    return _date(part) or ("day_wrong" if part[6:] == "00" else None)


def _date(part: str) -> str | None:
    if len(part) != 8 or not (part.isascii() and part.isdigit()):
        return "date_wrong"
    year, month, day = int(part[:4]), int(part[4:6]), int(part[6:])
    if not 1 <= month <= 12:
        return "month_wrong"
    return "day_wrong" if day > days(year, month) else None


def days(year: int, month: int) -> int:
    """How many the month has; in the year 0, too."""
    if month == 2 and (year % 4 or (year % 100 == 0 and year % 400)):
        return 28
    return _DAYS[month - 1]
