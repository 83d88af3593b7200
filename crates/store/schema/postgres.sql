-- The whole schema. Times are milliseconds since the Unix epoch, amounts are bytes, truths are 0 and 1.
-- COLLATE "C" where texts are compared by order: by bytes, as SQLite does.

-- A customer of the platform.
-- notify_url: where it wants to be notified; NULL: nowhere. notify_app: the app whose secret signs; NULL: its
-- oldest enabled one.
-- thresholds: percentages of a total, comma-separated. stale_hours: usage older than so many hours.
-- per_second, burst: how many calls; NULL: what the configuration says, 0: no limit.
-- notify_style: plain, or platform: also the reference platform's notifications of what is left.
CREATE TABLE account (
    name        TEXT COLLATE "C" PRIMARY KEY,
    language    TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    notify_url  TEXT,
    notify_app  TEXT,
    thresholds  TEXT NOT NULL DEFAULT '',
    stale_hours BIGINT,
    per_second  BIGINT,
    burst       BIGINT,
    notify_style TEXT NOT NULL DEFAULT 'plain'
);

-- secret: sealed with the platform's key; never readable from the database alone.
-- allow: networks that the app may call from, comma-separated; empty: from anywhere.
-- sign_type: how its calls must be signed.
-- old_secret, old_until: the secret before the last rotation, sealed, and until when it is valid.
-- per_second, burst: how many calls; NULL: no limit of its own, 0: none.
CREATE TABLE app (
    appkey     TEXT COLLATE "C" PRIMARY KEY,
    account    TEXT COLLATE "C" NOT NULL REFERENCES account (name),
    label      TEXT NOT NULL,
    secret     BYTEA NOT NULL,
    disabled   BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    allow      TEXT NOT NULL DEFAULT '',
    sign_type  TEXT NOT NULL DEFAULT 'SHA-1',
    old_secret BYTEA,
    old_until  BIGINT,
    per_second BIGINT,
    burst      BIGINT
);

