"""Where profiles come from: those that ship with the project, by name, and a user's own, by the path of its file."""

import json
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drivers.modbus.profile import Profile
from model.errors import SettingsError
from model.shipped import shipped


def json_schema() -> str:
    """JSON Schema of a profile, for editors; what lies between two values is checked by `checked` alone."""
    return json.dumps(Profile.model_json_schema(), ensure_ascii=False, indent=2)


def known_profiles() -> list[str]:
    """The names of those that ship with the project."""
    return sorted(path.stem for path in shipped("profiles").glob("*.toml"))


def profile_file(name: str) -> Path:
    """Where a profile stands that the settings name: a name of those shipped, or the path of a file, `NAME.toml`.

    Raises SettingsError `profile_unknown`.
    """
    if name.endswith(".toml"):
        return Path(name)
    if name not in known_profiles():
        raise SettingsError("profile_unknown", profile=name, known=", ".join(known_profiles()))
    return shipped("profiles", f"{name}.toml")


def checked(data: dict[str, Any], path: Path) -> Profile:
    """Raises SettingsError `profile_bad` with the places; `doorpost profile check` tells what is wrong, with the lines."""
    try:
        profile = Profile.model_validate(data)
    except ValidationError as err:
        found = {".".join(map(str, e["loc"])): e["msg"] for e in err.errors()}
        why = "; ".join(f"{place}: {what}" for place, what in found.items())
        raise SettingsError("profile_bad", file=path, places=", ".join(found), why=why) from err
    if profile.name != path.stem:
        why = f"name: {profile.name} is not the name of the file"
        raise SettingsError("profile_bad", file=path, places="name", why=why)
    return profile


@lru_cache
def load_profile(name: str) -> Profile:
    """What `profile_file` finds, whole. Raises SettingsError `profile_unknown`, `_unreadable`, `_not_toml` or `_bad`."""
    path = profile_file(name)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise SettingsError("profile_not_toml", file=path, why=str(err)) from err
    except OSError as err:
        raise SettingsError("profile_unreadable", file=path, why=err.strerror) from err
    return checked(data, path)
