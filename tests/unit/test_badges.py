"""Whose badge it is, however it is written."""

from pathlib import Path

import pytest

from gateway.rules.site import Person, Site
from gateway.settings.load import load
from gateway.settings.problem import SettingsInvalid
from support.small_gateway import settings

SITE = Site((Person(name="Li Na", badge="04a1b2"), Person(name="Wang Wei"), Person(name="Liu", badge="0011619647")))


@pytest.mark.parametrize(
    ("uid", "name"),
    [("04A1B2", "Li Na"), ("4a1b2", "Li Na"), ("11619647", "Liu"), ("04A1B20", None), ("1161964", None), ("0", None)],
)
def test_a_card_in_another_form(uid: str, name: str | None) -> None:
    """Its number in either case, with the zeros in front that a reader adds or not."""
    found = SITE.by_badge(uid)
    assert (found and found.name) == name


def test_one_card_of_two_persons(tmp_path: Path) -> None:
    persons = [("person", {"name": name, "badge": badge}) for name, badge in (("a", "04a1"), ("b", "4A1"))]
    with pytest.raises(SettingsInvalid) as told:
        load(settings(tmp_path, *persons))
    assert [problem.error.code for problem in told.value.problems] == ["person_twice"]
