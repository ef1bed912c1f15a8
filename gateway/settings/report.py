"""Collects what is wrong with one settings file; gives each problem its line and its place in words."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError, create_model
from pydantic_core import ErrorDetails

from gateway.settings.explain import explained
from gateway.settings.locate import KeyPath, line_of, locate
from gateway.settings.problem import Problem
from model.errors import DoorpostError

M = TypeVar("M", bound=BaseModel)

_NAMED_TABLES = ("bus", "device", "rule", "output", "person", "lift", "point", "expect", "scheme", "url")
SOURCE_SHOWN = 120
"""Characters of a line."""


def _place(found: ErrorDetails) -> KeyPath:
    """Where a validator over several keys says which of them are wrong, the first of these."""
    keys = str(found.get("ctx", {}).get("key", "")).split(", ")
    return found["loc"] or tuple(filter(None, keys[:1]))


def _told_once(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without lists that are too short because an entry is wrong."""
    whole = [one["loc"] for one in errors]
    return [one for one in errors if one["type"] != "too_short" or not any(loc[:-1] == one["loc"] for loc in whole)]


class Report:
    """`text` is the file's valid TOML and `data` what tomllib made of it."""

    def __init__(self, file: Path, text: str, data: dict[str, Any]) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._data = data
        self._rows = text.split("\n")
        self._lines = locate(text)

    def problem(self, path: KeyPath, error: DoorpostError, similar: str | None = None) -> None:
        self.problems.append(self._told(path, error, similar))

    def warning(self, path: KeyPath, error: DoorpostError) -> None:
        self.warnings.append(self._told(path, error, None))

    def line(self, path: KeyPath) -> int:
        return line_of(self._lines, path)

    def has(self, table: str) -> bool:
        """Whether the file has it, right or wrong."""
        return table in self._data

    def ids(self, table: str) -> set[str]:
        """The ids in the file, also those of parts that are wrong in themselves."""
        found = self._data.get(table, [])
        return {part["id"] for part in found if isinstance(part, dict) and isinstance(part.get("id"), str)}

    def name(self, table: str, index: int) -> str:
        """The id of a part, the name of a profile's point, or `#3` where it has neither."""
        part = self._data[table][index]
        named = part.get("id", part.get("name")) if isinstance(part, dict) else None
        return named if isinstance(named, str) else f"#{index + 1}"

    def checked(self, path: KeyPath, model: type[M], raw: object) -> M | None:
        """The table at `path` as a `model`; what is wrong with it is collected, and each key that is wrong is None.

        None where it is wrong as a whole. Types are taken strictly, as TOML has them: `"1"` is no number.
        """
        try:
            return self._validated(model, raw)
        except ValidationError as err:
            for found in _told_once(err.errors()):
                self.problem(path + _place(found), *explained(found, model, path))
            wrong = {str(found["loc"][0]) for found in err.errors() if found["loc"]}
        except DoorpostError as err:  # a driver's validator, for example over a profile that is broken
            self.problem(path, err)
            return None
        return self._rest(model, raw, wrong) if isinstance(raw, dict) and wrong else None

    def _rest(self, model: type[M], raw: dict[str, Any], wrong: set[str]) -> M | None:
        """What is right in a table, so that one wrong key hides nothing else that does not fit."""
        anything: dict[str, Any] = {key: (Any, None) for key in wrong if key in model.model_fields}
        rest = {key: None if key in anything else raw[key] for key in raw if key in anything or key not in wrong}
        try:
            return self._validated(create_model(model.__name__, __base__=model, **anything), rest)
        except ValidationError:  # a driver's validator over several keys, which needs those that are wrong
            return None

    def _validated(self, model: type[M], raw: object) -> M:
        return model.model_validate_json(
            json.dumps(raw, default=str), strict=True, context={"folder": self.file.parent}
        )

    def _told(self, path: KeyPath, error: DoorpostError, similar: str | None) -> Problem:
        line = self.line(path)
        source = self._rows[line - 1].strip()[:SOURCE_SHOWN]
        return Problem(self.file, line, self._where(path), source, error, similar)

    def _where(self, path: KeyPath) -> str:
        """`device room1: points[0].name`, as far as it stands in the file."""
        thing: list[str] = []
        rest = path
        if len(path) > 1 and path[0] in _NAMED_TABLES and isinstance(path[1], int):
            thing = [f"{path[0]} {self.name(path[0], path[1])}"]
            rest = path[2:]
        setting = ""
        at = path[: len(path) - len(rest)]
        for part in rest:
            at = (*at, part)
            if at not in self._lines:
                break
            setting += f"[{part}]" if isinstance(part, int) else f".{part}" if setting else part
        return ": ".join([*thing, *([setting] if setting else [])])
