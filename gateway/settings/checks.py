"""Whether the parts of a settings file fit together, and whether the files it names are there."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from gateway.retention import RETENTIONS
from gateway.rules.base import RuleConfig
from gateway.rules.registry import RULES
from gateway.settings.explain import closest
from gateway.settings.lift_advice import advise
from gateway.settings.lift_checks import check_lifts, check_numbers, check_persons, check_rules
from gateway.settings.locate import KeyPath
from gateway.settings.message_checks import check_messages
from gateway.settings.report import Report
from gateway.settings.schema import Configured, Store, Sync, Unknown
from model.errors import DoorpostError, SettingsError
from sync.contract.signing import public_key

_GREATEST = 5
_OF_ONE_LIFT = {"lamp_yellow", "lamp_green", "lamp_fault", "voice"}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Loaded:
    """The parts by their place in the file. A key that is wrong by itself is None: it was told, and hides no other."""

    sync: Sync | None
    store: Store | None
    buses: dict[int, Configured[Any]]
    devices: dict[int, Configured[Any]]
    rules: dict[int, Any]
    outputs: dict[int, Any]
    persons: dict[int, Any]
    lifts: dict[int, Any]


def check(report: Report, loaded: Loaded) -> None:
    """Tell the report of everything that does not fit."""
    buses = {i: bus.config for i, bus in loaded.buses.items()}
    devices = {i: device.config for i, device in loaded.devices.items()}
    for table, parts in (
        ("bus", buses),
        ("device", devices),
        ("rule", loaded.rules),
        ("output", loaded.outputs),
        ("lift", loaded.lifts),
    ):
        _unique_ids(report, table, parts)
    _one_owner_per_port(report, buses, devices)
    _stable_ports(report, buses, devices)
    _buses(report, loaded)
    _bus_time(report, loaded)
    rules = {i: rule for i, rule in loaded.rules.items() if not isinstance(rule, Unknown)}
    _rule_profiles(report, rules)
    _rule_points(report, loaded, rules)
    check_persons(report, loaded.persons)
    check_lifts(report, loaded.lifts)
    check_numbers(report, loaded.lifts, rules)
    check_rules(report, rules, loaded.persons, {one.config.id: one.config.driver for one in _known(loaded)})
    check_messages(report, rules, loaded.persons, _known(loaded))
    whole = {one.config.id: one for one in _known(loaded) if not _unsaid(one)}
    advise(report, loaded.sync, rules, loaded.outputs, loaded.persons, whole)
    _outputs(report, loaded)
    _output_rules(report, loaded, rules)
    if loaded.store:
        _store(report, loaded.store)
    if loaded.sync:
        _sync(report, loaded.sync)


def _known(loaded: Loaded) -> list[Configured[Any]]:
    return [device for device in loaded.devices.values() if device.factory is not Unknown]


def _unique_ids(report: Report, table: str, parts: Mapping[int, Any]) -> None:
    first: dict[str, int] = {}
    for index, part in parts.items():
        if part.id is None:
            continue
        if part.id in first:
            line = report.line((table, first[part.id], "id"))
            report.problem((table, index, "id"), SettingsError("id_twice", id=part.id, line=line))
        first.setdefault(part.id, index)


def _one_owner_per_port(report: Report, buses: Mapping[int, Any], devices: Mapping[int, Any]) -> None:
    """A port by its stable name and by its number is the same port."""
    owners: dict[str, str] = {}
    enabled = {i: device for i, device in devices.items() if getattr(device, "enabled", True) is True}
    for table, parts in (("bus", buses), ("device", enabled)):
        for index, part in parts.items():
            port = getattr(part, "port", None)
            if not isinstance(port, str):
                continue
            real = os.path.realpath(port) if port.startswith("/") else port
            if real in owners:
                report.problem((table, index, "port"), SettingsError("port_shared", port=port, owner=owners[real]))
            owners.setdefault(real, f"{table} {report.name(table, index)}")


def _stable_ports(report: Report, buses: Mapping[int, Any], devices: Mapping[int, Any]) -> None:
    """A number such as /dev/ttyUSB0 goes to whichever adapter is found first: after a start it may be another's."""
    for table, parts in (("bus", buses), ("device", devices)):
        for index, part in parts.items():
            port = getattr(part, "port", None)
            if isinstance(port, str) and re.fullmatch(r"/dev/tty(USB|ACM)\d+", port):
                report.warning((table, index, "port"), SettingsError("port_unstable", port=port))
            elif isinstance(port, str) and re.fullmatch(r"/dev/input/event\d+", port):
                report.warning((table, index, "port"), SettingsError("keyboard_unstable", port=port))


