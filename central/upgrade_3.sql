-- From version 2 to 3: rescues from lifts. What the records say of them is derived by `central/derive.py` afterwards.

ALTER TABLE centre ADD COLUMN derived INTEGER NOT NULL DEFAULT 0;
ALTER TABLE centre ADD COLUMN cut_off INTEGER;

ALTER TABLE gateway ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;
UPDATE gateway SET heard = since;

ALTER TABLE alarm ADD COLUMN lift TEXT;
ALTER TABLE alarm ADD COLUMN incident TEXT;
ALTER TABLE alarm ADD COLUMN start INTEGER;
ALTER TABLE alarm ADD COLUMN stop INTEGER;
ALTER TABLE alarm ADD COLUMN gone INTEGER;
ALTER TABLE alarm ADD COLUMN latest INTEGER;
ALTER TABLE alarm ADD COLUMN sealed INTEGER;
ALTER TABLE alarm ADD COLUMN dirty INTEGER NOT NULL DEFAULT 0;
CREATE INDEX alarm_lift ON alarm (gw, lift) WHERE lift IS NOT NULL;
CREATE INDEX alarm_incident ON alarm (incident) WHERE incident IS NOT NULL;
CREATE INDEX alarm_dirty ON alarm (gw) WHERE dirty;
CREATE INDEX alarm_unreadable ON alarm (gw) WHERE what = 'unreadable' AND ended IS NULL;

ALTER TABLE command ADD COLUMN name TEXT NOT NULL DEFAULT 'alarm.ack';
ALTER TABLE command ADD COLUMN auto INTEGER NOT NULL DEFAULT 0;
CREATE INDEX command_alarm ON command (alarm);

CREATE TABLE step (
    alarm TEXT NOT NULL,
    gw TEXT NOT NULL,
    kind TEXT NOT NULL,
    boot TEXT NOT NULL,
    mono INTEGER NOT NULL,
    t INTEGER NOT NULL,
    part TEXT NOT NULL,
    tq TEXT NOT NULL,
    err_ms INTEGER,
    received INTEGER NOT NULL,
    place INTEGER,
    body BLOB,
    PRIMARY KEY (alarm, gw, kind, boot, mono, t, part)
) WITHOUT ROWID;

CREATE TABLE incident (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    over INTEGER NOT NULL,
    since INTEGER NOT NULL,
    doc BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX incident_order ON incident (over, since);
CREATE INDEX incident_ended ON incident (doc ->> 'ended') WHERE over;
CREATE INDEX incident_key ON incident (key);

CREATE TABLE lift (
    gw TEXT NOT NULL,
    lift TEXT NOT NULL,
    key TEXT NOT NULL,
    place INTEGER NOT NULL DEFAULT 0,
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

CREATE TABLE anchor (
    gw TEXT NOT NULL,
    boot TEXT NOT NULL,
    mono INTEGER NOT NULL,
    utc INTEGER NOT NULL,
    source TEXT NOT NULL,
    err_ms INTEGER,
    PRIMARY KEY (gw, boot)
) WITHOUT ROWID;

DROP TABLE wrong_pin;
CREATE TABLE wrong_pin (
    person TEXT NOT NULL,
    place TEXT NOT NULL,
    count INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    PRIMARY KEY (person, place)
) WITHOUT ROWID;
CREATE TABLE right_pin (
    person TEXT NOT NULL,
    place TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (person, place)
) WITHOUT ROWID;
