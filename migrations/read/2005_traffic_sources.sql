-- What each way of counting saw of a project's traffic, billed or not. As in 2001_read_models.sql: texts and 64-bit
-- integers only, times are microseconds since 1970, and every row belongs to a generation of its projection.
CREATE TABLE traffic_sources (
    generation    BIGINT NOT NULL,
    project_id    TEXT   NOT NULL,
    month         TEXT   NOT NULL,
    -- traefik, docker, ingest; unknown: from before it was told how traffic was counted.
    source        TEXT   NOT NULL,
    ingress_bytes BIGINT NOT NULL,
    egress_bytes  BIGINT NOT NULL,
    requests      BIGINT NOT NULL,
    -- Of these bytes, those that were billed.
    billed_bytes  BIGINT NOT NULL,
    -- The times of the first and of the last sample.
    first_at      BIGINT NOT NULL,
    last_at       BIGINT NOT NULL,
    PRIMARY KEY (generation, project_id, month, source)
);
