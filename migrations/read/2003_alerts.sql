-- Alerts that were raised. As in 2001_read_models.sql: texts and 64-bit integers only, times are microseconds since 1970,
-- and every row belongs to a generation of its projection.
CREATE TABLE alerts (
    generation  BIGINT NOT NULL,
    team_id     TEXT   NOT NULL,
    -- The event's place in the log: no two alerts have the same.
    position    BIGINT NOT NULL,
    -- traffic, storage
    resource    TEXT   NOT NULL,
    -- Per cent of the limit: 80, 95, 100.
    threshold   BIGINT NOT NULL,
    month       TEXT   NOT NULL,
    used_bytes  BIGINT NOT NULL,
    limit_bytes BIGINT NOT NULL,
    raised_at   BIGINT NOT NULL,
    -- When it stopped to stand: the storage has fallen, or the team has another plan.
    cleared_at  BIGINT,
    PRIMARY KEY (generation, team_id, position)
);
