-- The centre's database. Times are microseconds, UTC; hashes are 32 raw bytes.

CREATE TABLE centre (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL,  -- `ingest` of the acknowledgements: raised when this database turns out to be older than its gateways
    derived INTEGER NOT NULL DEFAULT 0,  -- 0: the records are to be gone through once more for what this version derives from them
    cut_off INTEGER  -- since when `central run` has no connection to its broker, if it runs; NULL while it has one
);
INSERT INTO centre (one, epoch, derived) VALUES (1, 1, 1);

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
    birth BLOB NOT NULL,
    heard INTEGER NOT NULL DEFAULT 0  -- when it was heard last, to the second
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
    lift TEXT,                     -- where it calls for a rescue
    incident TEXT,
    start INTEGER,                 -- of its part in that, as far as is known
    stop INTEGER,
    gone INTEGER,
    latest INTEGER,  -- when it had begun beyond doubt
    sealed INTEGER,  -- until when, beyond doubt, nobody had answered it and nothing ended it
    dirty INTEGER NOT NULL DEFAULT 0,  -- its incident is to be derived again before the commit
    PRIMARY KEY (id, gw)
) WITHOUT ROWID;
CREATE INDEX alarm_lift ON alarm (gw, lift) WHERE lift IS NOT NULL;
CREATE INDEX alarm_incident ON alarm (incident) WHERE incident IS NOT NULL;
CREATE INDEX alarm_dirty ON alarm (gw) WHERE dirty;
CREATE INDEX alarm_unreadable ON alarm (gw) WHERE what = 'unreadable' AND ended IS NULL;

-- Each transition of a lift's alarm once, whether it came as a record, by an urgent message, in quarantine or in several ways.
CREATE TABLE step (
    alarm TEXT NOT NULL,
    gw TEXT NOT NULL,
    kind TEXT NOT NULL,
    boot TEXT NOT NULL,
    mono INTEGER NOT NULL,
    t INTEGER NOT NULL,
    part TEXT NOT NULL,  -- which of several of a kind at one moment
    tq TEXT NOT NULL,
    err_ms INTEGER,
    received INTEGER NOT NULL,
    place INTEGER,  -- its record, else `body`
    body BLOB,
    PRIMARY KEY (alarm, gw, kind, boot, mono, t, part)
) WITHOUT ROWID;

-- One rescue as the desk sees it: derived from steps and commands, by `central/incidents.py`.
CREATE TABLE incident (
    id TEXT PRIMARY KEY,  -- id@gateway of its first alarm
    key TEXT NOT NULL,    -- of its lift
    over INTEGER NOT NULL,
    since INTEGER NOT NULL,
    doc BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX incident_order ON incident (over, since);
CREATE INDEX incident_ended ON incident (doc ->> 'ended') WHERE over;
CREATE INDEX incident_key ON incident (key);

-- The lifts as lift.file/1 or, without one, an alarm or a test names them. Those with one `key` are one lift.
CREATE TABLE lift (
    gw TEXT NOT NULL,
    lift TEXT NOT NULL,
    key TEXT NOT NULL,
    place INTEGER NOT NULL DEFAULT 0,  -- of the newest record about it
    state TEXT,
    rescue TEXT,
    registration TEXT,
    name TEXT,
    address TEXT,
    maintainer TEXT,
    inspection_due TEXT,
    dirty INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (gw, lift)
) WITHOUT ROWID;
CREATE INDEX lift_key ON lift (key);
CREATE INDEX lift_dirty ON lift (gw) WHERE dirty;
CREATE INDEX lift_rescue ON lift (rescue) WHERE rescue IS NOT NULL;
CREATE INDEX lift_registration ON lift (registration) WHERE registration IS NOT NULL;

-- Derived from lift.test/1, the last ones of each lift: never alarms. `begun`, `passed` and `failed` are the places of the records that say so.
CREATE TABLE lift_test (
    test TEXT NOT NULL,
    gw TEXT NOT NULL,
    lift TEXT NOT NULL,
    received INTEGER NOT NULL,
    begun INTEGER,
    passed INTEGER,
    failed INTEGER,
    took_ms INTEGER,
    why TEXT,
    by TEXT,
    PRIMARY KEY (test, gw)
) WITHOUT ROWID;
CREATE INDEX lift_test_lift ON lift_test (gw, lift);

-- Derived from time.anchor/1: the best of each boot, by which its records lie on the calendar.
CREATE TABLE anchor (
    gw TEXT NOT NULL,
    boot TEXT NOT NULL,
    mono INTEGER NOT NULL,
    utc INTEGER NOT NULL,
    source TEXT NOT NULL,
    err_ms INTEGER,
    PRIMARY KEY (gw, boot)
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
    name TEXT NOT NULL DEFAULT 'alarm.ack',
    alarm TEXT,
    issuer TEXT NOT NULL,
    made INTEGER NOT NULL,
    expires INTEGER,
    result TEXT,
    why TEXT,
    result_at INTEGER,
    auto INTEGER NOT NULL DEFAULT 0  -- nobody gave it: what was said of one alarm of an incident goes to the others
) WITHOUT ROWID;
CREATE INDEX command_open ON command (gw) WHERE result IS NULL OR result = 'accepted';
CREATE INDEX command_alarm ON command (alarm);

-- Wrong PINs in a row, and until when the next try is not even looked at.
CREATE TABLE wrong_pin (
    person TEXT NOT NULL,
    place TEXT NOT NULL,  -- from where; '' for all places together
    count INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    PRIMARY KEY (person, place)
) WITHOUT ROWID;

-- From where a person has logged in of late.
CREATE TABLE right_pin (
    person TEXT NOT NULL,
    place TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (person, place)
) WITHOUT ROWID;
