//! The one table.

use std::fmt;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

use crate::latency::Latencies;
use crate::plan::StoreKind;
use crate::process::{Cores, Memory};
use crate::rounds::as_float;

/// What is to be reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// This or more.
    AtLeast(f64),
    /// Less than this.
    Under(f64),
    /// This share of the yardstick, or more; the second is the yardstick.
    ShareOf(f64, f64),
}

impl Goal {
    /// How much of it is reached, and whether that is enough. Above 1 is better than asked.
    fn reached(self, value: f64) -> (f64, bool) {
        match self {
            Self::AtLeast(goal) => (value / goal, value >= goal),
            Self::Under(goal) => (goal / value, value < goal),
            Self::ShareOf(share, yardstick) => (value / yardstick, value / yardstick >= share),
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(goal) => write!(f, ">= {}", grouped(*goal)),
            Self::Under(goal) => write!(f, "< {}", grouped(*goal)),
            Self::ShareOf(share, _) => write!(f, ">= {:.0} % of COPY", share * 100.0),
        }
    }
}

/// One line of the table.
#[derive(Default)]
pub(crate) struct Row {
    what: String,
    store: String,
    value: Option<f64>,
    unit: &'static str,
    goal: Option<Goal>,
    /// In place of what the goal would say.
    says: Option<String>,
    p50: String,
    p99: String,
    cores: String,
    memory: String,
}

impl Row {
    pub(crate) fn new(what: &str, store: StoreKind) -> Self {
        Self { what: what.to_owned(), store: store.to_string(), ..Self::default() }
    }

    pub(crate) fn value(self, value: f64, unit: &'static str) -> Self {
        Self { value: Some(value), unit, ..self }
    }

    pub(crate) fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    pub(crate) fn says(self, says: impl Into<String>) -> Self {
        Self { says: Some(says.into()), ..self }
    }

    pub(crate) fn latencies(self, latencies: &Latencies) -> Self {
        let ms = |percent| format!("{:.2}", latencies.percentile(percent).as_secs_f64() * 1e3);
        Self { p50: ms(50), p99: ms(99), ..self }
    }

    pub(crate) fn resources(self, cores: Cores, memory: Memory) -> Self {
        let Cores { server, generator, others } = cores;
        let cores = format!("{server:.2} + {generator:.2} + {others:.2}");
        Self { cores, memory: format!("{:.0}", as_float(memory.peak) / 1_048_576.0), ..self }
    }

    fn cells(&self) -> [String; 9] {
        let result = self.value.map_or_else(String::new, |value| format!("{} {}", grouped(value), self.unit));
        let goal = self.goal.map_or_else(String::new, |goal| goal.to_string());
        let reached = match (&self.says, self.goal, self.value) {
            (Some(says), _, _) => says.clone(),
            (None, Some(goal), Some(value)) => {
                let (ratio, enough) = goal.reached(value);
                format!("{:.0} %{}", ratio * 100.0, if enough { "" } else { " MISSED" })
            }
            (None, _, _) => String::new(),
        };
        let texts = [&self.what, &self.store, &result, &goal, &reached];
        let rest = [&self.p50, &self.p99, &self.cores, &self.memory];
        let mut cells = <[String; 9]>::default();
        for (cell, text) in cells.iter_mut().zip(texts.into_iter().chain(rest)) {
            cell.clone_from(text);
        }
        cells
    }
}

/// Everything that was found.
#[derive(Default)]
pub(crate) struct Report {
    facts: Vec<(String, String)>,
    rows: Vec<Row>,
    faults: Vec<String>,
}

impl Report {
    /// Something about the machine.
    pub(crate) fn fact(&mut self, name: &str, value: String) {
        self.facts.push((name.to_owned(), value));
    }

    pub(crate) fn add(&mut self, row: Row) {
        let [what, store, result, _, reached, ..] = row.cells();
        crate::say(format!("{store}: {what}: {result} {reached}"));
        self.rows.push(row);
    }

    /// Something that must not be: the run fails.
    pub(crate) fn fault(&mut self, what: String) {
        crate::say(format!("FAULT: {what}"));
        self.faults.push(what);
    }

    pub(crate) fn faults(&self) -> &[String] {
        &self.faults
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN).set_header([
            "what",
            "store",
            "result",
            "reach",
            "reached",
            "p50 ms",
            "p99 ms",
            "cores: server + load + rest",
            "peak MiB",
        ]);
        for (name, value) in &self.facts {
            table.add_row([name.as_str(), "", value]);
        }
        for row in &self.rows {
            table.add_row(row.cells());
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.fmt(f)
    }
}

/// For people: thousands apart, and decimals only where they say something.
fn grouped(value: f64) -> String {
    if value < 100.0 {
        let text = format!("{value:.1}");
        return text.strip_suffix(".0").map_or(text.clone(), str::to_owned);
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [7.0, 7.25, 99.96, 100.4, 1234567.0].map(grouped),
            ["7", "7.2", "100", "100", "1,234,567"]
        );
    }

    #[test]
    fn goals_tell_how_much_is_reached() {
        assert_eq!(Goal::AtLeast(200.0).reached(100.0), (0.5, false));
        assert_eq!(Goal::Under(10.0).reached(5.0), (2.0, true));
        assert_eq!(Goal::ShareOf(0.7, 100.0).reached(80.0), (0.8, true));
    }

    #[test]
    fn a_missed_goal_cannot_be_overlooked() {
        let row = Row::new("reads", StoreKind::Embedded).value(50.0, "reads/s");
        assert_eq!(row.goal(Goal::AtLeast(100.0)).cells()[4], "50 % MISSED");
    }
}
