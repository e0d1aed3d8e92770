//! What the server acknowledged, by project: the read models must say the same in the end.

use crate::Failure;
use crate::http;

/// What one project used, in bytes and requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) ingress: u64,
    pub(crate) egress: u64,
    pub(crate) requests: u64,
}

/// Acknowledged samples.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    pub(crate) projects: Vec<Sums>,
    pub(crate) samples: u64,
    /// The last position that was answered.
    pub(crate) position: u64,
}

impl Ledger {
    pub(crate) fn new(projects: usize) -> Self {
        Self { projects: vec![Sums::default(); projects], samples: 0, position: 0 }
    }

    pub(crate) fn add(&mut self, project: usize, sums: Sums) {
        let all = &mut self.projects[project];
        all.ingress += sums.ingress;
        all.egress += sums.egress;
        all.requests += sums.requests;
    }

    /// Takes in what the answer to these many new samples says: all of them must be accepted.
    pub(crate) fn took(&mut self, samples: u64, answer: &[u8]) -> Result<(), Failure> {
        let accepted = http::number(answer, "\"accepted\":");
        let position = http::number(answer, "\"position\":");
        match (accepted, position) {
            (Some(accepted), Some(position)) if accepted == samples => {
                self.samples += samples;
                self.position = self.position.max(position);
                Ok(())
            }
            _ => {
                let answer = String::from_utf8_lossy(answer);
                Err(format!("{samples} new samples were sent, and the answer was {answer}").into())
            }
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (project, sums) in other.projects.iter().enumerate() {
            self.add(project, *sums);
        }
        self.samples += other.samples;
        self.position = self.position.max(other.position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_took_less_is_a_failure() {
        let mut ledger = Ledger::new(1);
        ledger.took(2, br#"{"accepted":2,"duplicates":0,"rejected":[],"position":7}"#).unwrap();
        assert_eq!((ledger.samples, ledger.position), (2, 7));
        for answer in [&br#"{"accepted":0,"duplicates":2,"rejected":[],"position":7}"#[..], b"", b"{}"] {
            assert!(ledger.took(2, answer).is_err());
        }
    }
}
