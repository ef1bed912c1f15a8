"""The gateways' checkpoints against what is stored: whoever rewrites a whole chain here cannot sign it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from central.store import SEQ_BITS
from model.bodies import Checkpoint
from model.errors import ContractError
from model.record import genesis
from sync.contract.messages import decode
from sync.contract.was import origin

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

BAD_SHOWN = 10


def audit(db: apsw.Connection, keys: Path) -> dict[str, Any]:
    """Per gateway how many checkpoints are `verified`, `bad` or `unverified`.

    `bad`: another hash is stored at a head, or the signature is not by the key `{gw}.pub` in `keys`; `unverified`: that file
    was not given. Raises SettingsError for a file that is no key.
    """
    return {gw: _audit(db, gw, enrolled(keys, gw)) for (gw,) in db.execute("SELECT DISTINCT gw FROM lane")}


def enrolled(keys: Path, gw: str) -> "Ed25519PublicKey | None":
    """The gateway's public key, where the centre was given it. Raises SettingsError for a file that is no key."""
    from sync.contract.signing import public_key

    path = keys / f"{gw}.pub"
    return public_key(path) if path.exists() else None


def _audit(db: apsw.Connection, gw: str, key: "Ed25519PublicKey | None") -> dict[str, Any]:
    from sync.contract.checkpoint import KIND, is_signed

    found = {"verified": 0, "bad": 0, "unverified": 0}
    bad = []
    for store, seq, body in db.execute(
        "SELECT store, seq, body FROM records WHERE gw = ? AND stream = 'audit' AND kind = ? ORDER BY place", (gw, KIND)
    ):
        try:
            said, of = decode(body, Checkpoint), origin(store, body)
            good = _stored(db, gw, of, said) and (key is None or is_signed(gw, of, said, key))
        except ContractError:
            good = False
        found["bad" if not good else "verified" if key else "unverified"] += 1
        if not good:
            bad.append({"store": store, "seq": seq})
    return {**found, "bad_first": bad[:BAD_SHOWN]}


def _stored(db: apsw.Connection, gw: str, store: str, said: Checkpoint) -> bool:
    """Whether each head is the hash that is stored there; what is not stored, or not yet, contradicts nothing."""
    for one in said.streams:
        hash_: bytes | None = genesis(store)
        if one.last:
            hash_ = db.execute(
                "SELECT hash FROM record WHERE place = (SELECT id << ? | ? FROM lane WHERE (gw, store, stream) = (?, ?, ?))",
                (SEQ_BITS, one.last, gw, store, one.stream),
            ).get
        if hash_ is not None and hash_.hex() != one.head:
            return False
    return True
