-- The few payments that a person has to decide about are counted at every look of a monitoring system.
CREATE INDEX payment_history_flagged ON payment_history (generation, updated_at)
    WHERE conflicted = 1 OR refund_due = 1;
