"""`doorpost store`: what the running daemon has kept, and how far the centre has it."""

import json
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.cli import evidence
from gateway.cli.leaf import Exit, branch, data_option, leaf
from gateway.cli.show import Show, local_time
from gateway.client import ask
from gateway.status import SealedNow, StoreNow
from model.record import STREAMS
from model.texts import hint, text

_PARTS = ("gateway", "now", "store_ok", "store", "sealed", "streams", "link")
_COUNTS = ("captured", "acknowledged", "waiting", "lost", "refused")


def add(root: click.Group, lang: str) -> None:
    group = branch(root, "store", lang)
    evidence.add_export(group, lang)

    @leaf(group, "status", lang, data_option(lang))
    def status(show: Show, *, data: Path) -> int:
        (snapshot,) = ask(data, "snapshot")
        store = msgspec.convert(snapshot["store"], StoreNow)
        if show.as_json:
            show.document({key: snapshot[key] for key in _PARTS})
        else:
            show.table(
                ("page.column.stream", *(f"page.column.{count}" for count in _COUNTS), "cli.column.store"),
                [[one["stream"], *(str(one[c]) for c in _COUNTS), one["store"]] for one in snapshot["streams"]],
            )
            show.line(show.words(store.text, **store.words()))
            for one in msgspec.convert(snapshot["sealed"], list[SealedNow]):
                show.line(show.words(f"page.sealed.{one.why}", **one.words()))
            _say_link(show, snapshot["link"])
            if not snapshot["store_ok"]:
                show.line(show.words("page.summary.store"))
            if store.refusing:
                show.line(show.words("page.summary.refusing"))
        return Exit.OK if snapshot["store_ok"] and not store.refusing else Exit.PROBLEM

    stream = click.Argument(["stream"], required=False, type=click.Choice([str(one) for one in STREAMS]))
    count = click.Option(
        ["-n", "--count"],
        type=click.IntRange(0, 10_000),
        default=20,
        show_default=True,
        help=text("cli.option.count", lang),
    )
    follow = click.Option(["-f", "--follow"], is_flag=True, help=text("cli.option.follow", lang))

    @leaf(group, "tail", lang, stream, count, follow, data_option(lang))
    def tail(show: Show, *, stream: str | None, count: int, follow: bool, data: Path) -> int:
        try:
            for record in ask(data, "tail", stream=stream, count=count, follow=follow):
                if show.as_json:
                    show.document(record)
                else:
                    show.line(_told(record))
        except KeyboardInterrupt:
            pass
        return Exit.OK


def _say_link(show: Show, link: dict[str, Any]) -> None:
    show.line(show.words(f"page.link.{link['state']}", broker=link["broker"]))
    show.line(show.words(f"page.central.{link['central']}"))
    if link["problem"]:
        code, params = link["problem"]["code"], link["problem"]["params"]
        show.line(show.words(f"error.{code}", **params))
        if told := hint(code, show.lang, **params):
            show.line(f"  → {told}")
    if link["ignored"]:
        show.line(show.words("cli.store_status.ignored", n=link["ignored"]))


def _told(record: dict[str, Any]) -> str:
    body = json.dumps(record["body"], ensure_ascii=False)
    return f"{local_time(record['at'])}  {record['stream']}/{record['seq']}  {record['kind']}  {body}"
