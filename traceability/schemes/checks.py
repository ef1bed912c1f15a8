"""What can be checked in a part of a code: each check by the name that a table gives it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from traceability.finding import Finding, Grade, Sureness
from traceability.schemes.pattern import compiled
from traceability.schemes.sums import SUMS

if TYPE_CHECKING:  # rows are read where a table is made, and with what reads them
    from traceability.schemes.rows import CheckRow

Test = Callable[[str, int | None], str | None]
"""(value, present year) -> None where it is right, else what is to be told of it beside the value."""

_PROVINCES = frozenset(
    str(number)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 82))
    for number in range(first, last + 1)
)
"""First two digits of GB/T 2260."""
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

FORMATS = ("YYYYMMDD", "YYYYMM", "YYYY", "YYMMDD", "YYMM", "YY", "YMMDD")
"""Of dates. A year of fewer digits is the latest one that is not in the future."""


class Kind(NamedTuple):
    """`must` and `may` are what its row says beside the group. `sureness` of the scheme where it is right: characters alone say
    no more than the pattern has said.
    """

    right: str
    wrong: str
    test: "Callable[[CheckRow], Test]"
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    sureness: Sureness = Sureness.SHAPED


class Check:
    """A row made ready. One whose failing is only a warning is not known well enough to speak for the scheme either."""

    def __init__(self, row: "CheckRow") -> None:
        kind = KINDS[row.check]
        self.group = row.group
        self.sureness = kind.sureness if row.grade == "failed" else Sureness.LENGTH
        self.right = Finding(kind.right, Grade.PASSED, {"field": row.group})
        self._wrong = kind.wrong
        self._grade = Grade(row.grade)
        self._test = kind.test(row)

    def finding(self, value: str, year: int | None) -> Finding:
        """`right` itself where it is."""
        told = self._test(value, year)
        if told is None:
            return self.right
        return Finding(self._wrong, self._grade, {"field": self.group, "value": value, "allowed": told})


def _date(row: "CheckRow") -> Test:
    form = row.format
    digits = form.count("Y")
    with_month, with_day = "MM" in form, "DD" in form

    def test(value: str, present: int | None) -> str | None:
        if not (len(value) == len(form) and value.isascii() and value.isdigit()):
            return form
        year = _year(int(value[:digits]), digits, present)
        month = int(value[digits : digits + 2]) if with_month else 1
        day = int(value[digits + 2 :]) if with_day else 1
        leap = year is None or (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0))
        good = (year is None or row.since <= year <= (present or 9999)) and 1 <= month <= 12
        return None if good and 1 <= day <= _DAYS[month - 1] - (month == 2 and not leap) else form

    return test


def _year(number: int, digits: int, present: int | None) -> int | None:
    """None where nothing says the century or the decade."""
    if digits == 4:
        return number
    if present is None:
        return None
    span: int = 10**digits
    year = present - present % span + number
    return year if year <= present else year - span


def _region(row: "CheckRow") -> Test:
    allowed = _PROVINCES | set(row.values)
    return lambda value, _: None if value[:2] in allowed else "GB/T 2260"


def _one_of(row: "CheckRow") -> Test:
    allowed, told = frozenset(row.values), ", ".join(row.values)
    return lambda value, _: None if value in allowed else told


def _starts_with(row: "CheckRow") -> Test:
    allowed, told = row.values, ", ".join(row.values)
    return lambda value, _: None if value.startswith(allowed) else told


def _form(row: "CheckRow") -> Test:
    fits, told = compiled(row.format).fullmatch, row.format
    return lambda value, _: None if fits(value) else told


def _sum(row: "CheckRow") -> Test:
    expected = SUMS[row.check]

    def test(value: str, _: int | None) -> str | None:
        digit = expected(value[:-1])
        return None if value and digit == value[-1] else digit or "-"

    return test


_SUM = Kind("scheme_check_right", "scheme_check_wrong", _sum, sureness=Sureness.CHECKED)

KINDS = {
    "date": Kind("scheme_date_right", "scheme_date_wrong", _date, must=("format",), may=("since",)),
    "form": Kind("scheme_form_right", "scheme_form_wrong", _form, must=("format",), sureness=Sureness.LENGTH),
    "one_of": Kind("scheme_value_right", "scheme_value_wrong", _one_of, must=("values",)),
    "region": Kind("scheme_region_right", "scheme_region_wrong", _region, may=("values",)),
    "starts_with": Kind("scheme_start_right", "scheme_start_wrong", _starts_with, must=("values",)),
    **dict.fromkeys(SUMS, _SUM),
}
