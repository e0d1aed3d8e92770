-- Since when a month's numbers are final, in microseconds since 1970; none: it is open.
ALTER TABLE project_usage ADD COLUMN closed_at BIGINT;
