-- The interval at which whoever has the job runs it, in milliseconds. None: the job has times of the calendar, or a version
-- of Servelink took it that did not say.
ALTER TABLE state_job ADD COLUMN every_ms BIGINT;
