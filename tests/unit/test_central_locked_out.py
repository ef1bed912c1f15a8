"""Who is locked out at the centre while its clock is put right."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from central import persons
from central.settings import Person
from central.store import Store
from model.errors import DoorpostError
from model.pin import hashed

HOUR = 3600_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


def test_a_clock_that_was_set_back_locks_nobody_for_longer(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was a day ahead when wrong PINs came: nobody waits longer than there is a wait. How many they were still counts."""
    monkeypatch.setattr(persons, "matches", lambda _, pin: pin == "2468")
    known = [Person(name="Li Na", pin=hashed("2468"))]

    def tries(place: str, *pins: str) -> list[str | None]:
        found: list[str | None] = []
        for pin in pins:
            try:
                persons.authenticate(tmp_path, known, "Li Na", pin, place)
                found.append(None)
            except DoorpostError as err:
                found.append(err.code)
        return found

    def later(hours: int) -> None:
        store.db.execute("UPDATE wrong_pin SET locked_until = locked_until - ?", (hours * HOUR,))

    for place in ("office", *(f"evil {n}" for n in range(2))):
        assert tries(place, "1", "2", "3", "2468") == ["person_refused"] * 3 + ["person_locked"]
    later(-24)
    assert tries("office", "4", "2468") == ["person_refused", "person_locked"]
    assert tries("home", "2468") == ["person_locked"], "all places together"
    later(-24)
    assert tries("home", "2468") == [None]
    later(24)
    assert tries("office", "2468") == [None], "nor is anybody a day later"
