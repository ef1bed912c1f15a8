"""`doorpost device record`: what a device says on the wire, into a file for those who are to understand it."""

import json
import os
from pathlib import Path
from typing import Any, TextIO

import click

from gateway.cli.leaf import Exit, alone_option, data_option, leaf
from gateway.cli.show import Show
from gateway.client import ask
from model.errors import DoorpostError
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
        self.began = self.personal = False
        self._path = path
        try:
            self._file: TextIO = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", buffering=1)
        except OSError as err:
            raise DoorpostError("recording_unwritable", file=path, why=err.strerror) from err

    def take(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
        if "to" in line:
            self.counts[line["to"]] += 1
            self.bytes += len(bytes.fromhex(line["hex"]))
        else:
            self.began, self.personal = True, line["personal"]

    def close(self) -> None:
        """Without even a header it was none."""
        self._file.close()
        if not self.began:
            self._path.unlink()


def _record(show: Show, *, device: str, file: Path, seconds: float | None, config: Path | None, data: Path) -> int:
    recording = _Recording(file)
    try:
        if config:
            _alone(recording, config, device, seconds)
        else:
            for line in ask(data, "record", device=device, seconds=seconds):
                recording.take(line)
    except KeyboardInterrupt:
        pass  # its usual end
    finally:
        recording.close()
    asked, answered = recording.counts["device"], recording.counts["gateway"]
    told = {"file": str(file), "sent": asked, "received": answered, "bytes": recording.bytes}
    if show.as_json:
        show.document({**told, "personal": recording.personal})
    else:
        show.line(show.words("cli.device_record.done", **told))
        if recording.personal:
            show.note(show.words("cli.device_record.personal", file=file))
        if not answered:
            show.note(show.words("cli.device_record.silent", device=device))
    return Exit.OK if answered else Exit.UNREACHABLE


def _alone(recording: _Recording, config: Path, device: str, seconds: float | None) -> None:
    import asyncio

    from gateway.alone import alone
    from gateway.recording import record
    from gateway.settings.load import load

    async def run() -> None:
        async with alone(load(config), device) as (supervised, _):
            async for line in record(supervised, seconds):
                recording.take(line)

    asyncio.run(run())
