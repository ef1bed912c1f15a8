"""The centre's settings: `central.toml` in its data directory, or another file; paths in it are relative to it."""

import json
import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.errors import DoorpostError, SettingsError

USER = "central"
NAME_MAX = 64
"""Of a person's name."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Sync(_Part):
    """The way to the broker; the same names as in a gateway's settings."""

    broker: str | None = None
    password_file: Path | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    protocol: Literal["auto", "5", "3.1.1"] = "auto"


class Person(_Part):
    """Who may acknowledge. `pin` is a hash made by `person add`."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_MAX)]
    pin: Annotated[str, Field(pattern=r"^scrypt(\$[0-9]+){3}(\$[A-Za-z0-9+/]+=*){2}$")]


Seconds = Annotated[float, Field(gt=0)]


class Targets(_Part):
    """What the desk's clocks and the report measure by; all of it proposed, for the contract or the city to say otherwise.

    Seconds: `ack_s` and `arrive_s` from the call, `dispatch_s` from the acknowledgement, `release_s` from the arrival, which
    nothing is measured by unless it is given. `test_h`: hours within which a lift's alarm must have passed its test;
    `offline_s`: after that long without a word a gateway counts as offline.
    """

    ack_s: Seconds = 30
    dispatch_s: Seconds = 300
    arrive_s: Seconds = 1800
    release_s: Seconds | None = None
    test_h: Seconds = 72
    offline_s: Seconds = 300


class Settings(_Part):
    sync: Sync = Sync()
    person: list[Person] = []
    rescue: Targets = Targets()


def load(path: Path, *, required: bool) -> Settings:
    """A file that is not there says nothing, unless it is required. Raises SettingsError, which lists all problems."""
    if not required and not path.exists():
        return Settings()
    try:
        settings = Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as err:
        raise SettingsError("central_settings", path=path, why=_why(err)) from err
    sync = settings.sync
    for name in ("password_file", "ca", "cert", "key"):
        if getattr(sync, name):
            setattr(sync, name, path.parent / getattr(sync, name))
    return settings


def _why(err: Exception) -> str:
    if isinstance(err, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in err.errors())
    return err.strerror or str(err) if isinstance(err, OSError) else str(err)


def add_person(path: Path, person: Person) -> None:
    """Append a person to the file; everything else in it stays as it is. Raises DoorpostError for a known name."""
    if any(known.name == person.name for known in load(path, required=False).person):
        raise DoorpostError("person_known", name=person.name, path=path)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    # a JSON string is a TOML string
    table = f"\n[[person]]\nname = {json.dumps(person.name, ensure_ascii=False)}\npin = {json.dumps(person.pin)}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(before + table)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
