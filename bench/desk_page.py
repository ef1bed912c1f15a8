"""The rescue desk's live page, `doorpost central desk`, as a browser has it open all day."""

import json
import threading
import time
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

from bench.desk import PERSON
from bench.site import Site
from central.settings import Person, add_person
from model import pin

_PIN = "4711"


class Page:
    """Until the end of the stack. `shown`: when each incident came to it (CLOCK_BOOTTIME us), by its first alarm."""

    def __init__(self, site: Site, stack: ExitStack) -> None:
        add_person(site.centre_data / "central.toml", Person(name=PERSON, pin=pin.hashed(_PIN)))
        process = stack.enter_context(
            site.run("desk", "central", "desk", "--data", site.centre_data, "--listen", "127.0.0.1:0")
        )
        self._netloc = urlsplit(json.loads(process.line())["url"]).netloc
        self.shown: dict[str, int] = {}
        self._open = threading.Event()
        threading.Thread(target=self._follow, args=[self._cookie()], daemon=True).start()
        self._open.wait()

    def _cookie(self) -> str:
        with closing(HTTPConnection(self._netloc)) as connection:
            connection.request("POST", "/login", urlencode({"name": PERSON, "pin": _PIN}))
            return str(connection.getresponse().headers["Set-Cookie"]).partition(";")[0]

    def _follow(self, cookie: str) -> None:
        with closing(HTTPConnection(self._netloc)) as connection:
            connection.request("GET", "/events", headers={"Cookie": cookie})
            for line in connection.getresponse():
                at = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
                self._open.set()
                if line.startswith(b"data: "):
                    for incident in json.loads(line[6:])["fresh"].get("order", ()):
                        self.shown.setdefault(incident.partition("@")[0], at)
