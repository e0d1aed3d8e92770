//! What a container does that sends, and what its kernel has counted of that. Shared with the tests of the finished program.
#![allow(dead_code, reason = "each test program uses some of it")]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// The longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// Connects to the test at `$GATEWAY` and `$PORT`, and sends as many bytes as it is told, a number a line, over this one
/// connection; and when it is to end, `$LAST` more. For `bash`.
pub(crate) const SENDER: &str = r#"
    exec 3<>/dev/tcp/$GATEWAY/$PORT
    trap 'head -c $LAST /dev/zero >&3; sleep 3; exit' TERM
    while :; do
        if read -r -t 0.1 count <&3; then head -c $count /dev/zero >&3; fi
    done
"#;
pub(crate) const LAST: u64 = 300_000;
/// Of this machine, which the container needs for it.
pub(crate) const FOLDERS: [&str; 4] = ["/usr", "/bin", "/lib", "/lib64"];

pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    timeout(PATIENCE, listener.accept()).await.unwrap().unwrap().0
}

/// Has it send this many bytes, and takes them.
pub(crate) async fn exchange(connection: &mut TcpStream, count: u64) {
    connection.write_all(format!("{count}\n").as_bytes()).await.unwrap();
    let mut taken = connection.take(count);
    let copied =
        timeout(PATIENCE, tokio::io::copy(&mut taken, &mut tokio::io::sink())).await.unwrap().unwrap();
    assert_eq!(copied, count);
}

/// Bytes in and out of the network that this process is in, on all its interfaces but the inner one.
pub(crate) fn counted_by_the_kernel(pid: i64) -> [u64; 2] {
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap();
    let mut sums = [0, 0];
    for line in table.lines().skip(2) {
        let (name, numbers) = line.split_once(':').unwrap();
        let numbers: Vec<u64> = numbers.split_whitespace().map(|number| number.parse().unwrap()).collect();
        if name.trim() != "lo" {
            sums = [sums[0] + numbers[0], sums[1] + numbers[8]];
        }
    }
    sums
}
