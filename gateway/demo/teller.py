"""Who tells the story: to a person in a terminal with colours and a spinner, else in plain lines."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

from model.texts import text


class Teller:
    """Texts come from the catalogue's `[demo.*]`."""

    def __init__(self, lang: str, out: TextIO) -> None:
        self.doing = ""
        """The words of the step that was begun last."""
        self._lang = lang
        self._console = Console(file=out, markup=False, emoji=False, highlight=False)

    def words(self, key: str, /, **params: object) -> str:
        return text(f"demo.{key}", self._lang, **params)

    def alarm(self, what: str) -> str:
        return text(f"alarm.{what}", self._lang)

    def step_of(self, kind: str, stage: str | None) -> str:
        """A transition of a rescue, or a short message about it, as the centre's commands name it; `stage`: what is overdue."""
        if not kind.startswith("alarm."):
            return self.words("step.message")
        words = text(f"central.kind.{kind.removeprefix('alarm.').partition('/')[0]}", self._lang)
        return f"{words} ({text(f'central.step.{stage}', self._lang)})" if stage else words

    def chapter(self, name: str, **params: object) -> None:
        """A heading, and what will happen."""
        self._console.print()
        self._console.rule(self.words(f"title.{name}", **params), align="left", style="cyan")
        self._console.print(self.words(f"about.{name}", **params), style="dim")

    def say(self, key: str, /, **params: object) -> None:
        self._console.print(self.words(f"say.{key}", **params))

    @contextmanager
    def step(self, name: str, **params: object) -> Iterator[None]:
        """Say what is waited for, and that it has come."""
        words = self.doing = self.words(f"step.{name}", **params)
        begun = time.monotonic()
        with self._console.status(words):
            yield
        self._console.print("  ✓", f"{time.monotonic() - begun:5.1f} s ", words)

    def wrong(self, words: str) -> None:
        self._console.print("  ✗", words, style="bold red")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """`columns` below `demo.column`; numbers stand right."""
        table = Table()
        for place, column in enumerate(columns):
            right = any(isinstance(row[place], int | float) for row in rows)
            table.add_column(self.words(f"column.{column}"), justify="right" if right else "left")
        for row in rows:
            table.add_row(*(str(cell) for cell in row))
        self._console.print(table)