def _buses(report: Report, loaded: Loaded) -> None:
    known = report.ids("bus")
    slaves: dict[tuple[str, int], int] = {}
    for index, device in loaded.devices.items():
        bus, slave = getattr(device.config, "bus", None), getattr(device.config, "slave", None)
        if not isinstance(bus, str):
            continue
        if bus not in known:
            report.problem(("device", index, "bus"), SettingsError("bus_unknown", bus=bus), closest(bus, known))
        elif isinstance(slave, int):
            owner = slaves.setdefault((bus, slave), index)
            if owner != index:
                error = SettingsError("slave_twice", slave=slave, bus=bus, owner=report.name("device", owner))
                report.problem(("device", index, "slave"), error)


def _bus_time(report: Report, loaded: Loaded) -> None:
    """Whether the polls of all devices on a bus fit in its time. More than the bytes alone allow is a problem; more than
    is likely with the time that devices take to answer, a warning.
    """
    for at, bus in loaded.buses.items():
        if bus.factory is Unknown:
            continue
        shares: dict[str, tuple[float, float]] = {}
        cycle_s = 0.0
        for device in loaded.devices.values():
            if getattr(device.config, "bus", None) != bus.config.id or not device.config.enabled or _unsaid(device):
                continue
            try:
                shares[device.config.id] = device.factory.bus_share(device.config, bus.config)
            except (DoorpostError, TypeError):
                continue  # a broken profile, or a key without its value: that was told
            cycle_s = max(cycle_s, device.config.every_s)
        for kind, tell in ((0, report.problem), (1, report.warning)):
            total = sum(share[kind] for share in shares.values())
            if total > 1:
                greatest = sorted(shares, key=lambda name: -shares[name][kind])[:_GREATEST]
                tell(
                    ("bus", at),
                    SettingsError(
                        "bus_overbooked" if kind == 0 else "bus_full",
                        bus=getattr(bus.config, "port", bus.config.id),
                        needs=f"{total * cycle_s:.2g}",
                        cycle=f"{cycle_s:g}",
                        devices=", ".join(f"{name} {shares[name][kind] * cycle_s:.2g} s" for name in greatest),
                        shown=len(greatest),
                        all=len(shares),
                    ),
                )
                break


def _rule_profiles(report: Report, rules: Mapping[int, RuleConfig]) -> None:
    for index, rule in rules.items():
        if rule.profile is None:
            continue
        try:
            RULES[rule.rule].profiles.load(rule.profile)
        except SettingsError as err:
            report.problem(("rule", index, "profile"), err, _similar_profile(err))
        except ValidationError:
            error = SettingsError("rule_profile_unfit", profile=rule.profile, rule=rule.rule)
            report.problem(("rule", index, "profile"), error)


def _similar_profile(err: DoorpostError) -> str | None:
    return closest(str(err.params.get("profile")), str(err.params.get("known", "")).split(", "))


def _rule_points(report: Report, loaded: Loaded, rules: Mapping[int, RuleConfig]) -> None:
    known = report.ids("device")
    points = {device.config.id: _points(report, index, device) for index, device in loaded.devices.items()}
    for index, rule in rules.items():
        watched = rule.points()
        for key, given in rule:
            for place, reference in enumerate(given) if isinstance(given, list | tuple) else [(None, given)]:
                if isinstance(reference, str) and reference in watched:
                    path = ("rule", index, key) if place is None else ("rule", index, key, place)
                    _point(report, path, reference, points)
        terminal = getattr(rule, "terminal", None)
        if terminal and terminal not in known:
            error = SettingsError("device_unknown", device=terminal)
            report.problem(("rule", index, "terminal"), error, closest(terminal, known))
        elif terminal and points.get(terminal) == []:
            report.problem(("rule", index, "terminal"), SettingsError("device_has_no_points", device=terminal))


def _point(report: Report, path: KeyPath, reference: str, points: Mapping[str, list[str] | None]) -> None:
    device, _, point = reference.partition(".")
    known, names = report.ids("device"), points.get(device)
    if device not in known:
        report.problem(path, SettingsError("device_unknown", device=device), closest(device, known))
    elif names == []:
        report.problem(path, SettingsError("device_has_no_points", device=device))
    elif names and point not in names:
        error = SettingsError("point_unknown", device=device, point=point, known=", ".join(names))
        report.problem(path, error, closest(point, names))


def _points(report: Report, index: int, device: Configured[Any]) -> list[str] | None:
    """The names of its points, none for a scanner or a reader without inputs; None where a problem hides them."""
    if _unsaid(device):
        return None
    if not hasattr(device.factory, "point_map"):
        return []
    try:
        points = device.factory.point_map(device.config)
        return [point.name for point in points.points] if points else []
    except DoorpostError as err:
        contact = str(err.params.get("contact", ""))
        if contact:
            known = str(err.params.get("known", "")).split(", ")
            table = "contacts" if "contacts" in type(device.config).model_fields else "inputs"
            report.problem(("device", index, table, contact), err, closest(str(err.params.get("pair", contact)), known))
        else:
            report.problem(("device", index, "profile"), err, _similar_profile(err))
        return None


