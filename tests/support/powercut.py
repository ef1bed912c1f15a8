"""What a disk may hold after the power was cut, told from the log of what was done to it.

What was synced is there. Of what was not, each sector written, each change of length and each change of a name is there
or not, whatever came before or after it. A sync that failed promises nothing for what it covered, nor do later ones.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from support.diskfaults import Entry, Kind

SECTOR = 512
PAGE = 4096

Image = dict[str, bytes | None]
"""Paths relative to the disk's directory, with what is in them; None for a directory."""


@dataclass
class Change:
    """A write (`data`) or a new length (None) of a file."""

    position: int
    offset: int
    data: bytes | None
    synced: bool = False
    doubtful: bool = False


@dataclass
class File:
    """`base` is durable; then `changes`, in the order made."""

    base: bytearray = field(default_factory=bytearray)
    changes: list[Change] = field(default_factory=list)

    def sync(self, failed: bool) -> None:
        for change in self.changes:
            if failed:
                change.doubtful = change.doubtful or not change.synced
            elif not change.doubtful:
                change.synced = True
        while self.changes and self.changes[0].synced:
            change = self.changes.pop(0)
            _apply(self.base, change.offset, change.data)

    def image(self, choice: "Choice") -> bytes:
        content = bytearray(self.base)
        for change in self.changes:
            if change.data is None:
                if change.synced or choice.keeps(change.position, 0):
                    _apply(content, change.offset, None)
                continue
            end = change.offset + len(change.data)
            at = change.offset
            while at < end:
                stop = min(end, (at // choice.piece + 1) * choice.piece)
                if change.synced or choice.keeps(change.position, at // choice.piece):
                    _apply(content, at, change.data[at - change.offset : stop - change.offset])
                elif choice.zeros and len(content) < stop:
                    _apply(content, stop, None)
                at = stop
        return bytes(content)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    """A write, or without data a new length."""
    if data is None:
        del content[offset:]
    content.extend(bytes(max(0, offset - len(content))))
    if data is not None:
        content[offset : offset + len(data)] = data


@dataclass
class Directory:
    """`now` is what the process sees; `base` is durable, and `changes` (position, names with what they mean then) are not yet."""

    now: "dict[str, File | Directory]" = field(default_factory=dict)
    base: "dict[str, File | Directory]" = field(default_factory=dict)
    changes: "list[tuple[int, dict[str, File | Directory | None]]]" = field(default_factory=list)

    def change(self, position: int, names: "dict[str, File | Directory | None]") -> None:
        _rename(self.now, names)
        self.changes.append((position, names))

    def sync(self, failed: bool) -> None:
        if not failed:
            for _, names in self.changes:
                _rename(self.base, names)
            self.changes.clear()

    def image(self, choice: "Choice", path: str = "") -> Image:
        there = dict(self.base)
        for position, names in self.changes:
            if choice.keeps(position, -1):
                _rename(there, names)
        image: Image = {}
        for name, node in sorted(there.items()):
            if isinstance(node, File):
                image[path + name] = node.image(choice)
            else:
                image |= {path + name: None} | node.image(choice, f"{path}{name}/")
        return image


def _rename(names: "dict[str, File | Directory]", changes: "Mapping[str, File | Directory | None]") -> None:
    for name, node in changes.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


class Choice(NamedTuple):
    """Which of what was not synced is there: `keeps(position in the log, sector)`; a change of names or length has no sector.

    `zeros`: where a write that made the file longer is not there, the length may be.
    """

    name: str
    keeps: Callable[[int, int], bool]
    piece: int = PAGE
    zeros: bool = False


def extremes(pending: list[int]) -> list[Choice]:
    """The cases that are worth a look at every point; `pending` are the positions of what was not synced."""
    oldest, newest = (pending[0], pending[-1]) if pending else (0, 0)
    return [
        Choice("nothing", lambda position, sector: False),
        Choice("all", lambda position, sector: True),
        Choice("names only", lambda position, sector: sector == -1),
        Choice("contents only", lambda position, sector: sector != -1),
        Choice("lengths only", lambda position, sector: sector == -1, zeros=True),
        Choice("all but the oldest", lambda position, sector: position != oldest),
        Choice("only the newest", lambda position, sector: position == newest),
        Choice("the newest torn", lambda position, sector: position != newest or sector % 2 == 0, SECTOR),
    ]


def chance(random_: random.Random) -> Choice:
    """Any subset; now dense, now sparse, by pages or by sectors."""
    dense = random_.choice((0.1, 0.5, 0.9))
    salt = random_.getrandbits(64)
    return Choice(
        f"chance {dense} {salt:x}",
        lambda position, sector: random.Random(f"{salt} {position} {sector}").random() < dense,
        random_.choice((SECTOR, PAGE)),
        random_.random() < 0.5,
    )


class Disk:
    """The files under one directory: `apply` what was done, then look at what may be there."""

    def __init__(self, directory: Path, image: Image | None = None, *, lies: bool = False) -> None:
        """`image` is what it held at first. `lies`: no sync does anything."""
        self._prefix = str(directory.resolve())
        self._lies = lies
        self._root = Directory()
        self._nodes: dict[int, File | Directory] = {}
        for path, content in (image or {}).items():
            parent, name = self._place(path)
            node = Directory() if content is None else File(bytearray(content))
            parent.now[name] = parent.base[name] = node

    def apply(self, position: int, entry: Entry) -> None:
        if entry.path.endswith("-shm"):  # the index of a WAL, in memory: SQLite makes it anew
            self._nodes[entry.ino] = File()
            return
        match entry.kind:
            case Kind.CREATE | Kind.MKDIR | Kind.LINK | Kind.OPEN:
                self._appear(position, entry)
            case Kind.WRITE | Kind.TRUNCATE:
                node = self._nodes[entry.ino]
                assert isinstance(node, File)
                data = entry.data if entry.kind is Kind.WRITE else None
                node.changes.append(Change(position, entry.offset, data))
            case Kind.SYNC | Kind.SYNC_NAMES:
                if not self._lies:
                    self._nodes[entry.ino].sync(entry.failed)
            case Kind.RENAME:
                (from_, old), (to, new) = (
                    self._place(self._inside(entry.path)),
                    self._place(self._inside(entry.data.decode())),
                )
                node = from_.now[old]
                if from_ is to:
                    from_.change(position, {old: None, new: node})
                else:
                    from_.change(position, {old: None})
                    to.change(position, {new: node})
            case Kind.UNLINK:
                parent, name = self._place(self._inside(entry.path))
                parent.change(position, {name: None})

    def _appear(self, position: int, entry: Entry) -> None:
        path = self._inside(entry.path)
        if not path:
            self._nodes[entry.ino] = self._root
            return
        parent, name = self._place(path)
        match entry.kind:
            case Kind.MKDIR:
                parent.change(position, {name: Directory()})
            case Kind.LINK:
                to, new = self._place(self._inside(entry.data.decode()))
                to.change(position, {new: parent.now[name]})
            case Kind.CREATE:
                self._nodes[entry.ino] = file = File()
                parent.change(position, {name: file})
            case _:
                self._nodes[entry.ino] = parent.now[name]

    def pending(self) -> list[int]:
        """The positions of all that was not synced."""
        found: set[int] = set()
        nodes: list[File | Directory] = [self._root]
        while nodes:
            node = nodes.pop()
            if isinstance(node, File):
                found.update(c.position for c in node.changes if not c.synced)
            else:
                found.update(position for position, _ in node.changes)
                nodes += node.now.values()
        return sorted(found)

    def image(self, choice: Choice) -> Image:
        return self._root.image(choice)

    def _inside(self, path: str) -> str:
        return path.removeprefix(self._prefix).strip("/")

    def _place(self, path: str) -> tuple[Directory, str]:
        node = self._root
        *above, name = path.split("/")
        for part in above:
            below = node.now[part]
            assert isinstance(below, Directory)
            node = below
        return node, name


def put(image: Mapping[str, bytes | None], directory: Path) -> None:
    """Make the files."""
    directory.mkdir(parents=True, exist_ok=True)
    for path, content in image.items():
        if content is None:
            (directory / path).mkdir()
        else:
            (directory / path).write_bytes(content)


def image_of(directory: Path) -> Image:
    """What is there now."""
    return {
        str(path.relative_to(directory)): None if path.is_dir() else path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if not path.name.endswith("-shm")
    }


def worth(log: Iterable[Entry]) -> list[int]:
    """Moments worth a cut: next to whatever orders something, and after each answer."""
    found: set[int] = set()
    for position, entry in enumerate(log):
        if entry.kind not in (Kind.WRITE, Kind.OPEN):
            found |= {position, position + 1}
    return sorted(found)
