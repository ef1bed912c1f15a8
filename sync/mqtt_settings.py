"""Where the broker is, who we are there, and what makes the way to it safe."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from model.errors import LinkError, SettingsError

Spoken = Literal["5", "3.1.1"]
MqttVersion = Literal["auto", "5", "3.1.1"]


class SecuredSocket(ssl.SSLSocket):
    """Remembers why TLS has failed: of a certificate that the broker refuses paho says only that the connection is lost."""

    failure: ssl.SSLError | None = None

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as err:
            self.failure = err
            raise


@dataclass
class MqttSettings:
    """Where the broker is and who we are. `url` is `mqtt://host[:1883]` or `mqtts://host[:8883]`."""

    url: str
    username: str
    password_file: Path | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    protocol: MqttVersion = "auto"
    spoken: Spoken | None = field(default=None, init=False)
    """The version that this broker was found to speak."""

    def versions(self) -> list[Spoken]:
        """Those to be tried, in this order."""
        if self.protocol != "auto":
            return [self.protocol]
        return [self.spoken] if self.spoken else ["5", "3.1.1"]

    def address(self) -> tuple[str, int, bool]:
        """Host, port, TLS. Raises SettingsError."""
        try:
            url = urlsplit(self.url)
            port = url.port
        except ValueError as err:
            raise SettingsError("broker_url", url=self.url) from err
        if url.scheme not in ("mqtt", "mqtts") or not url.hostname:
            raise SettingsError("broker_url", url=self.url)
        tls = url.scheme == "mqtts"
        return url.hostname, port or (8883 if tls else 1883), tls

    def password(self) -> str | None:
        """Raises LinkError."""
        try:
            return self.password_file.read_text().strip() if self.password_file else None
        except (OSError, UnicodeDecodeError) as err:
            raise LinkError("password_unreadable", path=self.password_file, why=str(err)) from err

    def tls(self) -> ssl.SSLContext:
        """Made from the files as they are now: a certificate may have been renewed. Raises LinkError."""
        try:
            context = ssl.create_default_context(cafile=str(self.ca) if self.ca else None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.sslsocket_class = SecuredSocket
            if self.cert:
                context.load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as err:
            raise LinkError("certificate_unreadable", why=str(err)) from err
        return context