-- id: given out once. Everything else names the card by it, so that its number and its account can change.
-- number: the ICCID of a physical card, the EID of a cloud eSIM.
-- accepted_at, last_refresh: of its latest refresh.
-- profile, operator_account, used, began_at: copied from the profile, where the card has one profile and its
-- ICCID is the card's number (as for every physical card). So accepting reads one row.
-- overage: bytes that no package had room for. overage_base: the overage when the card got its first package.
-- notified_state: which thresholds and staleness of the card the account was notified of, as JSON.
-- has_neighbour: whether a card may be stored that has the same number but for the check digit, imported as
-- another SIM. Only then is a number that is found looked up with and without its check digit, too.
CREATE TABLE card (
    id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number           TEXT COLLATE "C" NOT NULL UNIQUE,
    kind             TEXT NOT NULL,
    account          TEXT COLLATE "C" NOT NULL REFERENCES account (name),
    status           TEXT COLLATE "C" NOT NULL,
    label            TEXT COLLATE "C" NOT NULL,
    accepted_at      BIGINT,
    last_refresh     TEXT COLLATE "C",
    profile          BIGINT,
    operator_account TEXT,
    used             BIGINT,
    began_at         BIGINT,
    overage          BIGINT NOT NULL DEFAULT 0,
    overage_base     BIGINT NOT NULL DEFAULT 0,
    notified_state   TEXT,
    has_neighbour    BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX card_by_account ON card (account, kind, number);
CREATE INDEX card_by_account_status ON card (account, kind, status, number);

-- For finding cards. Accepting and reading change none of these columns, so these indexes cost them nothing:
-- SQLite leaves the index alone, PostgreSQL's update stays within its page.
CREATE INDEX card_by_label ON card (label, number) WHERE label <> '';
CREATE INDEX card_by_status ON card (status, number) WHERE status <> 'ACTIVATED_NAME';

-- A SIM profile at one operator account, with its last reading.
-- own_number: whether its ICCID is the card's number.
-- meter: what the next reading is counted from, as JSON; the bundles that an operator lists are in it.
-- operator_id: the operator's own id of the SIM, with a mark of where it was looked up.
-- suspect: its reading that is held back and waits, as JSON; NULL: none.
CREATE TABLE profile (
    id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    card             BIGINT NOT NULL REFERENCES card (id),
    iccid            TEXT COLLATE "C" NOT NULL,
    own_number       BIGINT NOT NULL,
    operator_account TEXT COLLATE "C" NOT NULL,
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
    meter            TEXT,
    operator_id      TEXT,
    suspect          TEXT,
    UNIQUE (card, iccid)
);

CREATE INDEX profile_by_operator ON profile (operator_account, card);
CREATE INDEX profile_by_iccid ON profile (iccid) WHERE own_number = 0;

-- One accepted refresh. card: its id. Like all history it has no foreign key to card or profile, so that it
-- outlives them. (Checking the key would also be the largest part of accepting.)
-- previous: the card's refresh before it, so that a card's history needs no index here.
-- remaining: comma-separated ids of profiles still to be read.
-- warning: why a reading that it ended with was held back (a reason of suspect_reading).
CREATE TABLE refresh (
    id          TEXT COLLATE "C" PRIMARY KEY,
    card        BIGINT NOT NULL,
    account     TEXT COLLATE "C" NOT NULL,
    appkey      TEXT NOT NULL,
    sign        TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    previous    TEXT COLLATE "C",
    state       TEXT NOT NULL,
    remaining   TEXT NOT NULL,
    before      BIGINT,
    after       BIGINT,
    finished_at BIGINT,
    reason      TEXT,
    detail      TEXT,
    warning     TEXT
);

-- A waiting reading; deleted when done. The key is the order in which a lane takes an account's work. There
-- are no foreign keys: they would make accepting slower.
CREATE TABLE task (
    lane             TEXT COLLATE "C" NOT NULL,
    account          TEXT COLLATE "C" NOT NULL,
    refresh          TEXT COLLATE "C" NOT NULL,
    profile          BIGINT NOT NULL,
    card             BIGINT NOT NULL,
    attempts         BIGINT NOT NULL DEFAULT 0,
    first_attempt_at BIGINT,
    not_before       BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (lane, account, refresh, profile)
);

-- Every believed answer of an operator, append-only.
-- delta: bytes that the reading counted, negative for a correction.
-- kind: first, same_period, new_period, assumed_period, correction, late.
-- cycle: how often the operator's count had begun anew.
CREATE TABLE reading (
    card         BIGINT NOT NULL,
    profile      BIGINT NOT NULL,
    began_at     BIGINT NOT NULL,
    synced_at    BIGINT NOT NULL,
    as_of        BIGINT,
    period_kind  TEXT NOT NULL,
    period_key   TEXT NOT NULL,
    period_start BIGINT,
    period_end   BIGINT,
    used         BIGINT NOT NULL,
    total        BIGINT,
    delta        BIGINT NOT NULL,
    kind         TEXT NOT NULL,
    cycle        BIGINT NOT NULL,
    PRIMARY KEY (card, began_at, profile)
);

-- Readings that are not believed: nothing is booked for them. A profile has one that waits, the newest.
-- lane: the operator account. refresh: what it was made for. reading: what was read, as JSON; used: its usage,
-- at most 2^63 - 1; believed: the usage before it.
-- reason: sentinel, too_fast, unit_change, fall, impossible_period.
-- state: waiting; accepted or rejected by a person; settled by a later reading, or since a day has passed.
-- due_at: when it is booked if nothing settles it; NULL: never.
CREATE TABLE suspect_reading (
    profile    BIGINT NOT NULL,
    began_at   BIGINT NOT NULL,
    card       BIGINT NOT NULL,
    lane       TEXT COLLATE "C" NOT NULL,
    refresh    TEXT COLLATE "C" NOT NULL,
    synced_at  BIGINT NOT NULL,
    reading    TEXT NOT NULL,
    used       BIGINT NOT NULL,
    believed   BIGINT,
    reason     TEXT NOT NULL,
    state      TEXT NOT NULL,
    due_at     BIGINT,
    decided_by TEXT,
    decided_at BIGINT,
    PRIMARY KEY (profile, began_at)
);

CREATE INDEX suspect_reading_of_lane ON suspect_reading (lane, began_at, profile) WHERE state = 'waiting';
CREATE INDEX suspect_reading_due ON suspect_reading (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX suspect_reading_decided ON suspect_reading (decided_at) WHERE decided_at IS NOT NULL;

-- Operator accounts whose usages jumped by the ratio of two units (thousand_up, million_up, thousand_down,
-- million_down). state: waiting (their readings are held back); accepted or rejected by a person.
CREATE TABLE unit_change (
    lane       TEXT COLLATE "C" PRIMARY KEY,
    jump       TEXT NOT NULL,
    since      BIGINT NOT NULL,
    state      TEXT NOT NULL,
    decided_by TEXT,
    decided_at BIGINT
);

-- The platform's own packages. total NULL: unlimited. valid_from, valid_to NULL: no such bound.
CREATE TABLE package (
    card       BIGINT NOT NULL REFERENCES card (id),
    code       TEXT COLLATE "C" NOT NULL,
    name       TEXT NOT NULL,
    total      BIGINT,
    valid_from BIGINT,
    valid_to   BIGINT,
    booked     BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (card, code)
);

-- Bookings, append-only: bytes booked on a package or, where package is NULL, as overage.
-- profile and began_at name the reading. profile is 0 where a person changed the packages.
CREATE TABLE booking (
    card     BIGINT NOT NULL,
    began_at BIGINT NOT NULL,
    profile  BIGINT NOT NULL,
    line     BIGINT NOT NULL,
    package  TEXT,
    bytes    BIGINT NOT NULL,
    PRIMARY KEY (card, began_at, profile, line)
);

-- Sums of pruned readings, by local day.
CREATE TABLE daily (
    card     BIGINT NOT NULL,
    day      TEXT COLLATE "C" NOT NULL,
    profile  BIGINT NOT NULL,
    cycle    BIGINT NOT NULL,
    delta    BIGINT NOT NULL,
    readings BIGINT NOT NULL,
    PRIMARY KEY (card, day, profile, cycle)
);

-- How far old readings were folded into daily totals: up to the card's id place, for readings of days before
-- day. One row, so that a restart goes on from there.
CREATE TABLE fold_progress (
    one   BIGINT PRIMARY KEY CHECK (one = 1),
    day   TEXT COLLATE "C" NOT NULL,
    place BIGINT NOT NULL
);

-- The outbox: written in the transaction of the event, emptied by the holder of the outbox's lease.
-- seq: the order. A card's notifications are written under the card's lock, so theirs is that of the commits.
-- waiting_since: when it was written, or last replayed. The time until it is given up counts from then.
-- next_at: when to try it. Only the oldest waiting one of a card has it; it holds the others back.
CREATE TABLE notification (
    seq           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            TEXT COLLATE "C" NOT NULL UNIQUE,
    account       TEXT COLLATE "C" NOT NULL REFERENCES account (name),
    card          BIGINT NOT NULL,
    event         TEXT NOT NULL,
    body          TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    waiting_since BIGINT NOT NULL,
    attempts      BIGINT NOT NULL DEFAULT 0,
    next_at       BIGINT,
    state         TEXT NOT NULL DEFAULT 'waiting',
    last_error    TEXT,
    ended_at      BIGINT
);

CREATE INDEX notification_due ON notification (account, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX notification_waiting ON notification (account, card, seq) WHERE state = 'waiting';
CREATE INDEX notification_ended ON notification (state, ended_at) WHERE ended_at IS NOT NULL;

-- Who does a job that only one node may do, until when. kind: lane (name: the operator account) or outbox.
-- epoch: grows with each change of holder. status: what the holder last reported, for people.
CREATE TABLE lease (
    kind        TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    holder      TEXT NOT NULL,
    epoch       BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    status      TEXT NOT NULL,
    PRIMARY KEY (kind, name)
);

-- Paused lanes. Until its row is deleted, a lane starts no reading on any node.
CREATE TABLE lane_pause (
    lane      TEXT COLLATE "C" PRIMARY KEY,
    paused_by TEXT NOT NULL,
    paused_at BIGINT NOT NULL,
    note      TEXT NOT NULL
);

-- limited_until: until when the operator asked not to be called (Retry-After); 0: it did not, or a person cleared
-- it. retry_at: when a person last asked for the operator to be tried again; 0: never.
CREATE TABLE lane_limit (
    lane          TEXT COLLATE "C" PRIMARY KEY,
    limited_until BIGINT NOT NULL,
    retry_at      BIGINT NOT NULL
);

-- Who may use the console. password: an argon2 hash in PHC form. role: read_only or full.
CREATE TABLE admin (
    name       TEXT COLLATE "C" PRIMARY KEY,
    password   TEXT NOT NULL,
    role       TEXT NOT NULL,
    disabled   BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);

-- token: SHA-256 of the browser's cookie, so that nobody can log in with this table.
CREATE TABLE session (
    token      TEXT COLLATE "C" PRIMARY KEY,
    admin      TEXT COLLATE "C" NOT NULL REFERENCES admin (name),
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);

-- What a node did in a minute (counted from the Unix epoch); it adds to its own row every few seconds.
CREATE TABLE activity (
    minute    BIGINT NOT NULL,
    node      TEXT COLLATE "C" NOT NULL,
    accepted  BIGINT NOT NULL,
    succeeded BIGINT NOT NULL,
    failed    BIGINT NOT NULL,
    PRIMARY KEY (minute, node)
);

-- Who did what, append-only. hash: SHA-256 over the hash before it and this entry, as hex. audit_head is the
-- last hash, so that entries removed from the end are noticed, too.
CREATE TABLE audit (
    seq     BIGINT PRIMARY KEY,
    at      BIGINT NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL,
    hash    TEXT NOT NULL
);

-- What an import changed on cards that were known before. entry: the audit's entry about the import.
-- field: status, label, or profile with its ICCID (then its operator account). before NULL: there was none.
CREATE TABLE import_change (
    entry  BIGINT NOT NULL,
    card   BIGINT NOT NULL,
    field  TEXT COLLATE "C" NOT NULL,
    before TEXT,
    after  TEXT NOT NULL,
    PRIMARY KEY (entry, card, field)
);

CREATE TABLE audit_head (
    one  BIGINT PRIMARY KEY CHECK (one = 1),
    seq  BIGINT NOT NULL,
    hash TEXT NOT NULL
);

INSERT INTO audit_head (one, seq, hash) VALUES (1, 0, '');
