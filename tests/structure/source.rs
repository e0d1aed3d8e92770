//! What source code must not contain: marks of unfinished work, and arms that swallow a new state or command.

use crate::{repo::Repo, violation::Violation};

/// Written in two parts, so that this file does not contain them.
const UNFINISHED: [&str; 5] = [
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("db", "g!"),
    concat!("FIX", "ME"),
    concat!("#[ig", "nore"),
];

pub(crate) fn nothing_unfinished(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for (file, text) in repo.rust() {
        for (number, line) in text.lines().enumerate() {
            for mark in UNFINISHED.into_iter().filter(|mark| contains_word(line, mark)) {
                let advice = format!("`{mark}` marks unfinished work: finish it, or take it out");
                found.push(Violation::line(file, number + 1, "unfinished", advice));
            }
        }
    }
    found
}

/// Whether it is there, and not as the end of a longer name.
fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|before| before.is_alphanumeric() || before == '_')
    })
}

/// In an aggregate's `decide.rs` and `state.rs`, which match over states, commands and events.
pub(crate) fn no_wildcard_arms(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    let decides = |file: &str| {
        file.starts_with("domain/src/") && (file.ends_with("/decide.rs") || file.ends_with("/state.rs"))
    };
    for (file, text) in repo.rust().filter(|(file, _)| decides(file)) {
        for (number, line) in text.lines().enumerate() {
            if has_wildcard_arm(line) {
                let advice =
                    "a wildcard arm swallows whatever is added later: name each state, command or event";
                found.push(Violation::line(file, number + 1, "wildcard arm", advice));
            }
        }
    }
    found
}

/// An arm whose whole pattern is `_`, or a tuple of nothing but `_`.
fn has_wildcard_arm(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices("=>").any(|(at, _)| {
        let before = &code[..at];
        let start = before.rfind(['{', '}', '|', ';']).map_or(0, |end| end + 1);
        let pattern = before[start..].trim();
        // `a => 1, _ => 2` on one line: the pattern begins after the comma, unless that is a tuple's.
        let pattern = if pattern.starts_with('(') {
            pattern
        } else {
            pattern.rsplit(',').next().unwrap_or(pattern).trim()
        };
        pattern.contains('_') && pattern.chars().all(|c| matches!(c, '_' | '(' | ')' | ',' | ' ' | '.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_unfinished_work_are_found_with_their_line() {
        for mark in UNFINISHED {
            let found = nothing_unfinished(&Repo::of(&[("a.rs", &format!("fn x() {{\n    {mark}()\n}}"))]));
            assert_eq!(found.len(), 1, "{mark}");
            assert!(found[0].to_string().starts_with("a.rs:2: [unfinished]"));
        }
    }

    #[test]
    fn longer_names_and_other_files_are_silent() {
        let longer = format!("mas{}()", UNFINISHED[0]);
        assert_eq!(nothing_unfinished(&Repo::of(&[("a.rs", &longer), ("a.md", UNFINISHED[3])])), []);
    }

    #[test]
    fn wildcard_arms_are_told_from_other_patterns() {
        let wild =
            ["_ => x,", "(_, _) => x,", "A | _ => x", "match x { _ => y }", "match x { A => 1, _ => 2 }"];
        for line in wild {
            assert!(has_wildcard_arm(line), "{line}");
        }
        let named = [
            "A(_) => x,",
            "(A, _) => x,",
            "(_, B) => x,",
            "A { .. } => x,",
            "let _ = x;",
            "// _ => x",
            "|_| x",
            "a_b => x",
        ];
        for line in named {
            assert!(!has_wildcard_arm(line), "{line}");
        }
    }

    #[test]
    fn only_decisions_and_states_are_looked_at() {
        let arm = "_ => x,";
        let repo = Repo::of(&[
            ("domain/src/a/decide.rs", arm),
            ("domain/src/a/event.rs", arm),
            ("api/src/state.rs", arm),
        ]);
        let found = no_wildcard_arms(&repo);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].file, "domain/src/a/decide.rs");
    }
}
