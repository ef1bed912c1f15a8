"""sllurp 3.0.5, an LLRP client of other authors (GPL-3.0: in an environment of its own), against the simulated reader.

It connects, sets its inventory up, sees tags and reads their TID; the reader starts anew, and it connects again by itself and sees
the tags that came meanwhile. Prints what it saw, one line of JSON each; exit code 1 where something did not come.
"""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sllurp.llrp import C1G2Read, LLRPReaderClient, LLRPReaderConfig, LLRPReaderState

ROOT = Path(__file__).parents[2]
WAIT_S = 15.0
BEFORE, AFTER = "3034257BF7194E4000001A01", "3034257BF7194E4000001A02"
SETTINGS = {
    "antennas": [1, 2],
    "tx_power_dbm": 27.5,
    "report_every_n_tags": 1,
    "tag_content_selector": {
        "EnableROSpecID": True,
        "EnableSpecIndex": False,
        "EnableInventoryParameterSpecID": False,
        "EnableAntennaID": True,
        "EnableChannelIndex": True,
        "EnablePeakRSSI": True,
        "EnableFirstSeenTimestamp": True,
        "EnableLastSeenTimestamp": True,
        "EnableTagSeenCount": True,
        "EnableAccessSpecID": True,
    },
    "reconnect": True,
    "reconnect_retries": 5,
    "start_inventory": True,
}


class Simulator:
    """As a process, run by this environment's Python: it needs nothing but the standard library."""

    def __init__(self, log: Path) -> None:
        command = [sys.executable, "-m", "firmware_sim", "llrp", "--every", "0", "--rate", "50", "--log", str(log)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._line()["endpoint"].rpartition(":")[2])

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout
        line: dict[str, Any] = json.loads(self._process.stdout.readline())
        return line

    def do(self, do: str, **arguments: Any) -> None:
        assert self._process.stdin
        print(json.dumps({"do": do, **arguments}), file=self._process.stdin, flush=True)
        answer = self._line()
        assert answer["ok"], answer

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate()


class Seen:
    """What sllurp's own thread has told."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.tags: list[dict[str, Any]] = []
        self.inventories = 0

    def take(self, _reader: object, tags: list[dict[str, Any]]) -> None:
        with self._changed:
            self.tags += tags
            self._changed.notify_all()

    def begun(self, _reader: object, _state: int) -> None:
        with self._changed:
            self.inventories += 1
            self._changed.notify_all()

    def until(self, what: str, true: Callable[[], object]) -> None:
        with self._changed:
            came = bool(self._changed.wait_for(true, WAIT_S))
        print(json.dumps({"waited for": what, "came": came}), flush=True)
        if not came:
            raise TimeoutError(what)

    def of(self, epc: str) -> list[dict[str, Any]]:
        return [tag for tag in self.tags if tag["EPC"].decode().upper() == epc]


def talk(simulator: Simulator, seen: Seen, client: LLRPReaderClient) -> None:
    client.add_tag_report_callback(seen.take)
    client.add_state_callback(LLRPReaderState.STATE_INVENTORYING, seen.begun)
    simulator.do("tag_in", epc=BEFORE)
    client.connect()
    seen.until("its inventory", lambda: seen.inventories)
    seen.until("a tag at both antennas", lambda: {tag["AntennaID"] for tag in seen.of(BEFORE)} == {1, 2})
    print(json.dumps({"tag": seen.of(BEFORE)[-1]}, default=repr))
    client.start_access_spec(C1G2Read(OpSpecID=1, MB=2, WordPtr=0, WordCount=6))
    seen.until("its TID", lambda: any("OpSpecResult" in str(tag) for tag in seen.of(BEFORE)))
    print(json.dumps({"tag": seen.of(BEFORE)[-1]}, default=repr))
    simulator.do("tag_out", epc=BEFORE)
    simulator.do("reboot")
    simulator.do("tag_in", epc=AFTER)
    seen.until("a second inventory, after the reader's start", lambda: seen.inventories > 1)
    seen.until("a tag that came then", lambda: seen.of(AFTER))


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "wire.jsonl"
        simulator, seen = Simulator(log), Seen()
        client = LLRPReaderClient("127.0.0.1", simulator.port, LLRPReaderConfig(SETTINGS))
        try:
            talk(simulator, seen, client)
        except TimeoutError:
            return 1
        finally:
            client.disconnect(timeout=5)
            simulator.stop()
            events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
            print(
                json.dumps({"reads that sllurp saw": len(seen.tags), "wire log": {e: events.count(e) for e in events}})
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
