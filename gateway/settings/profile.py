"""A device profile of the user's own, checked whole: each problem with its line."""

from collections.abc import Iterator
from pathlib import Path

from drivers.modbus.profile import Profile
from gateway.settings.load import parsed
from gateway.settings.problem import Problem, SettingsInvalid
from gateway.settings.report import Report
from model.errors import SettingsError

_REFERENCES = {range(30000, 40000): 4, range(40000, 50000): 3}
"""Numbers by which manuals call input and holding registers, the first one 30001 or 40001, and the function that reads
them.
"""


def load(path: Path) -> tuple[Profile, list[Problem]]:
    """The profile with its warnings. Raises SettingsInvalid with all problems at once."""
    try:
        raw = path.read_bytes()
    except OSError as err:
        error = SettingsError("profile_unreadable", file=path, why=err.strerror)
        raise SettingsInvalid(path, [Problem(path, None, "", "", error)]) from err
    text, data = parsed(path, raw)
    report = Report(path, text, data)
    profile = report.checked((), Profile, data)
    if isinstance(data.get("name"), str) and data["name"] != path.stem:
        report.problem(("name",), SettingsError("profile_name", name=data["name"]))
    if report.problems or profile is None:
        raise SettingsInvalid(path, sorted(report.problems, key=lambda problem: problem.line or 0))
    for index, function, place in _reference_numbers(profile):
        told = {"address": profile.point[index].address, "function": function, "place": place}
        report.warning(("point", index, "address"), SettingsError("profile_reference_number", **told))
    return profile, report.warnings


def _reference_numbers(profile: Profile) -> Iterator[tuple[int, int, int]]:
    """The first point of each function all of whose addresses look like numbers of a manual, and what they would mean.

    Where nothing says the function, the number does.
    """
    said = profile.read.function if "function" in profile.read.model_fields_set else None
    for given in {point.function or said: None for point in profile.point}:
        points = {i: point.address for i, point in enumerate(profile.point) if (point.function or said) == given}
        likely = {numbers: function for numbers, function in _REFERENCES.items() if given in (None, function)}
        if not all(any(address in numbers for numbers in likely) for address in points.values()):
            continue
        for numbers, function in likely.items():
            index = next((i for i, address in points.items() if address in numbers), None)
            if index is not None:
                yield index, function, max(0, points[index] - numbers.start - 1)
