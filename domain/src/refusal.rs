//! What kind of refusal a refusal is. Each aggregate has its own refusals; this is what they have in common.

/// The kinds of refusal. The HTTP interface maps each to a status and a log level in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// What the command is about does not exist.
    NotFound,
    /// What the command asks contradicts what has happened already.
    Conflict,
    /// A limit of the team's plan stands against it.
    PlanLimit,
    /// The command itself makes no sense.
    Invalid,
}
