"""What an M100/R200 module is told: its settings, its inventory, the memory of tags. It does one thing after the other."""

from drivers.rfid.access import NO_PASSWORD, Place, TagError, gen2_error
from drivers.rfid.errors import error_name
from drivers.rfid.m100 import codec
from drivers.rfid.m100.codec import Frame, Framing
from drivers.rfid.m100.config import M100Config
from drivers.rfid.talk import Talk
from model.errors import TransientError
from model.ports import Bank

ANSWER_S = 1.0
"""A module answers within milliseconds; a serial server and a busy gateway may add the rest."""
ROUND_S = 0.1
ROUNDS = 3
"""So often is looked which tags are there; a round whose tags have come is followed by that silence."""
ROUND_READS = 50
"""A module that never falls silent is not waited for."""
WORD_S = 0.1
"""A word that is written takes up to 20 ms by the Gen2 standard, and modules try again."""
PC_BIT = 16
MASK_MAX_BYTES = 31
"""Its length is told in one byte, in bits."""


class Refused(TagError):
    """The module answered with an error."""

    def __init__(self, command: int, params: bytes) -> None:
        self.error = params[0] if params else 0
        super().__init__("rfid_refused", command=f"{command:02X}", error=error_name(self.error, codec.ERRORS))


class Module:
    """An answer is believed only after the inventory was stopped: an error does not say which command it is about."""

    def __init__(self, talk: Talk[Frame], framing: Framing, config: M100Config) -> None:
        self._talk = talk
        self._framing = framing
        self._config = config
        self._pcs: dict[str, str] = {}
        self._found: dict[str, str] | None = None
        self.masked: bool | None = None
        """Whether a mask of ours may hide all other tags; None: a gateway that was killed may have left one."""

    async def ask(self, command: int, params: bytes = b"", *also: int, more_s: float = 0.0) -> bytes:
        """The parameters of the response, whose command may be one of `also` too. Raises Refused.

        An inventory that was stopped may say its "no tag" behind that: it is the answer only where no other one comes.
        """
        no_tag: Frame | None = None

        def mine(frame: Frame) -> bool:
            nonlocal no_tag
            if frame.type != codec.TYPE_RESPONSE or frame.command not in (command, codec.FAILURE, *also):
                return False
            if codec.no_tag(frame):
                no_tag = frame
            return not codec.no_tag(frame)

        try:
            frame = await self._talk.ask(codec.encode(self._framing, command, params), mine, ANSWER_S + more_s)
        except TransientError as err:
            if err.code == "port_gone" or no_tag is None:
                raise
            frame = no_tag
        if frame.command == codec.FAILURE:
            raise Refused(command, frame.params)
        return frame.params

    async def who(self) -> None:
        """Whether it is there, also in the midst of an inventory."""
        await self._alone(codec.MODULE_INFO, codec.MODULE_INFO_HARDWARE)

    async def _alone(self, command: int, params: bytes = b"") -> None:
        """Whatever errors the inventory tells meanwhile are none of this command."""
        await self._talk.ask(
            codec.encode(self._framing, command, params),
            lambda frame: frame.type == codec.TYPE_RESPONSE and frame.command == command,
            ANSWER_S,
        )

    async def arm(self, unmask: bool) -> None:
        """Write the settings and start an inventory that goes on as long as the module can. Raises TransientError.

        `unmask`: a mask that may have been left is taken away before, which a module that does not answer makes long.
        """
        c = self._config
        held = bool(self.masked) or any(
            given is not None for given in (c.region, c.power_dbm, c.q, c.session, c.target, c.select)
        )
        if held:
            await self.hold()
            await self._set_radio()
            await self._set_select()
        if unmask and self.masked is None:
            await self._unmask_what_was_left(held)
        await self._talk.say(codec.encode(self._framing, codec.MULTI_INVENTORY, codec.MULTI_INVENTORY_LONGEST))

    async def _set_radio(self) -> None:
        c = self._config
        if c.region is not None:
            await self._set("region", c.region, codec.SET_REGION, bytes((codec.REGIONS[c.region],)))
        if c.power_dbm is not None:
            wanted = round(100 * c.power_dbm).to_bytes(2, "big")
            await self._set("power_dbm", c.power_dbm, codec.SET_POWER, wanted)
            kept = await self.ask(codec.GET_POWER)
            if kept != wanted:
                dbm = int.from_bytes(kept, "big") / 100
                raise TransientError("rfid_setting_not_kept", setting="power_dbm", value=c.power_dbm, kept=dbm)
        if any(given is not None for given in (c.q, c.session, c.target)):
            wanted = codec.query(await self.ask(codec.GET_QUERY), c.q, c.session, c.target)
            given = ", ".join(f"{one}" for one in (c.q, c.session, c.target) if one is not None)
            await self._set("q, session, target", given, codec.SET_QUERY, wanted)

    async def _set_select(self) -> None:
        chosen = self._config.select
        if chosen is None:
            if self.masked:
                await self._unmask()
            return
        mask = codec.select(list(Bank).index(Bank(chosen.bank)), chosen.bit, bytes.fromhex(chosen.mask))
        await self._set("select", chosen.mask, codec.SET_SELECT, mask)
        await self._set("select", chosen.mask, codec.SELECT_MODE, codec.SELECT_ALWAYS, codec.SET_SELECT)
        self.masked = True

    async def _set(self, setting: str, value: object, command: int, params: bytes, *also: int) -> None:
        try:
            await self.ask(command, params, *also)
        except Refused as err:
            why = err.params["error"]
            raise TransientError("rfid_setting_refused", setting=setting, value=value, error=why) from err

    # drivers.rfid.access.Air, between `hold` and `arm`

    async def hold(self) -> None:
        """End the inventory, and hear what it still says."""
        await self._alone(codec.STOP_INVENTORY)
        await self._hear_out()

    async def _hear_out(self) -> None:
        for _ in range(ROUND_READS):
            if not await self._talk.hear(ROUND_S):
                break

    def saw(self, epc: str, pc: str) -> None:
        """A notification has told this tag."""
        if self._found is not None:
            self._found[epc] = pc

    async def tags(self) -> set[str]:
        """All of them take part, whatever mask was set."""
        await self._unmask()
        self._pcs = await self._inventory()
        return set(self._pcs)

    async def _unmask(self) -> None:
        await self.ask(codec.SELECT_MODE, codec.SELECT_NEVER, codec.SET_SELECT)
        self.masked = False

    async def _unmask_what_was_left(self, held: bool) -> None:
        """A module that refuses knows no masks. Where two tries find no answer `masked` stays None: not each gives one.

        `held`: the inventory was stopped already. Its "no tag" is no refusal.
        """
        for stopped in (held, False):
            try:
                if not stopped:
                    await self.hold()
                await self._unmask()
            except TransientError as err:
                if err.code == "port_gone":
                    raise
                if isinstance(err, Refused) and err.error != codec.ERROR_NO_TAG:
                    self.masked = False
            if self.masked is not None:
                return

    async def _inventory(self) -> dict[str, str]:
        """The PC of each EPC that is there."""
        found: dict[str, str] = {}
        self._found = found
        try:
            for _ in range(ROUNDS):
                await self._talk.say(codec.encode(self._framing, codec.SINGLE_INVENTORY))
                await self._hear_out()
        finally:
            self._found = None
        return found

    async def read(self, epc: str, place: Place, count: int) -> bytes:
        params = codec.access(place.password, place.number, place.pointer, count)
        data = await self._access(epc, codec.READ, params)
        if len(data) != 2 * count:
            raise TagError("rfid_unverified", epc=epc)
        return data

    async def write(self, epc: str, place: Place, data: bytes) -> None:
        params = codec.access(place.password, place.number, place.pointer, len(data) // 2) + data
        await self._access(epc, codec.WRITE, params, WORD_S * len(data) / 2)

    async def _single_out(self, epc: str) -> None:
        """Only the tag with that EPC takes part, and it is seen that it alone does.

        The mask begins with the PC, which counts the words of the EPC: a longer EPC that begins alike does not fit. Other
        bits of it tell a tag's state, which a write may have changed: then it is read once more.
        """
        for again in (False, True):
            if again and epc not in await self.tags():
                break
            mask = bytes.fromhex(self._pcs[epc] + epc)
            if len(mask) > MASK_MAX_BYTES:
                raise TagError("rfid_epc_too_long", epc=epc)
            self.masked = True
            await self.ask(codec.SET_SELECT, codec.select(list(Bank).index(Bank.EPC), PC_BIT, mask))
            await self.ask(codec.SELECT_MODE, codec.SELECT_ALWAYS, codec.SET_SELECT)
            there = await self._inventory()
            if set(there) == {epc}:
                return
            if there:
                raise TagError("rfid_several_tags", count=len(there), epcs=", ".join(sorted(there)))
        raise TagError("rfid_tag_lost", epc=epc)

    async def _access(self, epc: str, command: int, params: bytes, more_s: float = 0.0) -> bytes:
        """What the tag with that EPC and no other answers."""
        await self._single_out(epc)
        try:
            told = codec.accessed(await self.ask(command, params, more_s=more_s))
        except Refused as err:
            raise _tag_error(err, epc, params[: len(NO_PASSWORD)]) from err
        if told is None or told[0] != epc:
            raise TagError("rfid_unverified", epc=epc)
        return told[1]


def _tag_error(err: Refused, epc: str, password: bytes) -> TagError:
    if (code := codec.tag_error(err.error)) is not None:
        return gen2_error(code, epc)
    if err.error == codec.ERROR_PASSWORD and password != NO_PASSWORD:
        return TagError("rfid_tag_password", epc=epc)
    if err.error in (codec.ERROR_READ, codec.ERROR_WRITE, codec.ERROR_NO_TAG):
        return TagError("rfid_tag_lost", epc=epc)
    return TagError(err.code, **err.params)
