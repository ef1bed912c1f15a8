"""Ed25519 keys as files, and commands signed over their very bytes."""

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from msgspec import Raw

from model.errors import ContractError, SettingsError
from sync.contract.messages import COMMAND_MAX_BYTES, Command, SignedCommand, decode, encode


def fingerprint(key: Ed25519PublicKey) -> str:
    """First 16 hex digits of the sha256 of the raw public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def private_key(path: Path) -> Ed25519PrivateKey:
    """Read the key, or make it on the device with its public half beside it (`.pub`). The private file is 0600 from the first byte."""
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)  # what others may read, or a link to somewhere else, is not written into
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    loaded = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(loaded, Ed25519PrivateKey):
        raise SettingsError("key_not_ed25519", path=path)
    public = path.with_suffix(".pub")
    pem = loaded.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if not public.exists() or public.read_bytes() != pem:  # a full disk may have cut it short
        public.write_bytes(pem)
    return loaded


def public_key(path: Path) -> Ed25519PublicKey:
    """Raises SettingsError when the file is missing or holds another kind of key."""
    try:
        loaded = load_pem_public_key(path.read_bytes())
    except OSError as err:
        raise SettingsError("key_unreadable", path=path, why=err.strerror) from err
    except ValueError as err:
        raise SettingsError("key_unreadable", path=path, why="no_key") from err
    if not isinstance(loaded, Ed25519PublicKey):
        raise SettingsError("key_not_ed25519", path=path)
    return loaded


def sign(command: Command, key: Ed25519PrivateKey) -> SignedCommand:
    raw = encode(command)
    return SignedCommand(cmd=Raw(raw), key=fingerprint(key.public_key()), sig=key.sign(raw).hex())


def opened(signed: SignedCommand, pinned: dict[str, Ed25519PublicKey]) -> Command:
    """The command, once its signature is that of a pinned key. Raises ContractError."""
    key = pinned.get(signed.key)
    if key is None:
        raise ContractError("command_key_unknown", key=signed.key)
    raw = bytes(signed.cmd)
    if len(raw) > COMMAND_MAX_BYTES:
        raise ContractError("message_too_large", bytes=len(raw), limit=COMMAND_MAX_BYTES)
    try:
        key.verify(bytes.fromhex(signed.sig), raw)
    except InvalidSignature as err:
        raise ContractError("command_signature", key=signed.key) from err
    return decode(raw, Command)
