"""The export: it proves what the stores prove, a stranger can check it, and nobody can change a byte of it unseen."""

import asyncio
import json
import re
import shutil
import subprocess
import tracemalloc
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import DoorpostError, EvidenceError
from model.record import STREAMS, Stream, chain_hash, genesis
from model.time import TimeQuality
from support.disk import files_end_at
from support.evidence import Site, bad, check, missing
from support.journals import GW
from support.source import BOOT, STORE, T0
from sync.contract.signing import private_key
from sync.evidence.entries import Entry, Held, Row, StoreHeld
from sync.evidence.export import Export, write
from sync.evidence.source import with_evidence
from sync.evidence.verify import verify
from sync.journal.schema import span_of

ROOT = Path(__file__).parents[2]
READING = Stream.READING


def export(site: Site) -> Path:
    out = site.data / "evidence.jsonl"
    with_evidence(site.data / "stores", lambda evidence: write(evidence, out, T0))
    return out


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gateway's data with its export."""
    site = Site(tmp_path_factory.mktemp("made") / "data")

    async def make() -> None:
        await (await site.fill()).closed()

    asyncio.run(make())
    export(site)
    return site.data


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Site:
    shutil.copytree(made, tmp_path / "data")
    return Site(tmp_path / "data")


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_it_proves_what_the_stores_prove(site: Site) -> None:
    """The same verdict, and the same bodies, byte for byte."""
    out = site.data / "evidence.jsonl"
    assert check(out, site.key) == check(site.data, site.key)._replace(exported=T0)
    told = with_evidence(site.data, lambda evidence: list(evidence.entries()))
    assert list(Export(out).entries()) == told
    header = json.loads(lines(out)[0])
    assert (header["format"], header["gw"], header["exported"]) == ("doorpost-evidence/1", GW, T0)
    last = [line for line in map(json.loads, lines(out)[1:]) if line["stream"] == "reading"][-1]
    assert header["stores"][0]["streams"][3] == {"stream": "reading", "first": 1, "last": 18, "head": last["hash"]}


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_byte_of_a_record_changes_unseen(made: Path, data: st.DataObject) -> None:
    """Whichever it is: not intact, or not readable any more; never good."""
    raw = bytearray((made / "evidence.jsonl").read_bytes())
    start = raw.index(b"\n") + 1
    place = data.draw(st.integers(start, len(raw) - 2))
    raw[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != raw[place]))
    changed = made / "changed.jsonl"
    changed.write_bytes(raw)
    try:
        verdict = check(changed, made / "gateway.pub")
    except EvidenceError:
        return
    assert (verdict.intact, verdict.good) == ("no", False)


def test_it_is_cut(site: Site) -> None:
    """Anywhere: the header says how far each stream went."""
    out = site.data / "evidence.jsonl"
    whole = lines(out)
    for end in (1, 5, 30, len(whole) - 1):
        out.write_bytes(b"".join(whole[:end]))
        assert check(out, site.key).intact == "no"
    out.write_bytes(b"".join(whole)[:-20])
    with pytest.raises(EvidenceError, match="evidence_line"):
        check(out, site.key)


def test_lines_are_left_out_doubled_or_moved(site: Site) -> None:
    """The very record is named; a stream in another's place is not read at all."""
    out = site.data / "evidence.jsonl"
    whole = lines(out)
    seq = [json.loads(line).get("stream") for line in whole].index("reading") + 4  # the fifth reading
    for changed, fault in (
        ([*whole[:seq], *whole[seq + 1 :]], ("reading", 5, "missing")),
        ([*whole[: seq + 1], *whole[seq:]], ("reading", 5, "order")),
        ([*whole[:seq], whole[seq + 1], whole[seq], *whole[seq + 2 :]], ("reading", 5, "missing")),
    ):
        out.write_bytes(b"".join(changed))
        assert bad(check(out, site.key)) == [fault]
    out.write_bytes(b"".join([*whole[:seq], *whole[1:seq], *whole[seq:]]))
    with pytest.raises(EvidenceError, match="evidence_order"):
        check(out, site.key)


def test_the_header_is_edited_with_the_records(site: Site) -> None:
    """So that it is the export of a shorter store: the checkpoints know that there was more."""
    out = site.data / "evidence.jsonl"
    whole = lines(out)
    last = max(n for n, line in enumerate(whole) if json.loads(line).get("seq") == 12 and b'"reading"' in line)
    header = json.loads(whole[0])
    header["stores"][0]["streams"][3] |= {"last": 12, "head": json.loads(whole[last])["hash"]}
    kept = [line for line in whole[1:] if not (b'"reading"' in line and json.loads(line)["seq"] > 12)]
    out.write_bytes(b"\n".join([json.dumps(header).encode(), b"".join(kept)]))
    verdict = check(out, site.key)
    assert (verdict.intact, missing(verdict)) == ("yes", [("reading", 13, 15, "checkpoint")])
    header["stores"][0]["streams"][3]["head"] = "0" * 64
    out.write_bytes(b"\n".join([json.dumps(header).encode(), b"".join(kept)]))
    assert bad(check(out, site.key)) == [("reading", 12, "head")]


