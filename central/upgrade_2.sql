-- From version 1 to 2: events that came again after a fork, and the gateways' checkpoints as witnessed.

ALTER TABLE lane ADD COLUMN again INTEGER NOT NULL DEFAULT 0;

CREATE TABLE again (
    gw TEXT NOT NULL,
    store TEXT NOT NULL,
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (gw, store, stream, seq, hash)
) WITHOUT ROWID;

ALTER TABLE quarantine ADD COLUMN first INTEGER;
ALTER TABLE quarantine ADD COLUMN hashes BLOB;
ALTER TABLE quarantine ADD COLUMN resolved INTEGER;
CREATE INDEX quarantine_open ON quarantine (lane) WHERE hashes IS NOT NULL AND resolved IS NULL;

CREATE TABLE checkpoint (
    gw TEXT NOT NULL,
    store TEXT NOT NULL,
    seq INTEGER NOT NULL,
    received INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (gw, store, seq)
) WITHOUT ROWID;
INSERT INTO checkpoint
SELECT gw, store, seq, t, body FROM records WHERE stream = 'audit' AND kind = 'checkpoint/1';
