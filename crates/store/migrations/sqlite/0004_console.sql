-- The console: who may look at it and act in it, lanes that somebody paused, how much happened each minute.

-- password: an argon2 hash in PHC form. role: read_only or full.
CREATE TABLE admin (
    name       TEXT PRIMARY KEY,
    password   TEXT NOT NULL,
    role       TEXT NOT NULL,
    disabled   BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;

-- token: SHA-256 of what the browser's cookie holds, so that this table logs nobody in.
CREATE TABLE session (
    token      TEXT PRIMARY KEY,
    admin      TEXT NOT NULL REFERENCES admin (name),
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
) WITHOUT ROWID;

-- A lane that is here reads nothing until somebody takes it out again, whichever node works it.
CREATE TABLE lane_pause (
    lane      TEXT PRIMARY KEY,
    paused_by TEXT NOT NULL,
    paused_at BIGINT NOT NULL,
    note      TEXT NOT NULL
) WITHOUT ROWID;

-- What a node did in a minute (counted from the Unix epoch); it adds to its own row every few seconds.
CREATE TABLE pulse (
    minute    BIGINT NOT NULL,
    node      TEXT NOT NULL,
    accepted  BIGINT NOT NULL,
    succeeded BIGINT NOT NULL,
    failed    BIGINT NOT NULL,
    PRIMARY KEY (minute, node)
) WITHOUT ROWID;

-- For finding cards. None of these columns changes when a card is accepted or read, so that neither pays for them: SQLite
-- leaves the index alone, PostgreSQL's update stays within its page.
CREATE INDEX card_by_label ON card (label, number) WHERE label <> '';
CREATE INDEX card_by_status ON card (status, number) WHERE status <> 'ACTIVATED_NAME';
CREATE INDEX profile_by_operator ON profile (operator_account, card);
CREATE INDEX profile_by_iccid ON profile (iccid) WHERE iccid <> card;