def test_a_whole_stream_is_left_out(site: Site) -> None:
    """The header does not name it any more: the checkpoints do."""
    out = site.data / "evidence.jsonl"
    whole = lines(out)
    header = json.loads(whole[0])
    header["stores"][0]["streams"] = [one for one in header["stores"][0]["streams"] if one["stream"] != "alarm"]
    kept = [line for line in whole[1:] if json.loads(line)["stream"] != "alarm"]
    out.write_bytes(b"\n".join([json.dumps(header).encode(), b"".join(kept)]))
    verdict = check(out, site.key)
    assert (verdict.complete, missing(verdict)) == ("no", [("alarm", 1, 15, "checkpoint")])


@pytest.mark.parametrize("value", ["t = 'noon'", "body = x'ff7b7d'"])
def test_what_is_no_record_is_exported_as_that(site: Site, value: str) -> None:
    """Also a body that is no text."""
    site.sql(READING, f"UPDATE record SET {value} WHERE id = ?", span_of(READING)[0] + 4)
    assert bad(check(export(site), site.key)) == [("reading", 4, "unreadable")]


def test_no_room_for_it(site: Site) -> None:
    """No half of an export is left that somebody could take for the whole."""
    out = site.data / "full" / "evidence.jsonl"
    out.parent.mkdir()
    with files_end_at(1000), pytest.raises(DoorpostError, match="evidence_unwritable"):
        with_evidence(site.data, lambda evidence: write(evidence, out, T0))
    assert list(out.parent.iterdir()) == []


class Endless:
    """Evidence of any number of readings, made as they are asked for."""

    gw = GW
    key: str | None = None
    exported: int | None = None

    def __init__(self, count: int) -> None:
        self.stores = [StoreHeld(STORE, [Held(stream, 1, count if stream is READING else 0) for stream in STREAMS])]

    def entries(self, streams: Collection[Stream] = STREAMS) -> Iterator[Entry]:
        (count,) = (held.last for held in self.stores[0].streams if held.stream is READING)
        prev, tq, body = genesis(STORE), TimeQuality("ntp", 1), b'{"d":"room1","v":[1,2,3]}'
        for seq in range(1, (count or 0) + 1 if READING in streams else 0):
            prev = chain_hash(prev, GW, STORE, READING, seq, BOOT, T0, tq, 5, "reading.poll/1", body)
            yield Row(GW, STORE, READING, seq, BOOT, T0, tq, 5, "reading.poll/1", body, prev)


def test_memory_does_not_grow_with_the_records(tmp_path: Path) -> None:
    """Neither to write them nor to check them."""
    key = private_key(tmp_path / "gateway.key").public_key()
    peaks: list[tuple[int, int]] = []
    for count in (500, 6_000):
        out = tmp_path / f"{count}.jsonl"
        tracemalloc.start()
        assert write(Endless(count), out, T0).records == count
        written = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        assert verify(Export(out), key).intact == "yes"
        peaks.append((written, tracemalloc.get_traced_memory()[1]))
        tracemalloc.stop()
    (few_written, few_checked), (many_written, many_checked) = peaks
    assert many_written < few_written + 200_000
    assert many_checked < few_checked + 200_000


def test_a_stranger_checks_it_in_another_language(site: Site) -> None:
    """The recipe of docs/evidence.md, as it stands there: perl and its own libraries, nothing of ours."""
    page = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"^```perl\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    out = site.data / "evidence.jsonl"

    def recipe() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["perl", "-e", script, str(out)], capture_output=True, text=True, check=False)

    told = recipe()
    assert (told.returncode, told.stdout, told.stderr) == (0, "65 records follow from each other\n", "")
    whole = lines(out)
    gone = msgspec.json.decode(whole[20])
    said = {"unreadable": "damaged", "store": gone["store"], "stream": gone["stream"], "seq": gone["seq"]}
    out.write_bytes(b"".join([*whole[:20], msgspec.json.encode(said) + b"\n", *whole[21:]]))
    told = recipe()
    lane = f"{gone['store']} {gone['stream']}"
    after = gone["seq"] + 1
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.splitlines() == [
        f"{lane}: unreadable",
        f"{lane}: hole before {after}",
        f"{lane} {after}: cannot be checked, since the one before it is gone",
        "63 records follow from each other",
    ]
    out.write_bytes(b"".join([*whole[:20], whole[20].replace(rb"\"n\":", rb"\"n\": "), *whole[21:]]))
    assert recipe().returncode != 0
    assert check(out, site.key).intact == "no"
