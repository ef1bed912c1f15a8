"""`doorpost device record`: what a device says on the wire, into a file for those who are to understand it."""

import json
import os
from pathlib import Path
from typing import Any, TextIO

import click

from gateway.cli.leaf import Exit, alone_option, data_option, leaf
from gateway.cli.show import Show
from gateway.client import ask
from model.errors import DoorpostError, DriverError
from model.texts import text


def add(group: click.Group, lang: str) -> None:
    """To the group `device`."""
    file = click.Argument(["file"], type=click.Path(dir_okay=False, path_type=Path))
    span = click.FloatRange(min=0, min_open=True)
    seconds = click.Option(["--seconds"], type=span, help=text("cli.option.seconds", lang))
    leaf(group, "record", lang, click.Argument(["device"]), file, seconds, alone_option(lang), data_option(lang))(
        _record
    )


class _Recording:
    """The file as it grows: only its owner may read it. A file that is there already stays. Raises DoorpostError."""

    def __init__(self, path: Path) -> None:
        self.counts = {"device": 0, "gateway": 0}
        self.bytes = 0
        self.personal = False
        self.asked = False
        self._path = path
        try:
            self._file: TextIO = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", buffering=1)
        except FileExistsError as err:
            raise DoorpostError("recording_exists", file=path) from err
        except OSError as err:
            raise DoorpostError("recording_unwritable", file=path, why=err.strerror) from err

    def take(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
        if "to" in line:
            self.counts[line["to"]] += 1
            self.bytes += len(bytes.fromhex(line["hex"]))
        else:
            self.personal = line["personal"]
            self.asked = _asked(line["line"])

    def close(self) -> None:
        """Without a byte of the device it was none."""
        self._file.close()
        if not self.counts["gateway"]:
            self._path.unlink()


def _record(show: Show, *, device: str, file: Path, seconds: float | None, config: Path | None, data: Path) -> int:
    recording = _Recording(file)
    problem = None
    try:
        if config:
            problem = _alone(recording, config, device, seconds)
        else:
            for line in ask(data, "record", device=device, seconds=seconds):
                recording.take(line)
    except KeyboardInterrupt:
        pass  # its usual end
    finally:
        recording.close()
    asked, answered = recording.counts["device"], recording.counts["gateway"]
    told = {"file": str(file) if answered else None, "sent": asked, "received": answered, "bytes": recording.bytes}
    if show.as_json:
        why = None if answered or problem is None else show.problem_document(problem)
        show.document({**told, "personal": recording.personal, "problem": why})
    elif answered:
        show.line(show.words("cli.device_record.done", **told))
        if recording.asked and not asked:
            show.note(show.words("cli.device_record.unasked", file=file, device=device))
        if recording.personal:
            show.note(show.words("cli.device_record.personal", file=file))
    else:
        show.note(show.words("cli.device_record.silent", device=device, file=file))
        if problem:
            show.note(show.advised(problem.code, **problem.params))
    return Exit.OK if answered else Exit.UNREACHABLE


def _asked(line: dict[str, Any]) -> bool:
    """Whether the driver of that line asks its device anything, if only once at the beginning."""
    return line["driver"] not in ("card_em4100", "card_lines") and line.get("protocol") != "lines"


def _alone(recording: _Recording, config: Path, device: str, seconds: float | None) -> DriverError | None:
    """What was wrong with port or device at the end, which may be Ctrl-C."""
    import asyncio

    from drivers.common.ports import named
    from gateway.alone import alone
    from gateway.recording import record
    from gateway.settings.load import load

    problem: DriverError | None = None

    async def run() -> None:
        nonlocal problem
        async with alone(load(config), device) as (supervised, _):
            try:
                async for line in record(supervised, seconds):
                    recording.take(line)
            finally:
                problem = supervised.line.problem or supervised.problem

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        pass  # its usual end
    return problem and named(problem, str(problem.params.get("port", "")))
