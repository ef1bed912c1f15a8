"""The catalogue and the code say the same."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import click
import pytest

from central.show import why
from gateway.cli import tree
from model import errors
from model.bodies import RescueState
from model.observation import Quality
from model.ports import Health
from model.texts import LANGS, asked_language, hint, language, text, words
from support.catalogue import catalogue

ROOT = Path(__file__).parents[2]
ROOMS = ("model", "traceability", "gateway", "drivers", "sync", "central")
WITH_HINT = (errors.DriverError, errors.SettingsError, errors.StoreError, errors.LinkError)
QUOTED = re.compile(r"""["']([^"'\s]+)(?=["'])""")
PLACE = re.compile(r"\{(\w+)\}")


@cache
def sources() -> dict[Path, str]:
    """All that may name a text: code, templates, scripts of the page."""
    return {
        path: path.read_text(encoding="utf-8")
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*"))
        if path.suffix in (".py", ".html", ".js") and ".min." not in path.name
    }


@cache
def error_classes() -> dict[str, type[errors.DoorpostError]]:
    """Name -> class; a subclass outside model/errors.py counts as the class that it is made from."""
    known = {
        name: thing
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, errors.DoorpostError)
    }
    nodes = [node for source in sources().items() for node in walk(*source) if isinstance(node, ast.ClassDef)]
    classes = [(node.name, [ast.unparse(base).split(".")[-1] for base in node.bases]) for node in nodes]
    before = 0
    while len(known) > before:  # in whatever order they stand
        before = len(known)
        for name, bases in classes:
            for base in bases:
                if base in known:
                    known.setdefault(name, known[base])
    return known


@cache
def walk(path: Path, source: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse(source))) if path.suffix == ".py" else []


def raised() -> Iterator[tuple[str, type[errors.DoorpostError], str]]:
    """(code, class, where) of each error that is made with a code written out."""
    for path, source in sources().items():
        for node in walk(path, source):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = ast.unparse(node.func).split(".")[-1]
                code = node.args[0].value
                if name in error_classes() and isinstance(code, str):
                    yield code, error_classes()[name], f"{path.relative_to(ROOT)}:{node.lineno}"


def entries(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """(key, entry) of all texts."""
    for name, inner in table.items():
        if isinstance(inner.get("en"), str) or isinstance(inner.get("zh"), str):
            yield prefix + name, {field: words for field, words in inner.items() if isinstance(words, str)}
        yield from entries({field: more for field, more in inner.items() if isinstance(more, dict)}, f"{prefix}{name}.")


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The keys of the help of all commands."""
    yield f"cli.{'_'.join(path) or 'doorpost'}.help"
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield f"cli.{'_'.join((*path, name))}.help"


@cache
def quoted() -> set[str]:
    """All words in quotation marks."""
    return {word for source in sources().values() for word in QUOTED.findall(source)}


def used(key: str) -> bool:
    """Whether the code names the whole key, or its last part where it puts the key together."""
    return not quoted().isdisjoint((key, key.rpartition(".")[2]))


def test_every_error_has_its_words() -> None:
    """Each code that is raised has a text in both languages, and a hint in both where a person can do something."""
    missing = []
    for code, kind, where in raised():
        entry = words("error").get(code, {})
        fields = ["en", "zh", *(["hint_en", "hint_zh"] if issubclass(kind, WITH_HINT) else [])]
        lacking = [field for field in fields if not entry.get(field)]
        missing += [f"{where}: [error.{code}] {' '.join(lacking)}"] if lacking else []
    assert not missing, "\n".join(missing)


def test_who_is_refused_is_told_what_to_do() -> None:
    """A person at the command line of a lift or of the centre: each such error has a hint, whatever its class."""
    asked = re.compile(
        r"gateway/(lifts|visits|pins|cli/lift\w*)\.py|central/(\w*cli|settings|persons|commands|queries)\.py|model/pin\.py"
    )
    found = {code: where for code, _, where in raised() if asked.match(where)}
    assert {"lift_no_call", "visit_signed", "person_known", "pin_short"} <= found.keys()
    assert [f"{where} {code}" for code, where in found.items() if not words("error")[code].get("hint_en")] == []


def test_both_languages_say_the_same() -> None:
    """Each entry has both languages, with the same parameters."""
    for key, entry in entries(catalogue()):
        for english, chinese in (("en", "zh"), ("hint_en", "hint_zh"), ("address_hint_en", "address_hint_zh")):
            assert (english in entry) == (chinese in entry), f"{key}: one of {english}, {chinese} is missing"
            if english in entry:
                assert set(PLACE.findall(entry[english])) == set(PLACE.findall(entry[chinese])), key


