-- The centre's database. Times are microseconds, UTC; hashes are 32 raw bytes.

CREATE TABLE centre (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL  -- `ingest` of the acknowledgements: raised when this database turns out to be older than its gateways
);
INSERT INTO centre VALUES (1, 1);

-- One stream of one store of one gateway, with its watermark.
CREATE TABLE lane (
    id INTEGER PRIMARY KEY,
    gw TEXT NOT NULL,
    store TEXT NOT NULL,
    stream TEXT NOT NULL,
    upto INTEGER NOT NULL DEFAULT 0,  -- all up to here is stored, lost or refused
    head BLOB,                        -- the hash at upto, where it is known
    rows INTEGER NOT NULL DEFAULT 0,
    duplicates INTEGER NOT NULL DEFAULT 0,
    again INTEGER NOT NULL DEFAULT 0,  -- rows whose event is stored under another key too: see the table of that name
    UNIQUE (gw, store, stream)
);

-- Texts that come again and again: boot ids and kinds.
CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);

-- The key (gw, store, stream, seq) as one integer, lane << 40 | seq, so that the rows need no second index.
CREATE TABLE record (
    place INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL,
    t INTEGER NOT NULL,
    tq TEXT NOT NULL,
    err_ms INTEGER,
    mono INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    body BLOB NOT NULL,  -- as received
    hash BLOB NOT NULL
);

CREATE VIEW records AS
SELECT place, gw, store, stream, place & 0xFFFFFFFFFF AS seq, boot.text AS boot, t, tq, err_ms, mono,
    kind.text AS kind, body, hash
FROM record
JOIN lane ON lane.id = place >> 40
JOIN word AS boot ON boot.id = record.boot
JOIN word AS kind ON kind.id = record.kind;

-- The hash before `seq` as its batch stated it, where nothing stored says the same: after a hole, a loss, a refusal.
CREATE TABLE seam (
    lane INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    prev BLOB NOT NULL,
    PRIMARY KEY (lane, seq)
) WITHOUT ROWID;

-- Ranges settled without rows; they touch neither each other nor a row.
CREATE TABLE settled (
    lane INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    how TEXT NOT NULL CHECK (how IN ('lost', 'refused')),
    why TEXT NOT NULL,
    PRIMARY KEY (lane, first)
) WITHOUT ROWID;

-- Records that were given again in a new store after a fork: what their `was` names.
CREATE TABLE again (
    gw TEXT NOT NULL,
    store TEXT NOT NULL,
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (gw, store, stream, seq, hash)
) WITHOUT ROWID;

-- What could not be taken, as it came. The same again only counts.
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    gw TEXT NOT NULL,
    topic TEXT NOT NULL,
    lane INTEGER,
    reason TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    times INTEGER NOT NULL DEFAULT 1,
    settled INTEGER NOT NULL,  -- whether its range was settled as refused: then this is the only copy
    first INTEGER,             -- its first number and all its hashes, where it is a good batch of another history
    hashes BLOB,
    resolved INTEGER,          -- when the last of its records had come again, in another store
    payload BLOB NOT NULL
);
CREATE INDEX quarantine_open ON quarantine (lane) WHERE hashes IS NOT NULL AND resolved IS NULL;

-- What went wrong with a gateway's messages. `refused`: the message was not taken; else it was, but somebody should know.
CREATE TABLE problem (
    gw TEXT NOT NULL,
    what TEXT NOT NULL,
    refused INTEGER NOT NULL,
    count INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (gw, what)
) WITHOUT ROWID;

-- The gateways' signed checkpoints as they were committed: what this centre bears witness to, whatever becomes of its rows.
CREATE TABLE checkpoint (
    gw TEXT NOT NULL,
    store TEXT NOT NULL,
    seq INTEGER NOT NULL,  -- on audit
    received INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (gw, store, seq)
) WITHOUT ROWID;

CREATE TABLE gateway (
    gw TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    online INTEGER NOT NULL,
    since INTEGER NOT NULL,
    birth BLOB NOT NULL
) WITHOUT ROWID;

-- Derived from alarm.* records and urgent messages, which may come in any order.
CREATE TABLE alarm (
    id TEXT NOT NULL,
    gw TEXT NOT NULL,
    what TEXT,
    device TEXT,
    point TEXT,
    raised INTEGER,
    received INTEGER NOT NULL,
    repeats INTEGER NOT NULL DEFAULT 0,
    reemits INTEGER NOT NULL DEFAULT 0,
    acked INTEGER,
    acked_by TEXT,
    cleared INTEGER,
    ended INTEGER,
    lane INTEGER,
    seq INTEGER,  -- the last record about it
    urgent_only INTEGER NOT NULL,  -- no record has followed the urgent message yet
    quarantined INTEGER NOT NULL,  -- known only from a batch in quarantine
    PRIMARY KEY (id, gw)
) WITHOUT ROWID;

-- Derived from scan/1 and tag.seen/1.
CREATE TABLE sighting (
    code TEXT NOT NULL,
    lane INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    t INTEGER NOT NULL,
    device TEXT NOT NULL,
    carrier TEXT,
    PRIMARY KEY (code, lane, seq)
) WITHOUT ROWID;

-- Commands until their result. `cmd` is signed byte for byte.
CREATE TABLE command (
    id TEXT PRIMARY KEY,
    gw TEXT NOT NULL,
    cmd BLOB NOT NULL,
    alarm TEXT,
    issuer TEXT NOT NULL,
    made INTEGER NOT NULL,
    expires INTEGER,
    result TEXT,
    why TEXT,
    result_at INTEGER
) WITHOUT ROWID;
CREATE INDEX command_open ON command (gw) WHERE result IS NULL OR result = 'accepted';

-- Wrong PINs in a row, and until when the next try is not even looked at.
CREATE TABLE wrong_pin (
    person TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    locked_until INTEGER NOT NULL
) WITHOUT ROWID;
