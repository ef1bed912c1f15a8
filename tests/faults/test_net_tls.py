"""Certificates that expire and authorities that change in the middle of a session (docs/faults.md, 18).

TLS looks at a certificate only while a connection is made: a session outlives it, and the next connection does not come about.
"""

import asyncio
import os
import shutil
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from firmware_sim.mqtt_proxy import Proxy
from gateway.demo.broker import Broker, Tls
from gateway.demo.certs import Authority
from model.record import STREAMS, Stream
from support.centre import USERS
from support.exactly_once import assert_at_small_centre
from support.journals import GW
from support.proxy import proxied, through
from support.small_centre import SmallCentre
from support.uplinks import Gateway
from sync.mqtt import MqttSettings

# paho leaves the socket of a failed handshake to the collector
pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]


@contextmanager
def expired() -> Iterator[None]:
    """What is issued inside has expired."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.demo.certs.VALIDITY", timedelta(seconds=-1))
        yield


class Site:
    """A broker and the ways of a gateway and a centre to it, with certificates of one authority; who trusts whom stands in files."""

    def __init__(self, directory: Path) -> None:
        self.authority = Authority(directory)
        server, own, central = self.authority.server(), self.authority.client(GW), self.authority.client("central")
        self.broker_trusts, self.gateway_trusts = directory / "broker-ca.pem", directory / "gateway-ca.pem"
        for file in (self.broker_trusts, self.gateway_trusts):
            shutil.copy(self.authority.ca, file)
        tls = Tls(self.broker_trusts, server.cert, server.key, client_certificates=True)
        self.broker = Broker(USERS, directory / "broker", program="mosquitto", tls=tls)
        self.broker.start()
        self.gateways = MqttSettings(self.broker.url, GW, ca=self.gateway_trusts, cert=own.cert, key=own.key)
        self.centres = MqttSettings(
            self.broker.url, "central", ca=self.gateway_trusts, cert=central.cert, key=central.key
        )
        self._shown = server.cert

    async def reload(self) -> None:
        """Return once the broker shows the certificate that stands in its file, to whoever connects from now on."""
        os.kill(self.broker.pid, signal.SIGHUP)
        expected = ssl.PEM_cert_to_DER_cert(self._shown.read_text())
        asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        asking.check_hostname = False
        asking.verify_mode = ssl.CERT_NONE
        shown = None
        while shown != expected:
            _, writer = await asyncio.open_connection("127.0.0.1", self.broker.port, ssl=asking)
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.transport.abort()


@asynccontextmanager
async def connected(site: Site, directory: Path) -> AsyncIterator[tuple[Gateway, Proxy]]:
    """Records have come through; what is written inside and afterwards has to as well."""
    try:
        async with (
            proxied(site.broker) as near,
            SmallCentre(site.broker, settings=site.centres) as centre,
            Gateway(through(near, site.gateways), directory / "stores") as gateway,
        ):
            await gateway.write(Stream.READING, 5)
            await gateway.settled(*STREAMS)
            yield gateway, near
            await gateway.write(Stream.ALARM, 5)
            await gateway.settled(*STREAMS)
            await assert_at_small_centre(gateway.journal, centre)
            assert gateway.uplink.problem is None
    finally:
        await asyncio.to_thread(site.broker.kill)


async def refused(gateway: Gateway) -> str:
    """What is told, once TLS has not let it through."""
    await gateway.until(lambda: getattr(gateway.uplink.problem, "code", None) == "broker_tls")
    return str(gateway.uplink.problem)


async def test_server_certificate_expires(tmp_path: Path) -> None:
    """18: the session goes on, the next one is refused with the reason, until the broker has a new certificate."""
    site = Site(tmp_path)
    async with connected(site, tmp_path) as (gateway, near):
        with expired():
            site.authority.server()
        await site.reload()
        await gateway.write(Stream.EVENT, 5)
        await gateway.settled(*STREAMS)
        near.reset()
        await gateway.write(Stream.READING, 5)
        assert "expired" in await refused(gateway)
        assert gateway.uplink.counts(Stream.READING).waiting == 5
        site.authority.server()
        await site.reload()


async def test_own_certificate_expires(tmp_path: Path) -> None:
    """18: the broker no longer takes ours; a new one in the same place is taken without a restart."""
    site = Site(tmp_path)
    async with connected(site, tmp_path) as (gateway, near):
        with expired():
            site.authority.client(GW)
        near.reset()
        await gateway.write(Stream.READING, 5)
        assert "expired" in await refused(gateway)
        site.authority.client(GW)


async def test_authority_is_changed(tmp_path: Path) -> None:
    """18: the broker has a certificate of a new authority: refused until the gateway trusts it, then also with one of its own."""
    site = Site(tmp_path)
    async with connected(site, tmp_path) as (gateway, near):
        old = site.authority.ca.read_text()
        new = Authority(tmp_path)
        new.server()
        site.broker_trusts.write_text(old + new.ca.read_text())
        await asyncio.to_thread(site.broker.kill)  # mosquitto reads again what it shows, but not whom it trusts
        await asyncio.to_thread(site.broker.start)
        await gateway.write(Stream.READING, 5)
        await refused(gateway)
        site.gateway_trusts.write_text(old + new.ca.read_text())
        await gateway.settled(*STREAMS)
        new.client(GW)
        site.gateway_trusts.write_text(new.ca.read_text())
        near.reset()
