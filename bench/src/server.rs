//! The real server as a child process.

use std::fs::File;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::Failure;
use crate::http::{self, Connection};
use crate::plan::{Plan, StoreKind};
use crate::rounds::median;
use crate::site::{ANY_PORT, Site, Sites, address_in};

/// How long it may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. Killed when dropped; [`Server::stop`] is the good way.
pub(crate) struct Server {
    child: Child,
    /// Held, so that the server can go on printing.
    _printed: Lines<BufReader<ChildStdout>>,
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
}

impl Server {
    /// Starts it, and returns when it listens. What it logs is in `server.log` of its folder.
    pub(crate) async fn start(site: &Site) -> Result<Self, Failure> {
        let log = site.folder.join("server.log");
        let mut command = site.command(&["serve", "--listen", ANY_PORT]);
        let mut child = command.stdout(Stdio::piped()).stderr(File::create(&log)?).spawn()?;
        let stdout = child.stdout.take().ok_or("the server has no standard output")?;
        let mut printed = BufReader::new(stdout).lines();
        let listening = async {
            while let Some(line) = printed.next_line().await? {
                if let Some(address) = address_in(&line) {
                    return Ok(address);
                }
            }
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            Err(Failure::from(format!("the server ended before it listened: {}", said.trim())))
        };
        let address = tokio::time::timeout(PATIENCE, listening).await??;
        let pid = child.id().ok_or("the server has ended")?;
        Ok(Self { child, _printed: printed, address, pid })
    }

    /// Stops it as a service manager would, so that it drains what it has.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.pid)).status().await?;
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await??;
        if status.success() { Ok(()) } else { Err(format!("the server ended with {status}").into()) }
    }
}

/// From starting the program on an empty store to its first answer: the median of a few, each on a store of its own.
pub(crate) async fn first_answer(plan: &Plan, sites: &Sites, kind: StoreKind) -> Result<Duration, Failure> {
    let mut times = Vec::with_capacity(plan.starts);
    for round in 0..plan.starts {
        let site = sites.make(&format!("start-{round}"), kind).await?;
        let begun = Instant::now();
        let server = Server::start(&site).await?;
        let request = http::request("GET", "/healthz", "none", "");
        Connection::open(server.address).await?.ask(&request).await?.ok()?;
        times.push(begun.elapsed());
        server.stop().await?;
    }
    Ok(median(times))
}
