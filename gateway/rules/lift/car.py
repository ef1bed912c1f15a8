"""What a terminal says of its car, and what that means. What is not good is not known, and means nothing."""

from collections.abc import Collection
from itertools import chain

import msgspec

from gateway.lift_codes import UNKNOWN, Meaning, Table, What
from gateway.rules.base import PointInput
from gateway.rules.lift.state import LiftState
from model.bodies import Car
from model.observation import Quality

BUTTON_CODES = ("alarm_button", "car_button_alarm")
TRAPPED_CODES = ("trapped", "trapped_level")
NUMBERS: tuple[tuple[str, What], ...] = (("alarm_code", "alarm"), ("fault_code", "fault"))


def seen(state: LiftState, event: PointInput) -> LiftState:
    """With a new sample of one of the car's points."""
    value = int(event.value) if event.quality is Quality.GOOD and event.value is not None else None
    if state.car.get(event.point) == value:
        return state
    car = {name: known for name, known in state.car.items() if name != event.point}
    return msgspec.structs.replace(state, car=car if value is None else {**car, event.point: value})


def codes(car: dict[str, int], table: Table) -> list[tuple[str, Meaning]]:
    """What it says by number and by bit, each with its point, as the table of its lift has it."""
    told = [(point, table.meaning(what, car[point])) for point, what in NUMBERS if point in car]
    told += [
        (point, table.meaning("fault", point)) for point, value in car.items() if value == 1 and point in table.bits
    ]
    return [(point, meaning) for point, meaning in told if meaning]


def fault(car: dict[str, int], table: Table) -> str | None:
    """The canonical name of the fault that is there now."""
    return next((meaning.code for _, meaning in codes(car, table) if meaning.what == "fault"), None)


def says(car: dict[str, int], table: Table, names: Collection[str]) -> str | None:
    """The point by which it says one of these alarms: a bit of that name, or a number."""
    bits = (name for name in names if car.get(name) == 1)
    numbers = (point for point, meaning in codes(car, table) if meaning.what == "alarm" and meaning.code in names)
    return next(chain(bits, numbers), None)


def floor(car: dict[str, int]) -> int | None:
    """As the passengers see it, where the terminal says that."""
    return car.get("display_floor", car.get("floor"))


def mode(car: dict[str, int], table: Table) -> str | int | None:
    """The canonical name, else the number as it was said."""
    number = car.get("service_mode")
    meaning = None if number is None else table.meaning("mode", number)
    return number if meaning is None or meaning.code == UNKNOWN else meaning.code


def car_of(car: dict[str, int], table: Table) -> Car | None:
    """As a record tells of it; None where nothing is known."""
    if not car:
        return None
    return Car(
        mode=mode(car, table),
        moving=is_(car, "car_status", 1),
        door_zone=is_(car, "door_zone", 1),
        door_closed=is_(car, "door_closed", 1),
        passenger=is_(car, "passenger", 1),
        floor=floor(car),
        fault=fault(car, table),
    )


def is_(car: dict[str, int], point: str, value: int) -> bool | None:
    """None where nobody knows."""
    return car[point] == value if point in car else None


def all_(*facts: bool | None) -> bool | None:
    """One that is wrong decides; otherwise all must be known."""
    if any(fact is False for fact in facts):
        return False
    return None if None in facts else True


def any_(*facts: bool | None) -> bool | None:
    return not_(all_(*(not_(fact) for fact in facts)))


def not_(fact: bool | None) -> bool | None:
    return None if fact is None else not fact