def test_no_text_is_left_over() -> None:
    """No entry is unused. (Those of the page and of settings are put together of parts, and names stand in data; their own tests
    look at them.)"""
    helps = set(commands(tree("en")))
    own = ("desk.", "lift_code.", "name.", "page.", "part.", "setting")
    keys = [key for key, _ in entries(catalogue()) if not key.startswith(own) and key not in helps]
    assert [key for key in keys if not used(key)] == []


def test_an_address_has_no_baud_rate() -> None:
    """Its hint is its own."""
    for code in ("device_silent", "device_not_understood"):
        assert "baud rate" in str(hint(code, "en", port="/dev/ttyUSB0"))
        assert "baud rate" not in str(hint(code, "en", port="tcp://192.0.2.1:4001"))
        assert "doorpost discover rfid tcp://192.0.2.1:4001" in str(hint(code, "zh", port="tcp://192.0.2.1:4001"))
    assert hint("port_gone", "en", port="tcp://192.0.2.1:4001") == hint("port_gone", "en", port="/dev/ttyUSB0")


def test_a_reason_that_is_a_code_is_told_in_words() -> None:
    """What the system says stays as it is, and so does a code in any other place."""
    told = text("error.port_unreachable", "zh", port="tcp://h:1", why="no_answer")
    assert "无应答" in told
    assert "_" not in told
    assert "Is a directory" in text("error.port_unreachable", "zh", port="tcp://h:1", why="Is a directory")
    assert "no room" in text("error.scan_not_stored", "en", why="store_full")
    assert text("error.port_absent", "en", port="no_answer") == "no_answer is not there"


def test_a_rescues_state_has_one_name() -> None:
    """At the centre and at the gateway, also in what is refused: no code of ours in a sentence."""
    assert set(words("rescue_state")) >= set(get_args(RescueState))
    for lang, name in (("zh", "“已解救”"), ("en", '"released"')):
        assert name in text("error.lift_not_now", lang, lift="L1", rescue_state="released")
        assert name.strip('“”"') in why("not_now released", lang)
    assert "钥匙" in why("ended_at gw-1 key", "zh")


@pytest.mark.parametrize(("section", "values"), [("health", Health), ("quality", Quality)])
def test_each_state_has_its_word(section: str, values: type[Health | Quality]) -> None:
    """What a device or a value can be has a word, and nothing else has."""
    assert set(catalogue()[section]) == {str(value) for value in values}


def test_a_person_never_meets_an_exception() -> None:
    """Unknown keys show as themselves, missing parameters as an ellipsis, and braces in a parameter stay."""
    assert text("error.no_such_code", "en", port="x") == "error.no_such_code port=x"
    assert text("error.port_absent", "en") == "… is not there"
    assert text("error.port_absent", "zh-CN", port="{why}") == "找不到端口 {why}"
    assert text("error", "en") == "error"
    assert hint("no_such_code", "en") is None


@pytest.mark.parametrize(
    ("preferred", "chosen"),
    [
        (None, "zh-CN"),
        ("", "zh-CN"),
        ("zh_CN.UTF-8", "zh-CN"),
        ("zh", "zh-CN"),
        ("en", "en"),
        ("C.UTF-8", "en"),
        ("fr-FR, zh-TW;q=0.8, en;q=0.5", "zh-CN"),
    ],
)
def test_language(preferred: str | None, chosen: str) -> None:
    """Locale names and Accept-Language headers lead to a language that there is."""
    assert language(preferred) == chosen
    assert chosen in LANGS


@pytest.mark.parametrize(
    ("args", "env", "chosen"),
    [
        ([], {}, LANGS[0]),
        ([], {"LANG": "C.UTF-8"}, "en"),
        (["run"], {"DOORPOST_LANG": "", "LC_ALL": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, "zh-CN"),
        (["run"], {"DOORPOST_LANG": "en", "LC_ALL": "zh_CN.UTF-8"}, "en"),
        (["run", "--lang", "en"], {"LANG": "zh_CN.UTF-8"}, "en"),
        (["--lang=zh", "run"], {"DOORPOST_LANG": "en"}, "zh-CN"),
        (["run", "--lang"], {}, LANGS[0]),
    ],
)
def test_asked_language(args: list[str], env: dict[str, str], chosen: str) -> None:
    """The option, else our variable, else the locale, else the catalogue's first: the same for gateway and centre."""
    assert asked_language(args, env) == chosen
