"""A device profile of the user's own, checked whole: each problem with its line."""

from pathlib import Path

from drivers.modbus.profile import Profile
from gateway.settings.load import parsed
from gateway.settings.problem import Problem, SettingsInvalid
from gateway.settings.report import Report
from model.errors import SettingsError

_REFERENCES = {range(30001, 40000): 4, range(40001, 50000): 3}
"""Numbers by which manuals call input and holding registers, and the function that reads them."""


def load(path: Path) -> tuple[Profile, list[Problem]]:
    """The profile with its warnings. Raises SettingsInvalid with all problems at once."""
    try:
        raw = path.read_bytes()
    except OSError as err:
        error = SettingsError("settings_unreadable", why=err.strerror)
        raise SettingsInvalid(path, [Problem(path, None, "", "", error)]) from err
    text, data = parsed(path, raw)
    report = Report(path, text, data)
    profile = report.checked((), Profile, data)
    if isinstance(data.get("name"), str) and data["name"] != path.stem:
        report.problem(("name",), SettingsError("profile_name", name=data["name"]))
    if report.problems or profile is None:
        raise SettingsInvalid(path, sorted(report.problems, key=lambda problem: problem.line or 0))
    for numbers, function in _REFERENCES.items():
        if all(point.address in numbers for point in profile.point):
            first = profile.point[0].address
            told = {"address": first, "function": function, "place": first - numbers.start}
            report.warning(("point", 0, "address"), SettingsError("profile_reference_number", **told))
    return profile, report.warnings
