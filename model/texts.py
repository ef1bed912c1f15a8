"""Texts for people, from `config/messages.toml`: an entry has `en` and `zh`, for errors also `hint_en` and `hint_zh`.

Nothing here raises in front of a person: a key that is missing shows as itself, a parameter that is missing as `…`.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from model.shipped import shipped

LANGS = ("zh-CN", "en")

_PLACE = re.compile(r"\{(\w+)\}")


@cache
def catalogue() -> dict[str, Any]:
    """The file as it stands, read once."""
    with open(shipped("messages.toml"), "rb") as file:
        return tomllib.load(file)


def language(preferred: str | None) -> str:
    """One of `LANGS` for a locale name (`zh_CN.UTF-8`) or an Accept-Language header.

    Chinese where nothing is said, English for other languages.
    """
    if not preferred:
        return LANGS[0]
    for tag in preferred.split(","):
        if tag.strip().lower().startswith("zh"):
            return "zh-CN"
        if tag.strip().lower().startswith("en"):
            return "en"
    return "en"


def asked_language(args: Sequence[str], env: Mapping[str, str]) -> str:
    """One of `LANGS` for a command line: `--lang`, else `DOORPOST_LANG`, else the locale.

    Asked before the options are read: their help is already in that language.
    """
    for option, value in zip(args, [*args, ""][1:], strict=True):
        name, _, joined = option.partition("=")
        if name == "--lang":
            return language(joined or value)
    return language(env.get("DOORPOST_LANG") or env.get("LC_ALL") or env.get("LC_MESSAGES") or env.get("LANG"))


def text(key: str, /, lang: str, **params: object) -> str:
    """The words of `key` (`error.port_absent`, `health.online`) with `{name}` filled from `params`."""
    return _filled(key, _short(lang), params) or " ".join([key, *(f"{k}={v}" for k, v in params.items())])


def size(count: int) -> str:
    """Bytes as people write them: `1.2 GiB`."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1000:
            break
        value, unit = value / 1024, larger
    return f"{value:.1f} {unit}" if unit != "B" else f"{count} B"


def amount(value: float, unit: str) -> str:
    """A value in its unit (UCUM) as people write it: `4.2 °C`."""
    return f"{value:g}" + {"1": "", "Cel": " °C"}.get(unit, f" {unit}")


def hint(code: str, /, lang: str, **params: object) -> str | None:
    """What the person can do about an error, where the catalogue knows something."""
    return _filled(f"error.{code}", f"hint_{_short(lang)}", params)


def _short(lang: str) -> str:
    return "zh" if lang.startswith("zh") else "en"


def _filled(key: str, field: str, params: dict[str, object]) -> str | None:
    entry: Any = catalogue()
    for part in (*key.split("."), field):
        entry = entry.get(part) if isinstance(entry, dict) else None
    if not isinstance(entry, str):
        return None
    return _PLACE.sub(lambda place: str(params.get(place[1], "…")), entry)
