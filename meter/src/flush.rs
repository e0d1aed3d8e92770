//! The task that hands the counts to a sink: one batch at a time, tried until it is recorded or refused.

use std::{error::Error, time::Duration};

use tokio::{select, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{
    meter::Meter,
    sink::{MeteredBatch, MeteredSample, Sink, SinkError},
};

impl Meter {
    /// Drains the counts into a batch every `interval` and gives it to `sink`, until `shutdown`.
    ///
    /// A batch that the sink cannot take is kept as it is, and tried again with growing waits before anything new
    /// is drained; what is counted meanwhile waits in the counters. A refused batch is logged and dropped. On
    /// shutdown everything counted so far is handed over, within [`MeterOptions::shutdown_limit`]; what is not
    /// through by then is logged, and stays in the meter.
    ///
    /// Cancel `shutdown` after the server has stopped, or the last requests are not in the last batch. Dropping
    /// the future loses nothing: another `run` goes on with the same batch. A second `run` on the same meter waits
    /// until the first has ended.
    ///
    /// [`MeterOptions::shutdown_limit`]: crate::MeterOptions::shutdown_limit
    pub async fn run<S: Sink>(self, sink: S, interval: Duration, shutdown: CancellationToken) {
        let mut pending = select! {
            biased;
            pending = self.inner.pending.lock() => pending,
            () = shutdown.cancelled() => return,
        };
        let mut flusher = Flusher { meter: &self, sink, interval, shutdown: &shutdown, warned: (0, 0) };
        let time_is_up = async {
            shutdown.cancelled().await;
            sleep(self.inner.options.shutdown_limit).await;
        };
        let done = select! {
            biased;
            () = flusher.run(&mut pending) => true,
            () = time_is_up => false,
        };
        if !done {
            let batch = pending.as_ref();
            error!(
                batch_id = batch.map(|batch| &*batch.batch_id),
                "shutdown limit reached, usage is left over"
            );
            log_samples(batch.map_or(&[], |batch| &batch.samples));
            log_samples(&self.waiting());
        }
    }
}

struct Flusher<'a, S> {
    meter: &'a Meter,
    sink: S,
    interval: Duration,
    shutdown: &'a CancellationToken,
    /// The un-metered requests and upgrades that the log already tells of.
    warned: (u64, u64),
}

impl<S: Sink> Flusher<'_, S> {
    async fn run(&mut self, pending: &mut Option<MeteredBatch>) {
        loop {
            let stopping = self.pause(self.interval).await;
            // A batch can be left over from a run that was aborted.
            self.deliver(pending).await;
            *pending = self.meter.drain();
            self.deliver(pending).await;
            self.warn_of_unmetered();
            if stopping {
                return;
            }
        }
    }

    /// Returns once nothing is pending.
    async fn deliver(&self, pending: &mut Option<MeteredBatch>) {
        let options = &self.meter.inner.options;
        let mut wait = options.first_retry;
        while let Some(batch) = pending.as_ref() {
            match self.sink.record(batch).await {
                Ok(()) => *pending = None,
                Err(SinkError::Refused(cause)) => {
                    error!(batch_id = %batch.batch_id, cause = &*cause as &(dyn Error + 'static), "usage refused");
                    log_samples(&batch.samples);
                    *pending = None;
                }
                Err(SinkError::Unavailable(cause)) => {
                    warn!(
                        batch_id = %batch.batch_id,
                        cause = &*cause as &(dyn Error + 'static),
                        retry_in = ?wait,
                        "usage not recorded yet"
                    );
                    if self.shutdown.is_cancelled() {
                        sleep(wait).await;
                    } else if self.pause(wait).await {
                        // The time left is short: begin with short waits again.
                        wait = options.first_retry;
                        continue;
                    }
                    wait = wait.saturating_mul(2).min(options.longest_retry);
                }
            }
        }
    }

    /// Waits, at most until shutdown; true when it is time to stop.
    async fn pause(&self, wait: Duration) -> bool {
        select! {
            biased;
            () = self.shutdown.cancelled() => true,
            () = sleep(wait) => false,
        }
    }

    /// Once a round and not once a request, so that a flood of keys is not a flood of log lines too.
    fn warn_of_unmetered(&mut self) {
        let now = (self.meter.unmetered_requests(), self.meter.unmetered_upgrades());
        if now.0 > self.warned.0 {
            let max_keys = self.meter.inner.options.max_keys;
            warn!(
                requests = now.0 - self.warned.0,
                max_keys, "requests of too many or too long keys not metered"
            );
        }
        if now.1 > self.warned.1 {
            warn!(
                upgrades = now.1 - self.warned.1,
                "upgraded connections not metered: not served over MeteredIo"
            );
        }
        self.warned = now;
    }
}

/// The log is the only trace of usage that is given up, so it gets every number.
fn log_samples(samples: &[MeteredSample]) {
    for sample in samples {
        error!(
            key = %sample.key,
            ingress_bytes = sample.ingress_bytes,
            egress_bytes = sample.egress_bytes,
            requests = sample.requests,
            at = ?sample.at,
            "usage not handed over"
        );
    }
}
