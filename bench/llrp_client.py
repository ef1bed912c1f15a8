"""Our LLRP driver as the supervisor keeps it: `python -m bench.llrp_client PORT`. Each line on standard input is answered
with how many reads it has told in windows, and in how many of them.
"""

import asyncio
import sys

from drivers.rfid.llrp.config import LlrpConfig
from drivers.rfid.llrp.driver import LlrpDevice
from gateway.clock import SystemClock
from gateway.settings.schema import Configured
from gateway.supervisor import Supervised
from model.observation import Observation, TagWindow


async def main(port: str) -> None:
    reads = windows = 0

    def emit(observation: Observation) -> None:
        nonlocal reads, windows
        assert isinstance(observation, TagWindow)
        reads += observation.count
        windows += 1

    def commit(observation: Observation) -> "asyncio.Future[int]":
        raise AssertionError(observation)

    def answer() -> None:
        sys.stdin.readline()
        print(reads, windows, flush=True)

    config = LlrpConfig(id="gate", driver="rfid_llrp", port=f"tcp://127.0.0.1:{port}")
    device = Supervised("gate", Configured(LlrpDevice, config), SystemClock(), emit, commit, {}, lambda _: None)
    asyncio.get_running_loop().add_reader(sys.stdin, answer)
    await device.keep()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
