"""What a lift's alarm would lack in earnest. Warnings, but for a point that cannot be two things at once."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from gateway.rules.base import RuleConfig
from gateway.rules.registry import RULES
from gateway.settings.report import Report
from gateway.settings.schema import Configured, Sync
from model.errors import DoorpostError, SettingsError

_DEMO = "demo"
"""The evidence of a profile whose numbers are for showing."""


def advise(
    report: Report,
    sync: Sync | None,
    rules: Mapping[int, RuleConfig],
    outputs: Mapping[int, Any],
    persons: Mapping[int, Any],
    devices: Mapping[str, Configured[Any]],
) -> None:
    calls = {index: rule for index, rule in rules.items() if rule.rule == "lift"}
    if calls:
        _centre(report, sync, min(calls))
    for index, rule in calls.items():
        _points(report, index, rule, devices)
        _others(report, index, rule, rules)
        if not any("lamp_yellow" in (one.on or ()) and rule.id in (one.rules or [rule.id]) for one in outputs.values()):
            report.warning(("rule", index), SettingsError("lift_no_lamp"))
        if _evidence(rule) == _DEMO:
            report.warning(("rule", index, "profile"), SettingsError("lift_profile_demo", profile=rule.profile))
    if any(person.role is None or "safety_manager" in person.role for person in persons.values()):
        return
    for index, rule in rules.items():
        if rule.rule == "lift_visit":
            report.warning(("rule", index), SettingsError("lift_visits_unsigned"))


def _centre(report: Report, sync: Sync | None, rule: int) -> None:
    """A call is for people elsewhere. (Of a table that is wrong it was told.)"""
    if sync is None and not report.has("sync"):
        report.warning(("rule", rule), SettingsError("lift_no_sync"))
    elif sync is not None and sync.central_keys == []:
        report.warning(("sync",), SettingsError("lift_no_central_keys"))


def _points(report: Report, index: int, rule: Any, devices: Mapping[str, Configured[Any]]) -> None:
    alarm = list(rule.alarm or ())
    for place, point in enumerate(alarm):
        device, _, name = point.partition(".")
        if device in devices and _is_number(devices[device], name):
            report.warning(("rule", index, "alarm", place), SettingsError("lift_alarm_no_contact", point=point))
    taken = dict.fromkeys(alarm, "alarm")
    for key in ("end", "maintenance"):
        point = getattr(rule, key)
        if point in taken:
            error = SettingsError("lift_point_twice", point=point, other=taken[point])
            report.problem(("rule", index, key), error)
        elif point:
            taken[point] = key


def _is_number(device: Configured[Any], name: str) -> bool:
    """A measurement or a code, where its driver knows; what is not there was told."""
    try:
        if hasattr(device.factory, "bits"):
            found = device.factory.point_map(device.config)
            return name in {point.name for point in found.points} - set(device.factory.bits(device.config))
        found = device.factory.point_map(device.config) if hasattr(device.factory, "point_map") else None
    except (DoorpostError, TypeError):  # a profile that is broken, or a key without its value
        return False
    return any(one.name == name and (one.unit, one.scale) != ("1", 1) for one in (found.points if found else ()))


def _others(report: Report, index: int, rule: Any, rules: Mapping[int, RuleConfig]) -> None:
    there = {one.rule for one in rules.values() if one.lift_id == rule.lift_id}
    if "lift_test" not in there:
        report.warning(("rule", index), SettingsError("lift_untested", lift=rule.lift_id))
    if rule.terminal and "lift_watch" not in there:
        report.warning(("rule", index, "terminal"), SettingsError("lift_unwatched", lift=rule.lift_id))


def _evidence(rule: RuleConfig) -> str | None:
    try:
        return str(RULES[rule.rule].profiles.load(rule.profile).evidence)
    except (SettingsError, ValidationError, TypeError):  # told with the profiles
        return None
