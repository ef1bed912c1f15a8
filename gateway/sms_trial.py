"""One short message to one person of the settings, to see whether it arrives. It is no alarm's and makes no record."""

import asyncio
from typing import Any

from gateway.messenger import Messenger
from gateway.records import masked
from gateway.rules.site import Site
from model.errors import ContractError
from model.texts import text


class SmsTrial:
    def __init__(self, gateway: str, site: Site, messenger: Messenger) -> None:
        self._gateway = gateway
        self._site = site
        self._messenger = messenger

    async def send(self, name: str) -> dict[str, Any]:
        """Returns when the network took it; goes on where nobody waits for that any more.

        Raises ContractError `sms_person_unknown`, `sms_no_phone`; DriverError as `Messenger.send`.
        """
        person = next((one for one in self._site.persons if one.name == name), None)
        if person is None:
            known = ", ".join(one.name for one in self._site.persons) or "-"
            raise ContractError("sms_person_unknown", name=name, known=known)
        if person.phone is None:
            raise ContractError("sms_no_phone", name=name)
        words = text("sms.trial", self._site.language, gateway=self._gateway)
        taken = await asyncio.shield(asyncio.ensure_future(self._messenger.send(person.phone, words)))
        assert taken, "nobody calls it back"
        return {"person": name, "number": masked(person.phone), "device": taken.device, "ref": taken.ref, "text": words}
