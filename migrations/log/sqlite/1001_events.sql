-- The event log on SQLite. The columns of cqrs-es's own `events` table are a subset of this one, with the same
-- meaning, so that its stock repository reads and writes here too: position, event_id and recorded_at then come
-- from their defaults.
--
-- position is SQLite's row id: the next one is the largest plus one, and as nothing is ever deleted and a
-- transaction that is rolled back leaves no row, positions are gapless and in the order of commits.
CREATE TABLE events (
    position       INTEGER PRIMARY KEY,
    aggregate_type TEXT    NOT NULL,
    aggregate_id   TEXT    NOT NULL,
    sequence       INTEGER NOT NULL CHECK (sequence >= 0),
    event_id       BLOB    NOT NULL DEFAULT (randomblob(16)),
    event_type     TEXT    NOT NULL,
    event_version  TEXT    NOT NULL,
    payload        TEXT    NOT NULL,
    metadata       TEXT    NOT NULL,
    -- Microseconds since 1970.
    recorded_at    INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    UNIQUE (aggregate_type, aggregate_id, sequence)
) STRICT;

-- The few events that the write side must know at every start, among millions of measurements.
CREATE INDEX events_except_measurements ON events (position)
    WHERE event_type NOT IN ('TrafficRecorded', 'StorageMeasured', 'UsageCorrected', 'CountersRead');

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are never changed');
END;

CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are never deleted');
END;

-- Requests that were recorded: the same request again gets this answer again.
CREATE TABLE append_keys (
    id       BLOB    NOT NULL PRIMARY KEY,
    digest   BLOB    NOT NULL,
    position INTEGER NOT NULL,
    answer   TEXT
) STRICT, WITHOUT ROWID;
