-- What the folders of a team come to that no project mounts, as last measured in the month.
CREATE TABLE team_usage_unlinked (
    generation    BIGINT NOT NULL,
    team_id       TEXT   NOT NULL,
    month         TEXT   NOT NULL,
    storage_bytes BIGINT NOT NULL,
    PRIMARY KEY (generation, team_id, month)
);
