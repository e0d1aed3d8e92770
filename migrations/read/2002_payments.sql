-- Payments, and what each team has of them. As in 2001_read_models.sql: texts and 64-bit integers only, times are
-- microseconds since 1970, and every row belongs to a generation of its projection.
CREATE TABLE payment_history (
    generation             BIGINT NOT NULL,
    payment_id             TEXT   NOT NULL,
    team_id                TEXT   NOT NULL,
    -- Who wanted it.
    user_id                BIGINT NOT NULL,
    plan                   TEXT   NOT NULL,
    -- Which of the team's paid months it pays, from 1.
    period                 BIGINT NOT NULL,
    -- In minor units of the currency, which is an ISO 4217 code.
    amount_minor           BIGINT NOT NULL,
    currency               TEXT   NOT NULL,
    -- mobile_money, credit_card
    method                 TEXT   NOT NULL,
    -- pending, processing, completed, failed, cancelled
    status                 TEXT   NOT NULL,
    description            TEXT,
    external_payment_id    TEXT,
    transaction_id         TEXT,
    -- Flags: 0 or 1.
    conflicted             BIGINT NOT NULL,
    refund_due             BIGINT NOT NULL,
    to_confirm             BIGINT NOT NULL,
    cancellation_requested BIGINT NOT NULL,
    expires_at             BIGINT,
    created_at             BIGINT NOT NULL,
    completed_at           BIGINT,
    -- When its last event was recorded.
    updated_at             BIGINT NOT NULL,
    PRIMARY KEY (generation, payment_id)
);
-- A team's payments, read backwards: the newest first.
CREATE INDEX payment_history_team ON payment_history (generation, team_id, created_at, payment_id);

-- A row for each team that ever was on a paid plan.
CREATE TABLE subscriptions (
    generation    BIGINT NOT NULL,
    team_id       TEXT   NOT NULL,
    -- Its plan now: free once it has lapsed.
    plan          TEXT   NOT NULL,
    -- The last unbroken time on a paid plan: its first instant, and the first after it.
    since         BIGINT NOT NULL,
    until         BIGINT NOT NULL,
    -- The last payment that paid for a plan; none: all of it was given.
    payment_id    TEXT,
    -- The last reminder of the end: how many days before it was due.
    reminded_days BIGINT,
    -- The plan that lapsed and when; none: it has not.
    lapsed_plan   TEXT,
    lapsed_at     BIGINT,
    PRIMARY KEY (generation, team_id)
);
