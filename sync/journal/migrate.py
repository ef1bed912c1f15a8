"""Segments of earlier versions of this program: a new file is filled from the old one and then takes its place."""

from contextlib import closing
from pathlib import Path

import apsw

from model.errors import StoreDamaged
from sync.journal.files import store_errors, sync_directory
from sync.journal.schema import SCHEMA_VERSION, blank

_FROM = {
    1: """
    INSERT INTO segment SELECT * FROM old.segment;
    INSERT INTO start SELECT * FROM old.start;
    INSERT INTO common(boot, kind, source, err_ms)
      SELECT DISTINCT b.boot, k.kind, source, err_ms
      FROM old.record AS r JOIN old.boot AS b ON b.id = r.boot JOIN old.kind AS k ON k.id = r.kind;
    INSERT INTO record
      SELECT r.id, c.id, t, mono, body, hash
      FROM old.record AS r JOIN old.boot AS b ON b.id = r.boot JOIN old.kind AS k ON k.id = r.kind
      JOIN common AS c ON (c.boot, c.kind, c.source) = (b.boot, k.kind, r.source) AND c.err_ms IS r.err_ms
      ORDER BY r.id;
    INSERT INTO state
      SELECT CASE WHEN key GLOB 'ack/*' OR key GLOB 'lost/*' OR key GLOB 'dropped/*'
        THEN replace(key, '/', '/' || store || '/') ELSE key END, value
      FROM old.state, old.segment;
    """,
}
"""How the newest schema is filled from that of each earlier version."""


def migrate(path: Path, version: int) -> None:
    """Bring a segment of that version up to date. It stays as it was until the new one is whole and holds as many records.

    Raises StoreError, with the old file in place.
    """
    new = path.with_suffix(".new")
    with store_errors(path):
        for leftover in path.parent.glob(new.name + "*"):
            leftover.unlink()
        with closing(apsw.Connection(str(path))) as old:
            old.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)  # what a crash left in the WAL
        with closing(blank(new)) as db:
            db.execute("ATTACH ? AS old", (str(path),))
            with db:
                db.execute(_FROM[version])
            counts = db.execute("SELECT (SELECT count(*) FROM record), (SELECT count(*) FROM old.record)").fetchall()
            if counts[0][0] != counts[0][1] or db.pragma("quick_check") != "ok":
                raise StoreDamaged("store_damaged", path=path, why=f"schema {version} to {SCHEMA_VERSION}: {counts}")
            db.execute("DETACH old")
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        new.rename(path)
        sync_directory(path.parent)
