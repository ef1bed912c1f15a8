"""Whether persons, lifts and the rules of lifts fit together."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.rules.base import RuleConfig
from gateway.rules.registry import RULES
from gateway.rules.site import badge_number
from gateway.settings.explain import closest
from gateway.settings.locate import KeyPath
from gateway.settings.report import Report
from model.errors import DoorpostError, SettingsError
from model.pin import usable

_ONE_EACH = ("name", "badge", "phone")


def check_persons(report: Report, persons: Mapping[int, Any]) -> None:
    """Name, badge and number say of one person alone who it was."""
    first: dict[tuple[str, str], int] = {}
    for index, person in persons.items():
        for key in _ONE_EACH:
            value = getattr(person, key)
            if value is None:
                continue
            owner = first.setdefault((key, badge_number(value) if key == "badge" else value), index)
            if owner != index:
                line = report.line(("person", owner, key))
                report.problem(("person", index, key), SettingsError("person_twice", key=key, value=value, line=line))
        if person.pin is not None and not usable(person.pin):
            report.problem(("person", index, "pin"), SettingsError("person_pin_unusable", name=person.name))


def check_lifts(report: Report, lifts: Mapping[int, Any]) -> None:
    if not lifts:
        return
    from gateway import lift_codes  # its tables are loaded only where lifts are

    for index, lift in lifts.items():
        if lift.codes is None:
            continue
        try:
            lift_codes.load(lift.codes)
        except SettingsError as err:
            known = lift_codes.known_tables()
            report.problem(("lift", index, "codes"), err, closest(lift.codes, known))


def check_numbers(report: Report, lifts: Mapping[int, Any], rules: Mapping[int, RuleConfig]) -> None:
    """A number says of one lift alone which one it is, to the centre too; an id says it to this gateway only."""
    first: dict[tuple[str, str], int] = {}
    numbered = set()
    for index, lift in lifts.items():
        for key in ("rescue", "registration"):
            value = getattr(lift, key)
            if value is None:
                continue
            numbered.add(lift.id)
            owner = first.setdefault((key, badge_number(value) if key == "badge" else value), index)
            if owner != index:
                line = report.line(("lift", owner, key))
                report.problem(("lift", index, key), SettingsError("lift_twice", key=key, value=value, line=line))
    known = report.ids("lift")
    for index, rule in rules.items():
        lift = rule.lift_id
        if rule.rule == "lift" and lift not in numbered and (not known or lift in known):
            report.warning(_lift_key(index, rule), SettingsError("lift_without_number", lift=lift))


def check_rules(
    report: Report, rules: Mapping[int, RuleConfig], persons: Mapping[int, Any], drivers: Mapping[str, str]
) -> None:
    """Rules of lifts. `drivers`: of each device that is right, its driver."""
    known = report.ids("lift")
    owners: dict[tuple[str, str], int] = {}
    for index, rule in rules.items():
        for reader in _readers(rule):
            _reader(report, index, rule, reader, drivers)
        lift = rule.lift_id
        if lift is None or rule.id is None:
            continue
        key = _lift_key(index, rule)
        if known and lift not in known:
            error = SettingsError("rule_lift_unknown", lift=lift, known=", ".join(sorted(known)))
            report.problem(key, error, closest(lift, known))
        owner = owners.setdefault((rule.rule, lift), index)
        if owner != index:
            error = SettingsError("rule_lift_twice", lift=lift, owner=report.name("rule", owner))
            report.problem(key, error)
        _tiers(report, index, rule, persons)
        if getattr(rule, "badges", ()) and not any(_opens(person) for person in persons.values()):
            report.problem(("rule", index, "badges"), SettingsError("rule_badges_nobody"))


def _lift_key(index: int, rule: RuleConfig) -> KeyPath:
    """Where the lift's name stands: a rule that names none has its own."""
    return ("rule", index, "lift" if getattr(rule, "lift", None) else "id")


def _opens(person: Any) -> bool:
    """A badge with which one is there for a call; also where what is written of it is wrong, which was told."""
    return person.role is None or (person.badge is not None and "technician" in person.role)


def _readers(rule: RuleConfig) -> list[str]:
    try:
        return rule.readers()
    except (AttributeError, TypeError):  # of a key that is wrong: it was told
        return []


def _reader(report: Report, index: int, rule: RuleConfig, reader: str, drivers: Mapping[str, str]) -> None:
    known = report.ids("device")
    path = next((("rule", index, *place) for place, device in _named(rule) if device == reader), ("rule", index))
    if reader not in known:
        report.problem(path, SettingsError("device_unknown", device=reader), closest(reader, known))
    elif reader in drivers and not drivers[reader].startswith("card_"):
        report.problem(path, SettingsError("rule_reader_unfit", device=reader))


def _named(rule: RuleConfig) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """What stands in its lists and tables, and where."""
    for key, given in rule:
        if isinstance(given, list | tuple | dict):
            inside = given.items() if isinstance(given, dict) else enumerate(given)
            yield from (((key, place), value) for place, value in inside)


def _tiers(report: Report, index: int, rule: RuleConfig, persons: Mapping[int, Any]) -> None:
    """Where there are persons at all, each tier that the profile tells has somebody with a phone."""
    if not persons or rule.profile is None:
        return
    try:
        profile = RULES[rule.rule].profiles.load(rule.profile)
    except (DoorpostError, ValueError):  # told with the profiles
        return
    told = {tier for step in getattr(profile, "escalation", ()) for tier in step.tell}
    there = {person.tier for person in persons.values() if person.phone}
    for tier in sorted(told - there):
        error = SettingsError("tier_without_phone", tier=tier, profile=rule.profile)
        report.warning(("rule", index, "profile"), error)
