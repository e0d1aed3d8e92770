-- 1: the member gets no mails that he can do without.
ALTER TABLE deliveries_member ADD COLUMN muted BIGINT NOT NULL DEFAULT 0;
