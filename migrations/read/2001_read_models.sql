-- The read models, the same on SQLite and Postgres: texts and 64-bit integers only. Times are microseconds since
-- 1970, months are YYYY-MM, days are YYYY-MM-DD. Everything here can be rebuilt from the event log.
--
-- Every row belongs to a generation of its projection. A generation is built beside the one that is read, and
-- readers see it once it is active (docs/adr/0004-generations.md).
CREATE TABLE projection (
    name           TEXT   NOT NULL,
    generation     BIGINT NOT NULL,
    version        BIGINT NOT NULL,
    -- Everything up to this position of the event log is in the rows of this generation.
    position       BIGINT NOT NULL,
    -- building, active
    state          TEXT   NOT NULL,
    -- Why it stopped at the event after `position`.
    error          TEXT,
    PRIMARY KEY (name, generation)
);
CREATE UNIQUE INDEX projection_active ON projection (name) WHERE state = 'active';

-- The last generation number that was given. None is given twice: rows that a crash left behind are nobody's.
CREATE TABLE projection_generation (
    name TEXT   NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL
);

CREATE TABLE project_usage (
    generation    BIGINT NOT NULL,
    project_id    TEXT   NOT NULL,
    month         TEXT   NOT NULL,
    ingress_bytes BIGINT NOT NULL,
    egress_bytes  BIGINT NOT NULL,
    requests      BIGINT NOT NULL,
    -- Last measured in this month; none: not measured in it.
    storage_bytes BIGINT,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (generation, project_id, month)
);

CREATE TABLE project_usage_day (
    generation    BIGINT NOT NULL,
    project_id    TEXT   NOT NULL,
    day           TEXT   NOT NULL,
    ingress_bytes BIGINT NOT NULL,
    egress_bytes  BIGINT NOT NULL,
    requests      BIGINT NOT NULL,
    storage_bytes BIGINT,
    PRIMARY KEY (generation, project_id, day)
);

-- What each project used while it was this team's.
CREATE TABLE team_usage (
    generation    BIGINT NOT NULL,
    team_id       TEXT   NOT NULL,
    month         TEXT   NOT NULL,
    project_id    TEXT   NOT NULL,
    ingress_bytes BIGINT NOT NULL,
    egress_bytes  BIGINT NOT NULL,
    requests      BIGINT NOT NULL,
    storage_bytes BIGINT,
    PRIMARY KEY (generation, team_id, month, project_id)
);

-- Whose each project is at the checkpoint, so that the projection needs no other read model.
CREATE TABLE team_usage_project (
    generation    BIGINT NOT NULL,
    project_id    TEXT   NOT NULL,
    team_id       TEXT   NOT NULL,
    storage_bytes BIGINT NOT NULL,
    PRIMARY KEY (generation, project_id)
);

CREATE TABLE directory_team (
    generation BIGINT NOT NULL,
    team_id    TEXT   NOT NULL,
    slug       TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    plan       TEXT   NOT NULL,
    PRIMARY KEY (generation, team_id)
);
CREATE UNIQUE INDEX directory_team_slug ON directory_team (generation, slug);

CREATE TABLE directory_member (
    generation BIGINT NOT NULL,
    team_id    TEXT   NOT NULL,
    user_id    BIGINT NOT NULL,
    role       TEXT   NOT NULL,
    PRIMARY KEY (generation, team_id, user_id)
);

CREATE TABLE directory_project (
    generation BIGINT NOT NULL,
    project_id TEXT   NOT NULL,
    team_id    TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    removed_at BIGINT,
    PRIMARY KEY (generation, project_id)
);
CREATE INDEX directory_project_team ON directory_project (generation, team_id);
