-- Times are milliseconds since the Unix epoch, amounts are bytes, truths are 0 and 1.
-- WITHOUT ROWID where the primary key is how rows are found: one B-tree instead of two.

CREATE TABLE account (
    name       TEXT PRIMARY KEY,
    language   TEXT NOT NULL,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE app (
    appkey     TEXT PRIMARY KEY,
    account    TEXT NOT NULL REFERENCES account (name),
    label      TEXT NOT NULL,
    -- Sealed with the platform's key; never readable from the database alone.
    secret     BLOB NOT NULL,
    disabled   BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;

-- number: the ICCID of a physical card, the EID of a cloud eSIM.
-- accepted_at, last_refresh: of its newest refresh; here from the end of that one's first reading on, until then the
-- refresh has a task.
-- operator_account, used, began_at: the profile's, where the card has one profile, whose number is the card's own (as every
-- physical card has): so accepting reads one row.
CREATE TABLE card (
    number           TEXT PRIMARY KEY,
    kind             TEXT NOT NULL,
    account          TEXT NOT NULL REFERENCES account (name),
    status           TEXT NOT NULL,
    label            TEXT NOT NULL,
    accepted_at      BIGINT,
    last_refresh     TEXT,
    operator_account TEXT,
    used             BIGINT,
    began_at         BIGINT
) WITHOUT ROWID;

CREATE INDEX card_by_account ON card (account, kind, number);

-- A SIM profile at one operator account, with its last reading.
CREATE TABLE profile (
    card             TEXT NOT NULL REFERENCES card (number),
    iccid            TEXT NOT NULL,
    operator_account TEXT NOT NULL,
    status           TEXT,
    raw_status       TEXT,
    period_kind      TEXT,
    period_key       TEXT,
    period_start     BIGINT,
    period_end       BIGINT,
    used             BIGINT,
    total            BIGINT,
    as_of            BIGINT,
    began_at         BIGINT,
    synced_at        BIGINT,
    PRIMARY KEY (card, iccid)
) WITHOUT ROWID;

-- One accepted refresh. previous: the card's one before it, so that a card's history needs no index here.
-- remaining: comma-separated ICCIDs still to be read. card has no foreign key: its row is written in the same transaction,
-- and looking it up once more is what accepting would spend most on.
CREATE TABLE refresh (
    id          TEXT PRIMARY KEY,
    card        TEXT NOT NULL,
    account     TEXT NOT NULL,
    appkey      TEXT NOT NULL,
    sign        TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    previous    TEXT,
    state       TEXT NOT NULL,
    remaining   TEXT NOT NULL,
    before      BIGINT,
    after       BIGINT,
    finished_at BIGINT,
    reason      TEXT,
    detail      TEXT
) WITHOUT ROWID;

-- A waiting reading; deleted when done. The key is the order in which a lane takes an account's work.
CREATE TABLE task (
    lane             TEXT NOT NULL,
    account          TEXT NOT NULL,
    refresh          TEXT NOT NULL,
    iccid            TEXT NOT NULL,
    card             TEXT NOT NULL,
    attempts         BIGINT NOT NULL DEFAULT 0,
    first_attempt_at BIGINT,
    not_before       BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (lane, account, refresh, iccid)
) WITHOUT ROWID;

-- Every believed answer of an operator, append-only.
CREATE TABLE reading (
    card         TEXT NOT NULL REFERENCES card (number),
    iccid        TEXT NOT NULL,
    began_at     BIGINT NOT NULL,
    synced_at    BIGINT NOT NULL,
    as_of        BIGINT,
    period_kind  TEXT NOT NULL,
    period_key   TEXT NOT NULL,
    period_start BIGINT,
    period_end   BIGINT,
    used         BIGINT NOT NULL,
    total        BIGINT,
    PRIMARY KEY (card, began_at, iccid)
) WITHOUT ROWID;

-- Who works a lane, until when; status is what its holder last said of it, for people.
CREATE TABLE lane (
    name        TEXT PRIMARY KEY,
    holder      TEXT NOT NULL,
    epoch       BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    status      TEXT NOT NULL
) WITHOUT ROWID;
