-- Who may call, how much, and signed how.

-- allow: networks that the app may call from, comma-separated; empty: from anywhere.
-- sign_type: how its calls must be signed.
-- old_secret, old_until: the secret before the last rotation, sealed, and until when it is good as well.
-- per_second, burst: how many calls; NULL: no limit of its own, 0: none.
ALTER TABLE app ADD COLUMN allow TEXT NOT NULL DEFAULT '';
ALTER TABLE app ADD COLUMN sign_type TEXT NOT NULL DEFAULT 'SHA-1';
ALTER TABLE app ADD COLUMN old_secret BLOB;
ALTER TABLE app ADD COLUMN old_until BIGINT;
ALTER TABLE app ADD COLUMN per_second BIGINT;
ALTER TABLE app ADD COLUMN burst BIGINT;

-- NULL: what the configuration says, 0: no limit.
ALTER TABLE account ADD COLUMN per_second BIGINT;
ALTER TABLE account ADD COLUMN burst BIGINT;

-- Who did what, append-only. hash: SHA-256 over the hash before it and this entry, as hex; audit_head is the last of them, so that
-- one that was cut off at the end is missed, too.
CREATE TABLE audit (
    seq     BIGINT PRIMARY KEY,
    at      BIGINT NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL,
    hash    TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit_head (
    one  BIGINT PRIMARY KEY CHECK (one = 1),
    seq  BIGINT NOT NULL,
    hash TEXT NOT NULL
) WITHOUT ROWID;

INSERT INTO audit_head (one, seq, hash) VALUES (1, 0, '');
