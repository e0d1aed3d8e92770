-- The event log on Postgres. The columns of cqrs-es's own `events` table are a subset of this one, with the same
-- meaning, so that its stock repository reads and writes here too: position, event_id and recorded_at then come
-- from their defaults.

-- The head of the log: one row, whose lock is held from the first position that a transaction takes until it ends.
-- Positions are gapless (a rollback puts the head back) and in the order of commits.
CREATE TABLE log_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO log_head (position) VALUES (0);

CREATE FUNCTION next_position() RETURNS bigint LANGUAGE sql VOLATILE AS
    'UPDATE log_head SET position = position + 1 RETURNING position';

CREATE TABLE events (
    position       bigint      NOT NULL DEFAULT next_position(),
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    sequence       bigint      NOT NULL CHECK (sequence >= 0),
    event_id       uuid        NOT NULL DEFAULT gen_random_uuid(),
    event_type     text        NOT NULL,
    event_version  text        NOT NULL,
    payload        json        NOT NULL,
    metadata       json        NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);
CREATE UNIQUE INDEX events_position ON events (position);

-- The few events that the write side must know at every start, among millions of measurements.
CREATE INDEX events_except_measurements ON events (position)
    WHERE event_type NOT IN ('TrafficRecorded', 'StorageMeasured', 'UsageCorrected', 'CountersRead');

CREATE FUNCTION events_are_for_ever() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'events are never changed or deleted'; END $$;
CREATE TRIGGER events_are_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION events_are_for_ever();

-- Tells every node that something was committed, whoever wrote it. Once a statement, and identical notices of one
-- transaction are delivered once.
CREATE FUNCTION events_were_appended() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('servelink_events', ''); RETURN NULL; END $$;
CREATE TRIGGER events_were_appended AFTER INSERT ON events
    FOR EACH STATEMENT EXECUTE FUNCTION events_were_appended();

-- Requests that were recorded: the same request again gets this answer again.
CREATE TABLE append_keys (
    id       bytea  NOT NULL PRIMARY KEY,
    digest   bytea  NOT NULL,
    position bigint NOT NULL,
    answer   text
);
