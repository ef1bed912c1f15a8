"""`doorpost scan`: one label at one scanner; with the test label, what that tells about the scanner."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.leaf import Exit, alone_option, data_option, leaf
from gateway.cli.show import Show, said
from gateway.client import ask
from model.texts import text

if TYPE_CHECKING:
    from drivers.scanner.label import Told


def add(root: click.Group, lang: str) -> None:
    span = click.FloatRange(min=0, min_open=True)
    seconds = click.Option(
        ["--seconds"], type=span, default=20, show_default=True, help=text("cli.option.scan_seconds", lang)
    )
    label = click.Option(["--test-label"], is_flag=True, help=text("cli.option.test_label", lang))
    leaf(root, "scan", lang, click.Argument(["device"]), seconds, label, alone_option(lang), data_option(lang))(_scan)


def _scan(show: Show, *, device: str, seconds: float, test_label: bool, config: Path | None, data: Path) -> int:
    from drivers.scanner.label import told

    items: dict[str, dict[str, Any]] = {}

    def take(item: dict[str, Any]) -> None:
        items[item["type"]] = item
        if item["type"] == "waiting" and not show.as_json:
            _invite(show, item, device, seconds, test_label=test_label)

    if config:
        _alone(config, device, seconds, take)
    else:
        for item in ask(data, "scan", device=device, seconds=seconds):
            take(item)
    scanned = items["scanned"]
    raw, observation = scanned["hex"], scanned["observation"]
    plain = raw is not None
    heard = bytes.fromhex(raw) if plain else _data(observation)
    label = told(heard) if test_label else None
    if show.as_json:
        show.document({
            "device": device,
            "triggered": "waiting" in items and items["waiting"]["triggered"],
            "hex": heard.hex(" "),
            "observation": observation,
            "symbology": _symbology((observation or {}).get("aim")),
            "problem": scanned["problem"],
            "label": _document(label) if label else None,
            "settings": label.settings(plain=plain) if label else None,
        })  # fmt: skip
    else:
        _tell(show, scanned, heard, device, items.get("waiting"))
        if heard and test_label:
            _tell_label(show, label, plain=plain)
    if not heard:
        return Exit.UNREACHABLE
    return Exit.PROBLEM if _amiss(observation, label, test_label=test_label) else Exit.OK


def _symbology(aim: str | None) -> str | None:
    """The name behind an AIM identifier, where it is known."""
    from drivers.scanner.aim import SYMBOLOGIES

    return SYMBOLOGIES.get(aim or "")


def _data(observation: dict[str, Any] | None) -> bytes:
    """As a scanner in plain mode would send it."""
    if not observation or observation["kind"] != "scan":
        return b""
    return (observation["aim"] or "").encode() + base64.b64decode(observation["data"])


def _invite(show: Show, waiting: dict[str, Any], device: str, seconds: float, *, test_label: bool) -> None:
    if problem := waiting["problem"]:
        show.line(show.advised(problem["code"], **problem["params"]))
    how = "triggered" if waiting["triggered"] else "by_hand"
    show.line(show.words(f"cli.scan.{how}", device=device, seconds=f"{seconds:g}"))
    if test_label:
        show.line(show.words("cli.scan.labels", directory=Path(__file__).parents[2] / "drivers/scanner/labels"))


def _tell(show: Show, scanned: dict[str, Any], heard: bytes, device: str, waiting: dict[str, Any] | None) -> None:
    observation, problem = scanned["observation"], scanned["problem"]
    if observation:
        show.line(f"✓ {said(show, observation)}")
        if name := _symbology(observation.get("aim")):
            show.line(f"  {name}")
    elif heard:
        show.line(f"✗ {show.words('cli.scan.no_code')}")
    elif waiting:
        show.line(
            f"✗ {show.words('cli.scan.not_triggered' if waiting['triggered'] else 'cli.scan.nothing', device=device)}"
        )
    if heard:
        show.line(f"  {heard.hex(' ')}")
    if problem:
        mark = "" if waiting else "✗ "
        show.line(mark + show.advised(problem["code"], **problem["params"]))


def _tell_label(show: Show, label: "Told | None", *, plain: bool) -> None:
    if label is None:
        show.line(f"✗ {show.words('cli.scan.not_the_label')}")
        return
    for key, params in _findings(label, plain=plain):
        show.line(f"  {show.words(f'cli.scan.label.{key}', **params)}")
    if settings := label.settings(plain=plain):
        show.line(show.words("cli.scan.settings"))
        for name, value in settings.items():
            show.line(f"    {name} = {json.dumps(value)}")  # which is TOML too


def _findings(label: "Told", *, plain: bool) -> list[tuple[str, dict[str, str]]]:
    """Keys of texts, with what fills them."""
    found: list[tuple[str, dict[str, str]]] = []
    if label.aim:
        found.append(("aim", {"aim": label.aim, "name": _symbology(label.aim) or "?"}))
    else:
        found.append(("no_aim", {}))
    if plain:
        found.append(("prefix", {"hex": label.prefix.hex(" ")}) if label.prefix else ("no_prefix", {}))
        found.append(("suffix", {"hex": label.suffix.hex(" ")}) if label.suffix else ("no_suffix", {}))
        found.append(("ends", {"name": label.terminator}) if label.terminator else ("ends_not", {}))
    if label.gs is not None:
        form = {b"\x1d": "gs_sent", b"": "gs_lost"}.get(label.gs, "gs_substituted")
        found.append((form, {"hex": label.gs.hex(" "), "text": label.gs.decode("ascii", "backslashreplace")}))
    if label.text is not None:
        charset = {"charset": label.charset} if label.charset else {"hex": label.text.hex(" ")}
        found.append(("charset" if label.charset else "no_charset", charset))
    if label.turned:
        found.append(("turned", {}))
    return found


def _document(label: "Told") -> dict[str, Any]:
    fields = label._asdict()
    fields |= {name: value.hex(" ") for name, value in fields.items() if isinstance(value, bytes)}
    return {**fields, "symbology": _symbology(label.aim)}


def _amiss(observation: dict[str, Any] | None, label: "Told | None", *, test_label: bool) -> bool:
    """Whether the scanner, or what is set, is not as it should be."""
    if test_label:
        return label is None or label.gs == b"" or label.turned or (label.text is not None and not label.charset)
    return observation is None or bool(observation.get("doubt"))


def _alone(config: Path, device: str, seconds: float, take: Callable[[dict[str, Any]], None]) -> None:
    import asyncio

    import msgspec

    from gateway.alone import alone
    from gateway.scanning import scan
    from gateway.settings.load import load

    async def run() -> None:
        async with alone(load(config), device) as (supervised, watch):
            async for item in scan(supervised, watch, seconds):
                take(msgspec.to_builtins(item))

    asyncio.run(run())
