"""What is wrong in a settings file, told to a person: where, in which line, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.errors import DoorpostError, SettingsError
from model.texts import hint, text


@dataclass(frozen=True)
class Problem:
    """`where` names the setting by the id of its device, bus, rule or output. Without a file there is no `line`."""

    file: Path
    line: int | None
    where: str
    source: str
    error: DoorpostError
    similar: str | None = None

    def told(self, lang: str) -> list[str]:
        """`FILE:LINE: WHERE: what is wrong`, the line itself, and the hint."""
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        what = text(f"error.{self.error.code}", lang, **self.error.params)
        if self.similar:
            what += text("settings.did_you_mean", lang, similar=self.similar)
        advice = hint(self.error.code, lang, **self.error.params)
        return [
            ": ".join(filter(None, [place, self.where, what])),
            *([f"    {self.source}"] if self.source else []),
            *([f"    → {advice}"] if advice else []),
        ]

    def document(self, lang: str) -> dict[str, Any]:
        """For `--json`."""
        return {
            "file": str(self.file),
            "line": self.line,
            "where": self.where,
            "source": self.source,
            "code": self.error.code,
            "params": {name: str(value) for name, value in self.error.params.items()},
            "text": text(f"error.{self.error.code}", lang, **self.error.params),
            "similar": self.similar,
            "hint": hint(self.error.code, lang, **self.error.params),
        }


class SettingsInvalid(SettingsError):
    """The settings cannot be used; `problems` are all of them, in the order of the file."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        super().__init__("settings_invalid", path=path, count=len(problems))
        self.problems = list(problems)
