"""`doorpost profile`: what Modbus devices have where, as data."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.leaf import Exit, branch, leaf
from gateway.cli.show import Show
from gateway.cli.show import point as shown_point
from model.errors import SettingsError

if TYPE_CHECKING:  # heavy: it is loaded with the command that needs it
    from drivers.modbus.pdu import Request
    from drivers.modbus.plan import Plan
    from drivers.modbus.profile import PointSpec, Profile

_CRC = 2
_EXCEPTION = 5
"""Bytes of a checksum, and of an exception's whole frame."""
_LIST = ("cli.column.profile", "cli.column.label", "cli.column.line", "cli.column.evidence", "cli.column.points")
_POINTS = ("cli.column.point", "cli.column.label", "cli.column.place", "cli.column.type", "cli.column.range")


def add(root: click.Group, lang: str) -> None:
    group = branch(root, "profile", lang)
    file = click.Argument(["file"], type=click.Path(path_type=Path))
    replies = click.Option(
        ["--reply"], multiple=True, metavar="HEX", help=Show(lang, as_json=False).words("cli.option.reply")
    )
    name = click.Argument(["name"])

    @leaf(group, "check", lang, file, replies)
    def check(show: Show, *, file: Path, reply: tuple[str, ...]) -> int:
        return _check(show, file, reply)

    @leaf(group, "list", lang)
    def list_(show: Show) -> int:
        from drivers.modbus.library import known_profiles, load_profile

        profiles = [load_profile(name) for name in known_profiles()]
        if show.as_json:
            show.document([_summary(profile) for profile in profiles])
            return Exit.OK
        rows = [
            [p.name, _label(show, p), _line(show, p), show.words(f"evidence.{p.evidence}"), str(len(p.point))]
            for p in profiles
        ]
        show.table(_LIST, rows)
        return Exit.OK

    @leaf(group, "show", lang, name)
    def show_(show: Show, *, name: str) -> int:
        from drivers.modbus.library import load_profile, profile_file

        profile = load_profile(name)
        if show.as_json:
            show.document(profile.model_dump(mode="json", by_alias=True, exclude_defaults=True))
        else:
            show.line(profile_file(name).read_text(encoding="utf-8-sig").rstrip("\n"))
        return Exit.OK

    @leaf(group, "schema", lang)
    def schema(show: Show) -> int:
        from drivers.modbus.library import json_schema

        show.line(json_schema())
        return Exit.OK


def _check(show: Show, file: Path, reply: Sequence[str]) -> int:
    from drivers.modbus.plan import Plan
    from gateway.settings.profile import load

    profile, warnings = load(file)
    how = Plan(profile)
    values = _decoded(how, reply) if reply else None
    requests = [
        {"function": block.function, "address": block.address, "count": block.count, "pdu": block.request.pdu.hex()}
        for block in how.blocks
    ]
    if show.as_json:
        told = [warning.document(show.lang) for warning in warnings]
        show.document(
            {"file": str(file), "profile": profile.name, "warnings": told, "requests": requests, "values": values}
        )
        return Exit.OK
    for warning in warnings:
        show.note("\n".join(warning.told(show.lang)))
    words = {"file": file, "points": len(profile.point), "requests": len(requests), "outputs": len(profile.output)}
    show.line(show.words("cli.profile_check.right", **words))
    for one in requests:
        show.line("  " + show.words("cli.profile_check.request", **{**one, "address": _hex(one["address"])}))
    show.table(_POINTS, [_point(show, profile, point) for point in profile.point])
    for point, one in (values or {}).items():
        show.line(shown_point(show, {"name": point, **one}))
    return Exit.OK


def _decoded(how: "Plan", replies: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The values in replies as a manual shows them, in the order of the requests: whole frames, or their data alone.

    Raises SettingsError `profile_reply...`, which say why one is none.
    """
    from drivers.modbus.decode import Decoder

    if len(replies) != len(how.requests):
        raise SettingsError("profile_reply_count", given=len(replies), requests=len(how.requests))
    both = zip(replies, how.requests, strict=True)
    data = [_reply_data(number, given, request) for number, (given, request) in enumerate(both, 1)]
    values, quality = Decoder(how).values(data)
    points = how.profile.point_map("d").points
    return {
        point.name: {
            "value": None if raw is None else point.value(raw),
            "unit": point.unit,
            "quality": quality[i].value if quality else "good",
        }
        for i, (point, raw) in enumerate(zip(points, values, strict=True))
    }


def _reply_data(number: int, given: str, request: "Request") -> bytes:
    from drivers.common.checksum import modbus_crc16

    start = len(request.reply_start)
    size, whole = request.reply_length - start, request.reply_length + 3
    words = {"number": number, "given": given, "asked": request.pdu.hex(" "), "size": size}
    try:
        raw = bytes.fromhex(given)
    except ValueError as err:
        raise SettingsError("profile_reply_hex", **words) from err
    sound = len(raw) > _CRC and modbus_crc16(raw) == 0
    if sound and len(raw) == _EXCEPTION and raw[1] == request.function | 0x80:
        raise SettingsError("profile_reply_exception", exception=raw[2], **words)
    if len(raw) == size:
        return raw
    if len(raw) != whole:
        raise SettingsError("profile_reply_size", got=len(raw), whole=whole, **words)
    if not sound:
        raise SettingsError("profile_reply_crc", **words)
    if raw[1 : 1 + start] != request.reply_start:
        raise SettingsError("profile_reply", **words)
    return raw[1 + start : -_CRC]


def _summary(profile: "Profile") -> dict[str, Any]:
    return {
        "name": profile.name,
        "version": profile.version,
        "label": profile.label.model_dump(),
        "evidence": profile.evidence,
        "source": profile.source,
        "line": profile.line.model_dump() if profile.line else None,
        "points": [point.name for point in profile.point],
        "outputs": [output.name for output in profile.output],
    }


def _label(show: Show, thing: "Profile | PointSpec") -> str:
    if thing.label is None:
        return thing.name
    return thing.label.zh if show.lang.startswith("zh") else thing.label.en


def _line(show: Show, profile: "Profile") -> str:
    line = profile.line
    if line is None:
        return show.words("cli.profile_list.unknown")
    return f"{line.baudrate} 8{line.parity}{line.stopbits}"


def _point(show: Show, profile: "Profile", point: "PointSpec") -> list[str]:
    kind = point.type + (f" {point.bit}" if point.bit is not None else "") + (f"+{point.width}" if point.width else "")
    if point.order != "ABCD":
        kind += f" {point.order}"
    if point.scale != 1:
        kind += f" x{point.scale:g}"
    if point.offset:
        kind += f" {point.offset:+g}"
    low, high = ("" if bound is None else f"{bound:g}" for bound in (point.min, point.max))
    span = (
        f"{low}..{high} {'' if point.unit == '1' else point.unit}"
        if low or high
        else ""
        if point.unit == "1"
        else point.unit
    )
    return [
        point.name,
        _label(show, point),
        f"FC{profile.function_of(point):02} {_hex(point.address)}",
        kind,
        span.strip(),
    ]


def _hex(address: object) -> str:
    return f"0x{address:04X} ({address})"
