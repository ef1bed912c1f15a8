"""Two digits of a year, and the day that is none."""

import pytest

from traceability.gs1.dates import dates, resolved


@pytest.mark.parametrize(
    ("yymmdd", "year", "day"),
    [
        ("261122", 2026, "2026-11-22"),
        ("760101", 2026, "2076-01-01"),
        ("770101", 2026, "1977-01-01"),
        ("000101", 2051, "2100-01-01"),
        ("020101", 2051, "2002-01-01"),
        ("990101", 2048, "1999-01-01"),
        ("280200", 2026, "2028-02-29"),
        ("270200", 2026, "2027-02-28"),
        ("270400", 2026, "2027-04-30"),
    ],
)
def test_the_century_and_day_00(yymmdd: str, year: int, day: str) -> None:
    """49 years back and 50 ahead; day 00 is the end of the month."""
    assert resolved(yymmdd, year) == day


def test_the_dates_of_an_element_string_have_names() -> None:
    """Some have a time of day, one is a period."""
    elements = (("01", "06901234567892"), ("17", "271200"), ("11", "260101"), ("7003", "2612312359"), ("10", "L1"))
    assert dates(elements[:3], 2026) == {"expirationDate": "2027-12-31", "productionDate": "2026-01-01"}
    assert dates((("17", "271301"), ("11", "27"), ("15", "2702x0"), ("16", "270230")), 2026) == {}
    assert dates(elements[3:], 2026) == {"expirationDateTime": "2026-12-31T23:59"}
    harvest = {"harvestDate": "2026-09-01/2026-09-30"}
    assert dates((("7007", "260901260930"), ("8008", "26112208")), 2026) == harvest | {
        "productionDateTime": "2026-11-22T08"
    }
    assert dates((("7007", "260901"), ("8008", "261122083059")), 2026) == {
        "harvestDate": "2026-09-01",
        "productionDateTime": "2026-11-22T08:30:59",
    }
