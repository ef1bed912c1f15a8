"""`doorpost tag`: the memory of a tag at a reader. Locking and killing are not offered: neither can be undone."""

import re
from pathlib import Path
from typing import Any

import click

from gateway.cli.leaf import Exit, alone_option, branch, data_option, leaf
from gateway.cli.show import Show
from gateway.client import ask
from model.errors import DoorpostError
from model.ports import Bank
from model.texts import text

_UNREACHED = {"rfid_reader_away", "tag_timeout", "device_silent", "device_not_understood", "port_gone"}


class _Hex(click.ParamType[str]):
    """Hex digits in groups of four, or eight of them; spaces between them are for people."""

    def __init__(self, pattern: str, code: str, lang: str) -> None:
        self.name = "hex"
        self._pattern = pattern
        self._code = code
        self._lang = lang

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        digits = re.sub(r"\s", "", value).upper()
        if not re.fullmatch(self._pattern, digits):
            self.fail(text(f"error.{self._code}", self._lang, value=value or "''"), param, ctx)
        return digits


def add(root: click.Group, lang: str) -> None:
    group = branch(root, "tag", lang)
    words = _Hex(r"([0-9A-F]{4}){1,32}", "tag_not_hex", lang)
    word = click.IntRange(0, 255)
    place = [click.Argument(["device"]), click.Argument(["bank"], type=click.Choice([bank.value for bank in Bank]))]
    which = [
        click.Option(["--epc"], type=words, help=text("cli.option.tag_epc", lang)),
        click.Option(
            ["--password"],
            type=_Hex(r"[0-9A-F]{8}", "tag_not_password", lang),
            default="00000000",
            help=text("cli.option.tag_password", lang),
        ),
        alone_option(lang),
        data_option(lang),
    ]
    pointer = click.Option(["--pointer"], type=word, default=0, help=text("cli.option.tag_pointer", lang))
    count = click.Option(["--count"], type=click.IntRange(1, 32), help=text("cli.option.tag_count", lang))
    leaf(group, "read", lang, *place, pointer, count, *which)(_read)
    written = click.Argument(["words"], type=words)
    needed = click.Option(["--pointer"], type=word, required=True, help=text("cli.option.tag_pointer", lang))
    yes = click.Option(["--yes"], is_flag=True, help=text("cli.option.yes", lang))
    leaf(group, "write", lang, *place, written, needed, yes, *which)(_write)


def _read(show: Show, *, device: str, config: Path | None, data: Path, **words: Any) -> int:
    found, code = _asked(show, device, config, data, words)
    if found and show.as_json:
        show.document({**found, "bank": words["bank"], "pointer": words["pointer"]})
    elif found:
        show.line(show.words("cli.tag_read.done", bank=words["bank"], pointer=words["pointer"], **found))
    return code


def _write(show: Show, *, device: str, config: Path | None, data: Path, words: str, yes: bool, **place: Any) -> int:
    """What is there is read first: so it is known which tag is meant, and it alone is written."""
    count = len(words) // 4
    before, code = _asked(show, device, config, data, {**place, "count": count})
    if not before:
        return code
    told = {"epc": before["epc"], "bank": place["bank"], "pointer": place["pointer"]}
    question = show.words("cli.tag_write.ask", data=words, before=before["data"], **told)
    if not yes and not click.confirm(question, err=True):
        show.note(show.words("cli.tag_write.not"))
        return Exit.PROBLEM
    found, code = _asked(show, device, config, data, {**place, "epc": before["epc"], "data": words})
    if found and show.as_json:
        show.document({**told, **found, "before": before["data"]})
    elif found:
        show.line(show.words("cli.tag_write.done", **{**told, **found}))
    return code


def _asked(
    show: Show, device: str, config: Path | None, data: Path, words: dict[str, Any]
) -> tuple[dict[str, Any] | None, Exit]:
    """What the reader has done; nothing where it has told an error, which is shown."""
    try:
        if config:
            return _alone(config, device, words), Exit.OK
        (found,) = ask(data, "tag", device=device, words=words)
    except DoorpostError as err:
        if err.code not in _UNREACHED:
            raise
        show.error(err)
        return None, Exit.UNREACHABLE
    return found, Exit.OK


def _alone(config: Path, device: str, words: dict[str, Any]) -> dict[str, Any]:
    import asyncio

    import msgspec

    from gateway.alone import alone
    from gateway.settings.load import load
    from gateway.tags import Words, access

    async def run() -> dict[str, Any]:
        async with alone(load(config), device) as (supervised, _):
            return await access(supervised, msgspec.convert(words, Words))

    return asyncio.run(run())
