-- What is neither an event nor made from events (docs/adr/0013-state-beside-the-log.md), the same on SQLite and Postgres:
-- texts and 64-bit integers only. Times are milliseconds since 1970.

-- Every job there ever was: who runs it until when, and what came of its last run.
CREATE TABLE state_job (
    name         TEXT   NOT NULL PRIMARY KEY,
    -- Grows by one each time somebody takes the job: whoever has an older one has lost it.
    epoch        BIGINT NOT NULL,
    -- The node that has it, until then by the database's clock; none: nobody has.
    holder       TEXT,
    held_until   BIGINT NOT NULL,
    -- The last of its times that was run to its end.
    done_slot    BIGINT,
    -- Somebody wants it run at once, since then.
    requested_at BIGINT,
    -- The last run: when it began and ended by the node's clock, whether it failed, and what it had to tell.
    started_at   BIGINT,
    finished_at  BIGINT,
    failed       BIGINT NOT NULL,
    report       TEXT,
    runs         BIGINT NOT NULL
);

-- The keys of what is sealed in events. Without a person's key, what events hold of that person is noise.
CREATE TABLE state_subject_key (
    user_id BIGINT NOT NULL PRIMARY KEY,
    -- 32 bytes in hex.
    key     TEXT   NOT NULL
);