def _unsaid(device: Configured[Any]) -> bool:
    """Without its driver, or where the keys are wrong that name them, nobody knows what a device measures and switches."""
    told = (getattr(device.config, key, "") for key in ("profile", "contacts", "inputs", "outputs", "sensors"))
    return device.factory is Unknown or any(one is None for one in told)


def _outputs(report: Report, loaded: Loaded) -> None:
    known = report.ids("device")
    devices = {device.config.id: device for device in loaded.devices.values()}
    owners: dict[tuple[str, str], int] = {}
    for index, output in loaded.outputs.items():
        if output.device is None:
            continue
        device = devices.get(output.device)
        if output.device not in known:
            error = SettingsError("device_unknown", device=output.device)
            report.problem(("output", index, "device"), error, closest(output.device, known))
        elif device and not _unsaid(device):
            _output_exists(report, index, output, device)
        if output.output is None:
            continue
        owner = owners.setdefault((output.device, output.output), index)
        if owner != index:
            error = SettingsError("output_twice", output=output.output, owner=report.name("output", owner))
            report.problem(("output", index, "output"), error)


def _output_rules(report: Report, loaded: Loaded, rules: Mapping[int, RuleConfig]) -> None:
    """Whether the rules that an output listens to are there; and whether a lift's lamp would light up in another lift."""
    known = report.ids("rule")
    lifts = [rule.id for rule in rules.values() if rule.rule == "lift"]
    for index, output in loaded.outputs.items():
        for place, rule in enumerate(output.rules or ()):
            if rule is not None and rule not in known:
                error = SettingsError("rule_unknown", rule=rule)
                report.problem(("output", index, "rules", place), error, closest(rule, known))
        if output.rules is None and len(lifts) > 1 and _OF_ONE_LIFT.intersection(output.on or ()):
            report.problem(("output", index, "on"), SettingsError("output_of_all_lifts", lifts=", ".join(lifts)))


def _output_exists(report: Report, index: int, output: Any, device: Configured[Any]) -> None:
    try:
        outputs: Mapping[str, bool] = (
            device.factory.outputs(device.config) if hasattr(device.factory, "outputs") else {}
        )
    except DoorpostError:
        return  # a broken profile was told with the device's points
    if not outputs:
        report.problem(("output", index, "device"), SettingsError("device_has_no_outputs", device=output.device))
    elif output.output is not None and output.output not in outputs:
        error = SettingsError("output_unknown", device=output.device, output=output.output)
        report.problem(("output", index, "output"), error, closest(output.output, outputs))
    elif output.output is not None and output.mode == "flash" and not outputs[output.output]:
        error = SettingsError("output_no_flash", device=output.device, output=output.output)
        report.problem(("output", index, "mode"), error)
    elif output.mode == "hold" and "siren" in (output.on or ()) and output.output is not None:
        code = "output_siren_holds" if outputs[output.output] else "output_siren_no_timer"
        report.warning(("output", index, "mode"), SettingsError(code, device=output.device, output=output.output))


def _store(report: Report, store: Store) -> None:
    if store.retention is None:
        return
    try:
        RETENTIONS.load(store.retention)
    except SettingsError as err:
        report.problem(("store", "retention"), err, _similar_profile(err))


def _sync(report: Report, sync: Sync) -> None:
    for key in ("ca", "cert", "key", "password_file"):
        path = getattr(sync, key)
        if path:
            _readable(report, ("sync", key), path, secret=key in ("key", "password_file"))
    given = {"cert", "key"} & sync.model_fields_set  # also when it is wrong
    if len(given) == 1:
        report.problem(("sync", *given), SettingsError("cert_without_key"))
    for i, path in enumerate(sync.central_keys or ()):
        if _readable(report, ("sync", "central_keys", i), path):
            try:
                public_key(path)
            except SettingsError as err:
                report.problem(("sync", "central_keys", i), err)
    url = urlsplit(sync.broker or "")
    if url.scheme == "mqtt" and sync.password_file and url.hostname not in _LOOPBACK:
        report.warning(("sync", "broker"), SettingsError("password_in_clear", broker=sync.broker))


def _readable(report: Report, where: KeyPath, path: Path, *, secret: bool = False) -> bool:
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
    except OSError as err:
        report.problem(where, SettingsError("file_unreadable", path=path, why=err.strerror))
        return False
    if secret and mode & stat.S_IROTH:
        report.warning(where, SettingsError("secret_world_readable", path=path))
    return True
