//! What a process uses of the machine, as Linux tells it in /proc.

use std::fs;
use std::time::Duration;

use crate::Failure;
use crate::rounds::as_float;

/// Linux tells processor time in hundredths of a second, whatever its own ticks are.
const TICK: Duration = Duration::from_millis(10);

/// Resident memory in bytes: now, and the most since it was last asked to forget.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) peak: u64,
}

pub(crate) fn memory(pid: u32) -> Result<Memory, Failure> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    match (kib("VmRSS:"), kib("VmHWM:")) {
        (Some(now), Some(peak)) => Ok(Memory { now: now * 1_024, peak: peak * 1_024 }),
        _ => Err(format!("/proc/{pid}/status says nothing of memory").into()),
    }
}

/// Begins a new peak. Where that is not allowed, the peak is that of the whole life.
pub(crate) fn forget_peak(pid: u32) {
    let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

/// Processor time used so far, in ticks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticks {
    server: u64,
    generator: u64,
    machine: u64,
}

/// How many cores were busy, on average, and with what.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cores {
    pub(crate) server: f64,
    pub(crate) generator: f64,
    /// Everything else: the database, the kernel on nobody's account, other programs.
    pub(crate) others: f64,
}

impl Ticks {
    pub(crate) fn now(server: u32) -> Result<Self, Failure> {
        let generator = ticks(&std::process::id().to_string())?;
        Ok(Self { server: ticks(&server.to_string())?, generator, machine: busy()? })
    }

    pub(crate) fn since(self, earlier: Self, took: Duration) -> Cores {
        let cores = |now: u64, then: u64| {
            as_float(now.saturating_sub(then)) * TICK.as_secs_f64() / took.as_secs_f64()
        };
        let (server, generator) =
            (cores(self.server, earlier.server), cores(self.generator, earlier.generator));
        let others = (cores(self.machine, earlier.machine) - server - generator).max(0.0);
        Cores { server, generator, others }
    }
}

fn ticks(process: &str) -> Result<u64, Failure> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the program's name in parentheses and may hold anything; utime and stime are the 14th, 15th.
    let (_, fields) = stat.rsplit_once(") ").ok_or("/proc/PID/stat is of another form")?;
    Ok(fields.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum())
}

fn busy() -> Result<u64, Failure> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().and_then(|line| line.strip_prefix("cpu ")).ok_or("/proc/stat is empty")?;
    let times: Vec<u64> = line.split_whitespace().filter_map(|ticks| ticks.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal
    Ok([0, 1, 2, 5, 6].into_iter().filter_map(|place| times.get(place)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_time() {
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.now > 0 && memory.peak >= memory.now);
        let ticks = Ticks::now(std::process::id()).unwrap();
        let later = Ticks { server: ticks.server + 150, machine: ticks.machine + 200, ..ticks };
        let cores = later.since(ticks, Duration::from_secs(1));
        assert_eq!((cores.server, cores.generator, cores.others), (1.5, 0.0, 0.5));
    }
}
