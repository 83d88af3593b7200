-- Metering: what readings amounted to, and the packages their bytes are booked on.

-- Bytes of a card that no package had room for; overage_base: how many there were when it got its first package, which is
-- nothing that package could have had room for.
ALTER TABLE card ADD COLUMN overage BIGINT NOT NULL DEFAULT 0;
ALTER TABLE card ADD COLUMN overage_base BIGINT NOT NULL DEFAULT 0;

-- said: what the account was told of the card's thresholds and staleness, as JSON.
ALTER TABLE card ADD COLUMN said TEXT;

-- meter: what the next reading is counted from, as JSON; the bundles that an operator lists are in it.
ALTER TABLE profile ADD COLUMN meter TEXT;

-- delta: bytes that the reading counted, negative for a correction. what: first, same_period, new_period, correction, late.
-- cycle: how often the operator's count had begun anew.
ALTER TABLE reading ADD COLUMN delta BIGINT NOT NULL DEFAULT 0;
ALTER TABLE reading ADD COLUMN what TEXT NOT NULL DEFAULT 'first';
ALTER TABLE reading ADD COLUMN cycle BIGINT NOT NULL DEFAULT 0;

-- The platform's own packages. total NULL: unlimited; valid_from, valid_to NULL: since ever, for ever.
CREATE TABLE package (
    card       TEXT NOT NULL REFERENCES card (number),
    code       TEXT NOT NULL,
    name       TEXT NOT NULL,
    total      BIGINT,
    valid_from BIGINT,
    valid_to   BIGINT,
    booked     BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (card, code)
) WITHOUT ROWID;

-- The books, append-only: bytes put on a package, or (package NULL) on overage. iccid and began_at name the reading; iccid is
-- empty where somebody changed the packages.
CREATE TABLE booking (
    card     TEXT NOT NULL REFERENCES card (number),
    began_at BIGINT NOT NULL,
    iccid    TEXT NOT NULL,
    line     BIGINT NOT NULL,
    package  TEXT,
    bytes    BIGINT NOT NULL,
    PRIMARY KEY (card, began_at, iccid, line)
) WITHOUT ROWID;

-- Readings that were pruned, summed by local day.
CREATE TABLE daily (
    card     TEXT NOT NULL REFERENCES card (number),
    day      TEXT NOT NULL,
    iccid    TEXT NOT NULL,
    cycle    BIGINT NOT NULL,
    delta    BIGINT NOT NULL,
    readings BIGINT NOT NULL,
    PRIMARY KEY (card, day, iccid, cycle)
) WITHOUT ROWID;
