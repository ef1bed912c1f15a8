"""Read a settings file whole: TOML, then the gateway's own tables, then each driver's, then how they fit together."""

import hashlib
import re
import sys
import tomllib
from collections.abc import Collection, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from gateway.rules.registry import RULES
from gateway.rules.site import Lift, Person
from gateway.settings.checks import Loaded, check
from gateway.settings.explain import closest, shown
from gateway.settings.problem import Problem, SettingsInvalid
from gateway.settings.report import SOURCE_SHOWN, Report
from gateway.settings.schema import Configured, Envelope, Gateway, Output, Settings, Store, Sync, Unknown, Web
from model.errors import SettingsError

M = TypeVar("M", bound=BaseModel)

_DEEPEST = 50
"""Tables in tables."""
_TOML_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def load(path: Path) -> Settings:
    """The settings with their warnings. Raises SettingsInvalid with all problems at once."""
    try:
        raw = path.read_bytes()
    except OSError as err:
        raise _unusable(path, None, "", SettingsError("settings_unreadable", why=err.strerror)) from err
    text, data = parsed(path, raw)
    report = Report(path, text, data)
    report.checked((), Envelope, data)
    gateway = _part(report, data, "gateway", Gateway)
    web = _part(report, data, "web", Web)
    loaded = Loaded(
        sync=_part(report, data, "sync", Sync),
        store=_part(report, data, "store", Store),
        buses=dict(_configured(report, data, "bus", "doorpost.buses")),
        devices=dict(_configured(report, data, "device", "doorpost.drivers")),
        rules=dict(_rules(report, data)),
        outputs=dict(_listed(report, data, "output", Output)),
        persons=dict(_listed(report, data, "person", Person)),
        lifts=dict(_listed(report, data, "lift", Lift)),
    )
    check(report, loaded)
    if report.problems or gateway is None:  # only without problems the parts are whole
        raise SettingsInvalid(path, sorted(report.problems, key=lambda problem: problem.line or 0))
    return Settings(
        path=path,
        sha256=hashlib.sha256(raw).hexdigest(),
        warnings=tuple(report.warnings),
        gateway=gateway,
        sync=loaded.sync,
        web=web or Web(),
        store=loaded.store or Store(),
        buses=tuple(loaded.buses.values()),
        devices=tuple(loaded.devices.values()),
        rules=tuple(loaded.rules.values()),
        outputs=tuple(loaded.outputs.values()),
        persons=tuple(loaded.persons.values()),
        lifts=tuple(loaded.lifts.values()),
    )


def parsed(path: Path, raw: bytes) -> tuple[str, dict[str, Any]]:
    """The text of a TOML file and what stands in it. Raises SettingsInvalid."""
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as err:
        line = raw.count(b"\n", 0, err.start) + 1
        raise _unusable(path, line, "", SettingsError("settings_not_utf8")) from err
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        found = _TOML_LINE.search(str(err))
        rows = text.rstrip("\n").split("\n")
        line = int(found[1]) if found and found[1] else len(rows)
        code = "settings_backslash" if str(err).startswith("Unescaped '\\'") else "settings_not_toml"
        error = SettingsError(code, why=_TOML_LINE.sub("", str(err)))
        raise _unusable(path, line, rows[line - 1].strip()[:SOURCE_SHOWN], error) from err
    except RecursionError as err:
        raise _unusable(path, None, "", SettingsError("settings_too_deep", most=_DEEPEST)) from err
    except ValueError as err:  # of all values only a number can be too long for Python
        error = SettingsError("settings_number_too_long", most=sys.get_int_max_str_digits())
        raise _unusable(path, None, "", error) from err
    if _too_deep(data):
        raise _unusable(path, None, "", SettingsError("settings_too_deep", most=_DEEPEST))
    return text, data


def _too_deep(data: dict[str, Any]) -> bool:
    """Keys with a thousand dots are TOML, and too much for whatever looks into them."""
    level: list[Any] = [data]
    for _ in range(_DEEPEST):
        inner = (one.values() if isinstance(one, dict) else one if isinstance(one, list) else () for one in level)
        level = [value for values in inner for value in values]
    return bool(level)


def _unusable(path: Path, line: int | None, source: str, error: SettingsError) -> SettingsInvalid:
    return SettingsInvalid(path, [Problem(path, line, "", source, error)])


def _part(report: Report, data: dict[str, Any], table: str, model: type[M]) -> M | None:
    raw = data.get(table)
    return report.checked((table,), model, raw) if isinstance(raw, dict) else None


def _tables(data: dict[str, Any], table: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The tables of an array; that something else stands there was told with the envelope."""
    found = data.get(table, [])
    yield from ((i, raw) for i, raw in enumerate(found if isinstance(found, list) else []) if isinstance(raw, dict))


def _selected(
    report: Report, data: dict[str, Any], table: str, selector: str, known: Collection[str]
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Each table with the one of `known` that its `selector` names, or "" after it was told that it names none."""
    for index, raw in _tables(data, table):
        name = raw.get(selector)
        if isinstance(name, str) and name in known:
            yield index, name, raw
            continue
        if name is None:
            report.problem((table, index), SettingsError("setting_missing", key=selector))
        else:
            words = {"value": shown(name), "allowed": ", ".join(sorted(known))}
            if table == "bus":  # few names, nearly alike: the hint says which is which
                report.problem((table, index, selector), SettingsError("bus_driver_unknown", **words))
            else:
                error = SettingsError("setting_not_one_of", **words)
                report.problem((table, index, selector), error, closest(str(name), known))
        yield index, "", raw


def _configured(report: Report, data: dict[str, Any], table: str, group: str) -> Iterator[tuple[int, Configured[Any]]]:
    """Only what the file names is imported: a driver that is not used may need libraries that are not there."""
    available = {entry.name: entry for entry in entry_points(group=group)}
    for index, name, raw in _selected(report, data, table, "driver", available):
        factory: type[Any] | None = None
        try:
            factory = available[name].load() if name else None
        except (ImportError, AttributeError) as err:
            report.problem((table, index, "driver"), SettingsError("driver_unavailable", driver=name, why=err))
        config = report.checked((table, index), factory.Config if factory else Unknown, raw)
        if config is not None:
            yield index, Configured(factory or Unknown, config)


def _rules(report: Report, data: dict[str, Any]) -> Iterator[tuple[int, Any]]:
    for index, name, raw in _selected(report, data, "rule", "rule", RULES):
        model: type[BaseModel] = RULES[name].config if name else Unknown
        config = report.checked(("rule", index), model, raw)
        if config is not None:
            yield index, config


def _listed(report: Report, data: dict[str, Any], table: str, model: type[M]) -> Iterator[tuple[int, M]]:
    for index, raw in _tables(data, table):
        config = report.checked((table, index), model, raw)
        if config is not None:
            yield index, config
