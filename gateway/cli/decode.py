"""`doorpost decode`: the codes in pictures, without a daemon. The pictures are unpacked by another process, never here."""

from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.leaf import Exit, leaf
from gateway.cli.show import Show
from model.texts import text

if TYPE_CHECKING:
    from drivers.camera.protocol import Code

CODECS = {"gbk": "gb18030"}
"""Charset as it is given -> Python's name. GB 18030 has all of GBK."""


def add(root: click.Group, lang: str) -> None:
    images = click.Argument(["images"], metavar="IMAGE...", nargs=-1, required=True, type=_Name())
    charset = click.Option(["--charset"], type=click.Choice(list(CODECS)), help=text("cli.option.image_charset", lang))
    leaf(root, "decode", lang, images, charset)(_decode)


class _Name(click.Path):
    """A file's name; the empty one would be the current directory."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not value:
            self.fail("''", param, ctx)
        return super().convert(value, param, ctx)


def _decode(show: Show, *, images: tuple[Path, ...], charset: str | None) -> int:
    import asyncio

    try:
        return asyncio.run(_told(show, images, charset and CODECS[charset]))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


async def _told(show: Show, images: tuple[Path, ...], charset: str | None) -> Exit:
    """A line of JSON per file, with `--json` and without: it is for programs, and for people who look at one picture."""
    from drivers.camera.pictures import decoded, named
    from model.errors import DriverError

    unread = 0
    async with aclosing(decoded(images)) as answers:
        async for path, answer in answers:
            if isinstance(answer, DriverError):
                unread += 1
                show.document({"file": named(path), "symbols": [], "error": show.problem_document(answer)})
            else:
                symbols = [_document(code, charset) for code in answer.codes]
                show.document({"file": named(path), "symbols": symbols} | ({"more": True} if answer.more else {}))
    return Exit.PROBLEM if unread else Exit.OK


def _document(code: "Code", charset: str | None) -> dict[str, Any]:
    text = code.text if code.text is not None or charset is None else _read(code.data, charset)
    guessed = text is None and code.guess is not None
    return {
        "text": code.guess if guessed else text,
        "guessed": guessed,
        "bytes": code.data.hex(),
        "aim": code.aim,
        "format": code.format,
        "position": code.position,
        "frame": code.frame,
    }


def _read(data: bytes, charset: str) -> str | None:
    try:
        return data.decode(charset)
    except UnicodeDecodeError:
        return None
