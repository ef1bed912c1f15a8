"""What the codes of lifts mean: canonical names, and one table per city or platform, `config/lifts/NAME.toml`, for both ways.

The same number means different things in different tables: records carry the canonical name, and what was said beside it.
The names stand in `config/messages/lift_code.toml` under `[WHAT]`.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.errors import SettingsError
from model.shipped import shipped
from model.texts import words

What = Literal["fault", "event", "mode", "alarm"]
Evidence = Literal["vendor-doc", "capture", "repo", "proposed", "memory"]

UNKNOWN = "unknown"
"""The canonical name of a code that its table does not have."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Label(_Data):
    zh: str
    en: str


class Row(_Data):
    """`raw` is the number as the platform writes it, or the point of a bit; `label` is the platform's own word."""

    raw: Annotated[str, Field(pattern=r"^([0-9]{1,8}|[a-z][a-z0-9_]{0,47})$")]
    what: What
    code: str
    label: str
    evidence: Evidence | None = None
    source: str | None = None

    @property
    def key(self) -> tuple[bool, str]:
        return self.what == "mode", _plain(self.raw)


class _File(_Data):
    """`extends` names a table whose rows hold where this one has none of its own. `none` is the number that says nothing."""

    name: str
    version: Annotated[int, Field(ge=1)]
    label: Label
    evidence: Evidence
    source: str
    extends: str | None = None
    none: str | None = None
    row: Annotated[list[Row], Field(min_length=1)]


class Meaning(NamedTuple):
    """A canonical name, `unknown` where the table has none."""

    what: What
    code: str


class Source(NamedTuple):
    """A row, with the evidence and the source that hold for it."""

    row: Row
    evidence: Evidence
    source: str


@dataclass(frozen=True)
class Table:
    """Modes are numbered apart; faults, events and alarms share their numbers."""

    name: str
    version: int
    label: Label
    evidence: Evidence
    source: str
    none: str | None
    rows: tuple[Source, ...]
    """Its own first, then those of the table that it extends and has not changed."""

    def meaning(self, what: What, raw: int | str) -> Meaning | None:
        """Of what stands where a `what` is told; None where it says that there is none."""
        key = _plain(str(raw))
        if what != "mode" and self.none is not None and key == _plain(self.none):
            return None
        found = self._by_raw.get((what == "mode", key))
        return Meaning(found.what, found.code) if found else Meaning(what, UNKNOWN)

    def raw(self, what: What, code: str) -> str | None:
        """The number by which this platform is told; None where it has none. Of several the first row's."""
        return next((one.row.raw for one in self.rows if (one.row.what, one.row.code) == (what, code)), None)

    @cached_property
    def bits(self) -> frozenset[str]:
        """The points that are codes themselves, while they are true."""
        return frozenset(one.row.raw for one in self.rows if not one.row.raw.isdigit())

    @cached_property
    def _by_raw(self) -> dict[tuple[bool, str], Row]:
        return {one.row.key: one.row for one in self.rows}


def names(what: What) -> dict[str, dict[str, str]]:
    """The canonical names with their words in `zh` and `en`."""
    found: dict[str, dict[str, str]] = words("lift_code")[what]
    return found


def known_tables() -> list[str]:
    return sorted(path.stem for path in shipped("lifts").glob("*.toml"))


@cache
def load(name: str) -> Table:
    """A table of those that ship, whole. Raises SettingsError `lift_codes_...`, `lift_code_...`."""
    return read(name, shipped("lifts"))


@cache
def all_bits() -> tuple[str, ...]:
    """The points that are codes in some table."""
    return tuple(sorted({bit for name in known_tables() for bit in load(name).bits}))


def read(name: str, folder: Path, extended_by: tuple[str, ...] = ()) -> Table:
    """`folder`/`name`.toml. Raises SettingsError as `load` does."""
    known = sorted(path.stem for path in folder.glob("*.toml"))
    if name not in known:
        raise SettingsError("lift_codes_unknown", codes=name, known=", ".join(known))
    path = folder / f"{name}.toml"
    file = _checked(path)
    own = [Source(row, row.evidence or file.evidence, row.source or file.source) for row in file.row]
    none = file.none
    if file.extends is not None:
        if file.extends in (name, *extended_by):
            raise SettingsError("lift_codes_bad", file=path, why=f"extends: {file.extends} extends {name}")
        base = read(file.extends, folder, (name, *extended_by))
        taken = {one.row.key for one in own}
        own += [one for one in base.rows if one.row.key not in taken]
        none = base.none if none is None else none
    return Table(name, file.version, file.label, file.evidence, file.source, none, tuple(own))


def _checked(path: Path) -> _File:
    try:
        file = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except ValidationError as err:
        raise _told(path, err) from err
    except (OSError, ValueError) as err:  # no TOML and no UTF-8 are ValueErrors
        raise SettingsError("lift_codes_bad", file=path, why=err) from err
    if file.name != path.stem:
        raise SettingsError("lift_codes_bad", file=path, why=f"name: {file.name}")
    _rows(path, file.row)
    return file


def _rows(path: Path, rows: list[Row]) -> None:
    """Each number once, each name a canonical one."""
    first: dict[tuple[bool, str], int] = {}
    for at, row in enumerate(rows, 1):
        if first.setdefault(row.key, at) != at:
            raise SettingsError("lift_code_twice", file=path, row=at, raw=row.raw, first=first[row.key])
        if row.code not in names(row.what):
            similar = ", ".join(_similar(row))
            params = {"name": row.code, "what": row.what, "similar": similar}
            raise SettingsError("lift_code_name_unknown", file=path, row=at, **params)


def _similar(row: Row) -> Iterator[str]:
    """What was perhaps meant: a name much like it, or this name of another kind; else all."""
    near = get_close_matches(row.code, names(row.what), n=1)
    others = [f"{what}/{row.code}" for what in get_args(What) if row.code in names(what)]
    yield from near + others or names(row.what)


def _told(path: Path, err: ValidationError) -> SettingsError:
    found: Any = err.errors()[0]
    if len(found["loc"]) > 1 and found["loc"][0] == "row":
        key = ".".join(map(str, found["loc"][2:])) or "row"
        return SettingsError("lift_code_row", file=path, row=found["loc"][1] + 1, key=key, why=found["msg"])
    return SettingsError("lift_codes_bad", file=path, why=f"{'.'.join(map(str, found['loc']))}: {found['msg']}")


def _plain(raw: str) -> str:
    """A number without the zeros that some write before it."""
    return str(int(raw)) if raw.isdigit() else raw
