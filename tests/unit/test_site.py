"""Who a telephone number is: as the settings have it, and as networks deliver it."""

import pytest

from gateway.rules.site import Person, Site

SITE = Site(
    (
        Person(name="liu", phone="+8613800000001"),
        Person(name="chen", phone="+8613900000002"),
        Person(name="wu", phone="+85213900000002"),
        Person(name="sun"),
    )
)


@pytest.mark.parametrize(
    ("number", "who"),
    [
        ("+8613800000001", "liu"),
        ("8613800000001", "liu"),
        ("13800000001", "liu"),
        ("00000001", "liu"),
        ("0000001", None),
        ("+13800000001", None),
        ("13800000009", None),
        ("913800000001", None),
        ("13900000002", None),
        ("8613900000002", "chen"),
        ("+85213900000002", "wu"),
        ("Doorpost", None),
        ("", None),
        ("+", None),
    ],
)
def test_whose_number(number: str, who: str | None) -> None:
    """Without its prefix only where it can be nobody else's."""
    person = SITE.by_phone(number)
    assert (person.name if person else None) == who
