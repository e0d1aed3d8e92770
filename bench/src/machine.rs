//! The machine that the numbers belong to.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};

use crate::report::Report;
use crate::rounds::median;
use crate::{Args, Failure};

/// Writes that are timed.
const WRITES: usize = 200;

/// Says what machine this is, in the table's first rows.
pub(crate) async fn describe(report: &mut Report, args: &Args) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism()?;
    let processor = line_of("/proc/cpuinfo", "model name")?;
    let memory = line_of("/proc/meminfo", "MemTotal")?;
    let memory: u64 = memory.trim_end_matches(" kB").parse()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    report.fact("processor", format!("{cores} x {processor}"));
    report.fact("memory", format!("{} GiB", memory >> 20));
    report.fact("kernel", format!("Linux {}", kernel.trim()));
    let mut postgres = PgConnection::connect(&args.postgres_url).await?;
    let version: String = sqlx::query_scalar("SHOW server_version").fetch_one(&mut postgres).await?;
    report.fact("Postgres", version);
    let folder = args.folder.clone();
    let fsync = tokio::task::spawn_blocking(move || fsync(&folder)).await??;
    report.fact(
        &format!("4 KiB write and fdatasync, median of {WRITES}"),
        format!("{:.2} ms", fsync.as_secs_f64() * 1e3),
    );
    Ok(())
}

fn line_of(file: &str, name: &str) -> Result<String, Failure> {
    let text = fs::read_to_string(file)?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
    Ok(value.map_or("unknown", |(_, value)| value.trim()).to_owned())
}

fn fsync(folder: &Path) -> Result<Duration, std::io::Error> {
    let path = folder.join("fsync");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let begun = Instant::now();
        file.write_all(&[7; 4_096])?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    drop(file);
    fs::remove_file(path)?;
    Ok(median(times))
}
