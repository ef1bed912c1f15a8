"""`doorpost identify` on a pipe, while its table of codes changes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

PIPE = subprocess.PIPE
ASKED = b'{"scan": "K1234567"}\n'
ROW = """schema = 1
[[scheme]]
name = "site.thing"
label = { zh = "物", en = "LABEL" }
pattern = 'K(?P<number>[0-9]{7})'
checks = [{ check = "starts_with", group = "number", values = ["1"] }]
"""


def started(own: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "gateway.cli", "identify", "--json", "--codes", str(own)]
    environment = os.environ | {"DOORPOST_LANG": "en"}
    return subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment)


def put(own: Path, text: str) -> None:
    beside = own.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(own)


def test_a_table_changes_while_lines_come(tmp_path: Path) -> None:
    """The next lines are answered by it; what is wrong, or gone, is told once beside the answers, and the last right one stays."""
    own = tmp_path / "codes.toml"
    put(own, ROW.replace("LABEL", "box"))
    deadline = time.monotonic() + 60
    with started(own) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr

        def label() -> str:
            assert process.stdin
            assert process.stdout
            process.stdin.write(ASKED)
            process.stdin.flush()
            (candidate,) = json.loads(process.stdout.readline())["candidates"]
            return str(candidate["label"]["en"])

        def lines_told(count: int) -> str:
            """Of what is told; lines are asked meanwhile, for only then the file is looked at."""
            assert process.stderr
            os.set_blocking(process.stderr.fileno(), False)
            told = b""
            while told.count(b"\n") < count:
                assert (label(), time.monotonic() < deadline) == ("crate", True)
                told += process.stderr.read() or b""
            return told.decode()

        assert label() == "box"
        put(own, ROW.replace("LABEL", "crate"))
        while label() != "crate":
            assert time.monotonic() < deadline
        put(own, ROW.replace("pattern", "patern"))
        assert "did you mean pattern?" in lines_told(8)
        own.unlink()
        assert "cannot be read" in lines_told(4)
        put(own, ROW.replace("LABEL", "pallet"))
        while label() != "pallet":
            assert time.monotonic() < deadline
        assert not process.stderr.read()
        process.stdin.close()
        assert process.wait(50) == 0


def test_a_table_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    """Before the first answer."""
    with started(tmp_path / "nofile.toml") as process:
        out, _ = process.communicate(ASKED, timeout=50)
    assert process.returncode == 78
    assert json.loads(out)["problems"][0]["code"] == "codes_unreadable"
