-- Where an account wants to be told, by which of its apps' secrets signed (its oldest enabled one where none is named), and
-- of what beside the ends of refreshes: percentages of a total, comma-separated, and figures older than so many hours.
ALTER TABLE account ADD COLUMN notify_url TEXT;
ALTER TABLE account ADD COLUMN notify_app TEXT;
ALTER TABLE account ADD COLUMN thresholds TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN stale_hours BIGINT;

-- The outbox: written in the transaction that made the news, emptied by whoever holds the lease of delivery.
-- seq: the order; a card's notifications are written under the card's lock, so theirs is the order of commits.
-- waiting_since: when it was written, or last replayed; from then on its time runs.
-- next_at: when to try it; only the oldest waiting one of a card has it, the others are held back by that one.
CREATE TABLE notification (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    account       TEXT NOT NULL REFERENCES account (name),
    card          TEXT NOT NULL,
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
