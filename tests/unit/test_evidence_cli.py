"""What `doorpost store export` and `doorpost verify` tell a person and a program of what is not as it should be."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import tree
from model.record import Stream
from support.evidence import Site, forked
from support.journals import drafts
from support.terminal import on_terminal
from sync.evidence.export import write
from sync.evidence.source import with_evidence

READING = Stream.READING


def doorpost(*args: str | Path, lang: str = "en") -> Result:
    return CliRunner().invoke(tree(lang), [*map(str, args), "--lang", lang])


async def test_an_export_says_what_could_not_be_read(tmp_path: Path) -> None:
    """A page of the file is damaged: the numbers that are not in the export are named, and its exit code is not 0."""
    site = Site(tmp_path / "data")
    await site.open()
    await site.journal.append(drafts(READING, range(200), padding=200))
    await site.closed()
    (path,) = site.store.glob("reading-*")
    with path.open("r+b") as file:
        file.seek(4096 * 10)
        file.write(b"\xff" * 4096)
    out = tmp_path / "evidence.jsonl"
    result = doorpost("store", "export", "--out", out, "--data", site.data, "--json")
    told = json.loads(result.stdout)
    (gap,) = told["unreadable"]
    written = {
        line["seq"] for line in map(json.loads, out.read_text().splitlines()[1:]) if "seq" in line and "hash" in line
    }
    assert (result.exit_code, told["records"]) == (1, len(written))
    assert set(range(1, 201)) - written == set(range(gap["first"], gap["last"] + 1))
    assert (gap["store"], gap["stream"]) == (site.store.name, "reading")

    result = doorpost("store", "export", "--out", out, "--data", site.data)
    assert result.exit_code == 1
    assert "NOT all is in it" in result.stderr
    assert f"reading {gap['first']}..{gap['last']} (store {site.store.name})" in result.stderr


async def test_an_export_whose_end_is_damaged(tmp_path: Path) -> None:
    """The file itself is no database any more: from where on is known, up to where is not."""
    site = await (await Site(tmp_path / "data").fill()).closed()
    (path,) = site.store.glob("reading-*")
    path.write_bytes(b"\xff" * 4096)
    result = doorpost("store", "export", "--out", tmp_path / "evidence.jsonl", "--data", site.data, "--json")
    (gap,) = json.loads(result.stdout)["unreadable"]
    assert (result.exit_code, gap["stream"], gap["first"], gap["last"]) == (1, "reading", 1, None)


async def test_an_export_of_sound_records(tmp_path: Path) -> None:
    """Nothing more is said."""
    site = await (await Site(tmp_path / "data").fill()).closed()
    result = doorpost("store", "export", "--out", tmp_path / "evidence.jsonl", "--data", site.data, "--json")
    assert (result.exit_code, json.loads(result.stdout)["unreadable"], result.stderr) == (0, [], "")


@pytest.mark.parametrize(
    ("lang", "first", "second"),
    [("en", "was sealed as a fork", "Its records go on in store {new}."), ("zh", "因分叉而封存", "写入存储 {new}。")],
)
async def test_a_fork_is_named(tmp_path: Path, lang: str, first: str, second: str) -> None:
    """Which store, up to where it counts, and which one goes on."""
    site = await Site(tmp_path).fill()
    old = site.journal.store
    await forked(site)
    new = site.journal.store
    await site.sign()
    await site.closed()
    lines = doorpost("verify", site.data, "--key", site.key, lang=lang).stdout.splitlines()
    (place,) = (n for n, line in enumerate(lines) if first in line)
    assert old in lines[place]
    assert "reading 12" in lines[place]
    assert second.format(new=new) in lines[place + 1]
    (sealed,) = json.loads(doorpost("verify", site.data, "--key", site.key, "--json").stdout)["sealed"]
    assert (sealed["store"], sealed["why"], sealed["by"], sealed["ends"]["reading"]) == (old, "fork", new, 12)


async def test_a_fork_whose_new_store_is_not_here(tmp_path: Path) -> None:
    """The seal alone says that it was one, but not where it goes on."""
    site = await Site(tmp_path).fill()
    old = site.store
    await forked(site)
    await site.closed()
    said = doorpost("verify", old, "--key", site.key).stdout
    assert "was sealed as a fork" in said
    assert "Where its records go on is not said here" in said


@pytest.mark.parametrize(
    ("lang", "words"), [("en", "take the witness first, then the export"), ("zh", "请先取见证，再导出")]
)
async def test_an_older_export_is_not_called_cut(tmp_path: Path, lang: str, words: str) -> None:
    """It says what to do; a younger one that lacks the same records is told when it should have had them."""
    site = await Site(tmp_path / "data").fill()
    older, younger = tmp_path / "older.jsonl", tmp_path / "younger.jsonl"
    with_evidence(site.data, lambda evidence: write(evidence, older, 1))
    with_evidence(site.data, lambda evidence: write(evidence, younger, 2**52))
    await site.journal.append(drafts(READING, range(18, 22)))
    await site.witness(tmp_path / "centre")
    await site.closed()
    witness = ("--witness", tmp_path / "centre" / "witness.json")
    result = doorpost("verify", older, "--key", site.key, *witness, lang=lang)
    assert (result.exit_code, words in result.stdout) == (1, True)
    assert "reading 19..22" in result.stdout
    assert "NO" not in result.stdout
    assert "：否" not in result.stdout
    result = doorpost("verify", younger, "--key", site.key, *witness, lang=lang)
    assert {"en": "had them when this was exported (2112-", "zh": "导出时（2112-"}[lang] in result.stdout
    result = doorpost("verify", site.data, "--key", site.key, *witness, lang=lang)
    assert ("reading 19..22" in result.stdout, words in result.stdout) == (False, False)


async def test_a_narrow_terminal_cuts_no_id(tmp_path: Path) -> None:
    """The store's id is folded."""
    site = await (await Site(tmp_path).fill()).closed()
    said = on_terminal("gateway.cli", "verify", site.data, "--key", site.key, "--lang", "en", columns=60)
    assert "…" not in said
    cells = [line.split("│")[1].strip() for line in said.splitlines() if line.startswith("│")]
    assert "".join(cells) == site.store.name * 5
