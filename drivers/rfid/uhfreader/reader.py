"""What a UHFReader18 or 288M is asked: who it is, its mode and power, which tags are there, their memory."""

from collections.abc import Callable

from drivers.rfid.access import Place, TagError, gen2_error
from drivers.rfid.errors import error_name
from drivers.rfid.reads import Reads
from drivers.rfid.talk import Talk
from drivers.rfid.uhfreader import codec
from drivers.rfid.uhfreader.codec import Frame, Information
from drivers.rfid.uhfreader.config import UhfReaderConfig
from model.errors import TransientError

ROUNDS = 2
"""So often is looked which tags are there."""
WORD_S = 0.1
"""A word that is written takes up to 20 ms by the Gen2 standard, and readers try again."""
EPC_MAX_BYTES = 30


class Refused(TagError):
    """The reader answered with a status that is none of success."""

    def __init__(self, command: int, frame: Frame) -> None:
        self.frame = frame
        super().__init__("rfid_refused", command=f"{command:02X}", error=error_name(frame.status, codec.ERRORS))


class Reader:
    """It answers one question after the other, and only to its own command."""

    def __init__(self, talk: Talk[Frame], reads: Reads, config: UhfReaderConfig) -> None:
        self._talk = talk
        self._reads = reads
        self._config = config
        self._four = config.model == "uhfreader288"
        self._information = Information(0, 0)

    async def begin(self) -> None:
        """Raises TransientError where it is silent or does not take a setting."""
        self._information = await self._ask_information()
        if self._config.answer_mode:
            await self._set_answer_mode()
        wanted = self._config.power_dbm
        if wanted is None or wanted == self._information.power_dbm:
            return
        await self._set("power_dbm", wanted, codec.SET_POWER, bytes((wanted,)))
        kept = (await self._ask_information()).power_dbm
        if kept != wanted:
            raise TransientError("rfid_setting_not_kept", setting="power_dbm", value=wanted, kept=kept)

    async def inventory(self, antenna: int) -> set[str]:
        """The EPCs that the frames of one inventory tell; the reads are told too.

        Raises Refused, TagError `rfid_antenna` and `rfid_endless_round`.
        """
        scan = self._information.scan_byte
        data = codec.inventory_288(self._config.q, self._config.session, antenna, scan) if self._four else b""
        mine = self._answer_to(codec.INVENTORY)
        await self._talk.say(codec.encode(self._config.address, codec.INVENTORY, data))
        found: set[str] = set()
        scan_s = self._information.scan_s
        answers = self._reads.answers(self._talk, mine, scan_s + self._config.answer_s, scan_s)
        while True:
            frame, at = await answers.next()
            if frame.status == codec.NO_TAG:
                return found
            if frame.status == codec.ANTENNA_ERROR:
                raise TagError("rfid_antenna", antenna=antenna)
            if frame.status not in codec.WITH_TAGS:
                raise Refused(codec.INVENTORY, frame)
            some = codec.tag_reads(frame.data, four=self._four)
            for read in some if some is not None else (None,):
                self._reads.take(read, at)
            found |= {read.epc for read in some or () if read}
            if frame.status == codec.MEMORY_FULL:
                raise Refused(codec.INVENTORY, frame)
            if frame.status != codec.MORE_FOLLOW:
                return found

    # drivers.rfid.access.Air

    async def tags(self) -> set[str]:
        rounds = [antenna for _ in range(ROUNDS) for antenna in self._config.antennas]
        return {epc for antenna in rounds for epc in await self.inventory(antenna)}

    async def read(self, epc: str, place: Place, count: int) -> bytes:
        data = codec.read_words(_short(epc), place.number, place.pointer, count, place.password)
        words = await self._access(epc, codec.READ, data)
        if len(words) != 2 * count:
            raise TagError("rfid_unverified", epc=epc)
        return words

    async def write(self, epc: str, place: Place, data: bytes) -> None:
        written = codec.write_words(_short(epc), place.number, place.pointer, data, place.password)
        await self._access(epc, codec.WRITE, written, WORD_S * len(data) / 2)

    async def _access(self, epc: str, command: int, data: bytes, more_s: float = 0.0) -> bytes:
        try:
            return await self._ask(command, data, more_s)
        except Refused as err:
            status, code = err.frame.status, err.frame.data[:1]
            if status == codec.TAG_ERROR and code:
                raise gen2_error(code[0], epc) from err
            if status == codec.WRONG_PASSWORD:
                raise TagError("rfid_tag_password", epc=epc) from err
            if status in (codec.NO_TAG, codec.POOR_COMMUNICATION):
                raise TagError("rfid_tag_lost", epc=epc) from err
            raise TagError(err.code, **err.params) from err

    # its settings

    async def _set_answer_mode(self) -> None:
        """Both keep their mode in their flash: that of UHFReader18 can be read, and is written only where it is another."""
        if self._four:
            await self._set("answer_mode", True, codec.SET_MODE_288, b"\x00")
            return
        mode = codec.mode_18(await self._set("answer_mode", True, codec.GET_MODE_18))
        if mode is None:
            raise TransientError("device_not_understood", port=self._config.port)
        if mode[0] & codec.MODE_BITS:
            await self._set("answer_mode", True, codec.SET_MODE_18, bytes((mode[0] & ~codec.MODE_BITS,)) + mode[1:])

    async def _set(self, setting: str, value: object, command: int, data: bytes = b"") -> bytes:
        """What a command for that setting is answered. Raises TransientError `rfid_setting_refused`."""
        try:
            return await self._ask(command, data)
        except Refused as err:
            why = err.params["error"]
            raise TransientError("rfid_setting_refused", setting=setting, value=value, error=why) from err

    async def _ask_information(self) -> Information:
        told = codec.information(await self._ask(codec.INFORMATION))
        if told is None:
            raise TransientError("device_not_understood", port=self._config.port)
        return told

    async def _ask(self, command: int, data: bytes = b"", more_s: float = 0.0) -> bytes:
        """Raises Refused."""
        question = codec.encode(self._config.address, command, data)
        frame = await self._talk.ask(question, self._answer_to(command), self._config.answer_s + more_s)
        if frame.status != codec.OK:
            raise Refused(command, frame)
        return frame.data

    def _answer_to(self, command: int) -> Callable[[Frame], bool]:
        """Whether a frame answers a command: it says so itself, or that the question was not understood."""

        def mine(frame: Frame) -> bool:
            ours = self._config.address in (frame.address, codec.BROADCAST)
            not_understood = frame.command == 0 and frame.status == codec.UNKNOWN_COMMAND
            return ours and (frame.command == command or not_understood)

        return mine


def _short(epc: str) -> bytes:
    raw = bytes.fromhex(epc)
    if len(raw) > EPC_MAX_BYTES:
        raise TagError("rfid_epc_too_long", epc=epc)
    return raw
