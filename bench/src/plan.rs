//! What is measured, and for how long.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;

use crate::Args;

/// A store that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreKind {
    /// SQLite in the data folder.
    Embedded,
    /// Postgres.
    Postgres,
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Embedded => "embedded",
            Self::Postgres => "Postgres",
        })
    }
}

/// One of the loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Load {
    /// From starting the program on an empty store to its first answer.
    Start,
    /// One sample a request.
    Single,
    /// From an append's answer to a read that sees it, under half of the rate of `single`.
    Visible,
    /// A thousand samples a request.
    Batch,
    /// Reading a project's usage.
    Reads,
    /// Appending distinct events in-process, against COPY and bulk inserts of the same rows.
    Events,
    /// Rebuilding every projection.
    Rebuild,
}

/// How long and how much.
pub(crate) struct Plan {
    loads: Vec<Load>,
    /// Before anything counts.
    pub(crate) warm_up: Duration,
    /// What counts.
    pub(crate) measured: Duration,
    /// How often a start is timed.
    pub(crate) starts: usize,
    /// How often appending and its yardsticks take turns.
    pub(crate) rounds: usize,
    /// Events that one turn appends.
    pub(crate) events: usize,
    /// Events in the log that is rebuilt.
    pub(crate) history: usize,
}

impl Plan {
    pub(crate) fn of(args: &Args) -> Self {
        let loads = args.loads.clone();
        let seconds = Duration::from_secs;
        if args.quick {
            let (warm_up, measured) = (seconds(1), seconds(2));
            Self { loads, warm_up, measured, starts: 3, rounds: 1, events: 20_000, history: 50_000 }
        } else {
            let (warm_up, measured) = (seconds(2), seconds(10));
            Self { loads, warm_up, measured, starts: 5, rounds: 3, events: 100_000, history: 500_000 }
        }
    }

    pub(crate) fn has(&self, load: Load) -> bool {
        self.loads.contains(&load)
    }
}
