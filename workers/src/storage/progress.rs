//! What takes minutes says so now and then.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, interval_at};

/// How often.
const EVERY: Duration = Duration::from_secs(30);

/// Does the work, with a line in the log every 30 seconds until it is done. `entries` is how much is done so far, where
/// that is known.
pub(super) async fn told<T>(step: &str, entries: Option<&AtomicU64>, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let mut turns = interval_at(begun + EVERY, EVERY);
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = turns.tick() => {
                let seconds = begun.elapsed().as_secs();
                let entries = entries.map(|entries| entries.load(Ordering::Relaxed));
                tracing::info!(job = "storage", step, seconds, entries, "still measuring");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_every_thirty_seconds() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let entries = AtomicU64::new(7);
        let done = told("/system/df", Some(&entries), async {
            tokio::time::sleep(Duration::from_secs(95)).await;
            "done"
        });
        assert_eq!(done.await, "done");
        told("short", None, tokio::time::sleep(Duration::from_secs(29))).await;
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let told: Vec<_> = text.lines().filter(|line| line.contains("still measuring")).collect();
        assert_eq!(told.len(), 3, "{text}");
        assert!(told[2].contains("seconds=90") && told[2].contains("entries=7"), "{text}");
    }
}
