//! Which node runs which job until when, and what came of its last run.
