"""`doorpost identify` as a process of its own: one line in, one line out, whatever comes."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

ENVIRONMENT = os.environ | {"DOORPOST_LANG": "en"}
GTIN = "https://id.gs1.org/01/06901234567892"
ITEM = f"{GTIN}/21/S1"


def identify(*args: str, stdin: bytes = b"", code: int = 0) -> str:
    command = [sys.executable, "-m", "gateway.cli", "identify", *args]
    run = subprocess.run(command, check=False, capture_output=True, input=stdin, timeout=50, env=ENVIRONMENT)
    assert (run.returncode, run.stderr) == (code, b"")
    return run.stdout.decode()


def answers(*asked: object) -> list[dict[str, Any]]:
    """Of what is asked, a line each; bytes go as they are."""
    lines = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in asked]
    return [json.loads(line) for line in identify(stdin=b"\n".join(lines) + b"\n").splitlines()]


def test_the_same_pack_from_each_carrier_is_one_item() -> None:
    """Levels kept apart: the EAN-13 is the class, what has a serial number is the instance, with its class and lot beside it."""
    ean, code128, matrix, link, other, tag = answers(
        {"scan": "6901234567892", "aim": "]E0", "readpoint": None},
        {"scan": "0106901234567892172706301" + "0L1\x1d21S1", "aim": "]C1", "readpoint": None},
        {"scan": "]d2010690123456789210L1\x1d21S1", "aim": None, "readpoint": None},
        {"scan": "https://example.cn/x/01/06901234567892/10/L1/21/S1?17=270630", "aim": "]Q1"},
        {"scan": "HTTP://OTHER.EXAMPLE/01/06901234567892/21/S1", "aim": None},
        {"epc": "F730690123456789290B1628", "pc": None},
    )
    assert (ean["canonical_uri"], ean["level"], ean["elements"]) == (GTIN, "class", [["01", "06901234567892"]])
    assert {one["canonical_uri"] for one in (code128, matrix, link, other)} == {ITEM}
    assert {one["candidates"][0]["class_uri"] for one in (ean, code128, matrix, link, other)} == {GTIN}
    assert {one["candidates"][0]["lot_uri"] for one in (code128, matrix, link)} == {f"{GTIN}/10/L1"}
    assert {one["verdict"] for one in (ean, code128, matrix, link, other)} == {"valid"}
    assert len({one["epc"] for one in (code128, matrix, link, other)}) == 1
    (back,) = answers({"epc": matrix["epc"], "pc": None})
    assert (back["canonical_uri"], back["elements"]) == (ITEM, [["01", "06901234567892"], ["21", "S1"]])
    assert tag["verdict"] in {"valid", "invalid"}


def test_each_line_has_its_answer() -> None:
    """Rubbish, wrong types, bytes that are no UTF-8, half surrogates, deep nesting: never a traceback, never a line too few."""
    wrong = (
        b"", b"rubbish", b"\xff\xfe{", b"[" * 5000, b"null", b"[]", b"{}", b'{"scan": 5}', b'{"scan": "a", "epc": "30"}',
        b'{"scan": null, "epc": null}', b'{"epc": "30", "pc": 3000}', b'{"scan": "x", "aim": []}', b"1e999", b"9" * 5000,
    )  # fmt: skip
    odd: tuple[object, ...] = (
        {"scan": ""}, {"scan": "\x00"}, {"scan": "\ud800", "aim": "]Q1"}, {"scan": "x", "aim": "nonsense"},
        {"scan": "x" * 100_000}, {"scan": "1" * 100_000}, {"scan": "x", "readpoint": "no such"}, {"epc": ""}, {"epc": "zz"},
        {"epc": "3"}, {"epc": "30" * 5000, "pc": "zz"}, {"epc": "\ud800"}, {"scan": "https://" + "/01" * 5000},
    )  # fmt: skip
    told = answers(*wrong, *odd)
    assert len(told) == len(wrong) + len(odd)
    for one in told[: len(wrong)]:
        assert (one["verdict"], one["candidates"]) == ("invalid", [])
        assert {message["code"] for message in one["messages"]} <= {"line_not_understood", "asked_twice"}
    assert {one["verdict"] for one in told[len(wrong) :]} <= {"unknown", "invalid"}
    for one in told:
        for message in [*one["messages"], *(check for candidate in one["candidates"] for check in candidate["checks"])]:
            assert message["en"] and message["zh"]
            assert ("…" in message["en"]) == any(len(value) > 80 for value in message["params"].values())
            assert not message["en"].startswith("code.")


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", ["invalid", "(21) S1  SERIAL", "trade item, GTIN (gs1.gtin)", "level: a single item", "EPC: F700"]),
        ("zh", ["无效", "(21) S1  系列号", "全球贸易项目代码 GTIN (gs1.gtin)", "层级：单个物品", "EPC：F700"]),
    ],
)
def test_a_person_reads_what_is_wrong(lang: str, words: list[str]) -> None:
    """In the language asked for, with the separator written as people write it."""
    told = identify("--lang", lang, "(01)06901234567893(10)L1", "0106901234567892" + "10L1{GS}21S1", code=1)
    assert [word for word in (*words, ITEM) if word not in told] == []


def test_another_reading_that_is_wrong_says_why() -> None:
    """In words, with its part called as people call it, and without the parts that it would have."""
    told = identify("--lang", "zh", "69012345678920123456").split("\n")
    at = told.index("  特种设备注册代码 (cn.equipment_registration)  无效")
    assert told[at + 1] == "    年月中的“892012”不是合理的日期 (YYYYMM)"
    assert "    经营者：6901234567892" in told[:at]


def test_lines_keep_the_name_that_they_came_with() -> None:
    """And a key that is none of ours is told."""
    one, two = answers({"id": [7], "scan": "6901234567892"}, {"scan": "6901234567892", "readpoin": "market_gate"})
    assert (one["id"], one["messages"]) == ([7], [])
    assert "id" not in two
    assert [(message["code"], message["params"]) for message in two["messages"]] == [
        ("key_unknown", {"keys": "readpoin"})
    ]


def test_a_tag_on_the_command_line() -> None:
    """Beside codes, or alone."""
    told = json.loads(identify("--epc", "3066C4409047E140075BCD15", "--pc", "3000", "--json"))
    assert (told["verdict"], told["canonical_uri"]) == ("valid", "https://id.gs1.org/01/09506000134352/21/123456789")


def test_null_asks_for_what_the_command_line_says() -> None:
    """A line's own word is stronger."""
    lines = b'{"scan": "(10)L1", "readpoint": null, "aim": null}\n{"scan": "6901234567892", "aim": "]E0"}\n'
    one, two = map(json.loads, identify("--aim", "]d2", "--readpoint", "no such", stdin=lines).splitlines())
    assert [message["code"] for message in one["messages"]] == ["readpoint_unknown"]
    assert "brackets_in_symbol" in [check["code"] for check in one["candidates"][0]["checks"]]
    assert two["verdict"] == "valid"


def test_a_line_without_end_is_one_line() -> None:
    """It is not kept in memory, and the next one has its answer."""
    told = identify(stdin=b"x" * 3_000_000 + b"\n" + b'{"scan": "6901234567892"}').splitlines()
    assert [json.loads(line)["verdict"] for line in told] == ["invalid", "valid"]


def test_no_input_is_no_question() -> None:
    """Where whoever started it has closed standard input."""
    command = f"{sys.executable} -m gateway.cli identify <&-"
    run = subprocess.run(command, shell=True, check=False, capture_output=True, timeout=50, env=ENVIRONMENT)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")
