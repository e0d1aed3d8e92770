-- What is to be told by mail and webhook, and what came of it. As in 2001_read_models.sql: texts and 64-bit integers only,
-- times are microseconds since 1970, and every row belongs to a generation of its projection.
CREATE TABLE deliveries (
    generation  BIGINT NOT NULL,
    -- mail:EVENT:USER, webhook:EVENT
    delivery_id TEXT   NOT NULL,
    -- mail, webhook
    channel     TEXT   NOT NULL,
    team_id     TEXT   NOT NULL,
    -- Whom a mail is for.
    user_id     BIGINT,
    -- When the event was recorded.
    due_at      BIGINT NOT NULL,
    -- What is told, as JSON.
    facts       TEXT   NOT NULL,
    -- due, delayed, delivered, given_up
    state       TEXT   NOT NULL,
    -- The first failure.
    since       BIGINT,
    -- When it got there or was given up.
    done_at     BIGINT,
    -- Why it did not get there (yet).
    reason      TEXT,
    PRIMARY KEY (generation, delivery_id)
);
-- Those of a state, the oldest first.
CREATE INDEX deliveries_state ON deliveries (generation, channel, state, due_at, delivery_id);
CREATE INDEX deliveries_reader ON deliveries (generation, team_id, user_id);

-- What the projection must know at its checkpoint, so that it needs no other read model: teams, how their members are
-- reached, and what payments are for.
CREATE TABLE deliveries_team (
    generation BIGINT NOT NULL,
    team_id    TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    slug       TEXT   NOT NULL,
    plan       TEXT   NOT NULL,
    PRIMARY KEY (generation, team_id)
);

CREATE TABLE deliveries_member (
    generation BIGINT NOT NULL,
    team_id    TEXT   NOT NULL,
    user_id    BIGINT NOT NULL,
    role       TEXT   NOT NULL,
    -- Sealed; none: there is no address.
    email      TEXT,
    language   TEXT,
    PRIMARY KEY (generation, team_id, user_id)
);

CREATE TABLE deliveries_payment (
    generation   BIGINT NOT NULL,
    payment_id   TEXT   NOT NULL,
    team_id      TEXT   NOT NULL,
    -- Who wanted it.
    user_id      BIGINT NOT NULL,
    plan         TEXT   NOT NULL,
    -- In minor units of the currency, which is an ISO 4217 code.
    amount_minor BIGINT NOT NULL,
    currency     TEXT   NOT NULL,
    completed_at BIGINT,
    PRIMARY KEY (generation, payment_id)
);
