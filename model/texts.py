"""Every text that a person reads, from `config/messages/`: an entry has `en` and `zh`, for errors also `hint_en` and
`hint_zh`, and where it depends on that, `address_hint_en` and `address_hint_zh` for a `port` that is an address in the network.

Nothing here raises in front of a person: a key that is missing shows as itself, a parameter that is missing as `…`.
"""

import gettext
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from model.shipped import shipped

LANGS = ("zh-CN", "en")
ASKED = ("zh", "zh-CN", "en")
"""What `--lang` takes, of every command."""

_PLACE = re.compile(r"\{(\w+)\}")


@cache
def words(part: str) -> dict[str, Any]:
    """What is below the first part of a key: `PART.toml`, or that table of `words.toml`. Read once, when it is first asked for."""
    file = shipped("messages", f"{part}.toml")
    if file.exists():
        return tomllib.loads(file.read_text(encoding="utf-8"))
    return {} if part == "words" else dict(words("words").get(part, {}))


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


def library_language(lang: str) -> None:
    """What the library of the command line says itself ("Usage:", "Missing option") is in that language from now on."""
    gettext.bindtextdomain("messages", str(shipped("messages")))
    os.environ["LANGUAGE"] = lang.replace("-", "_")


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
    key, field = f"error.{code}", f"hint_{_short(lang)}"
    address = str(params.get("port", "")).startswith("tcp://")
    return (_filled(key, f"address_{field}", params) if address else None) or _filled(key, field, params)


def advice(key: str, /, lang: str, **params: object) -> str | None:
    """What the person can do about what `text` tells, where the catalogue knows something."""
    return _filled(key, f"hint_{_short(lang)}", params)


def _short(lang: str) -> str:
    return "zh" if lang.startswith("zh") else "en"


def _filled(key: str, field: str, params: dict[str, object]) -> str | None:
    first, *rest = key.split(".")
    entry: Any = words(first)
    for step in (*rest, field):
        entry = entry.get(step) if isinstance(entry, dict) else None
    if not isinstance(entry, str):
        return None
    return _PLACE.sub(lambda place: _value(place[1], params.get(place[1], "…"), field), entry)


def _value(name: str, value: object, field: str) -> str:
    """As it is; a reason that is a code of ours, and a rescue's state, in words. What the system says stays in its language."""
    code = re.fullmatch(r"[a-z_]+", str(value)) if name in ("why", "rescue_state") else None
    return (_filled(f"{name}.{value}", field.rpartition("_")[2], {}) if code else None) or str(value)
