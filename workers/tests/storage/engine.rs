//! A real engine, and things of known sizes in it. Nothing is run: a container that was never started has a layer, too.
//!
//! The engine may be on this machine only: volumes are filled where they lie.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use axum::body::Bytes;
use bollard::models::{ContainerCreateBody, HostConfig, VolumeCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptions, CreateImageOptionsBuilder, UploadToContainerOptionsBuilder,
};
use bollard::{Docker, body_full};
use domain::ProjectId;
use futures::TryStreamExt;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::scene::PATIENCE;

/// The label of an installation of the PaaS itself.
pub(crate) const LABEL: &str = "devpush.project_id";

/// An engine that answers.
pub(crate) struct Engine {
    pub(crate) host: String,
    pub(crate) docker: Docker,
}

impl Engine {
    /// The one that all tests share: they keep apart by their projects' ids.
    pub(crate) fn shared() -> Self {
        let host = std::env::var("SERVELINK_TEST_DOCKER").unwrap_or_default();
        assert!(
            !host.is_empty(),
            "SERVELINK_TEST_DOCKER must be a Docker engine: run this as root with scripts/test"
        );
        Self::at(host)
    }

    fn at(host: String) -> Self {
        let docker = Docker::connect_with_host(&host).unwrap();
        Self { host, docker }
    }

    /// The socket that it listens on.
    pub(crate) fn socket(&self) -> PathBuf {
        self.host.strip_prefix("unix://").expect("an engine on a socket").into()
    }

    /// A volume with these files; where it lies.
    pub(crate) async fn volume(
        &self,
        name: &str,
        labels: &[(&str, String)],
        files: &[(&str, usize)],
    ) -> PathBuf {
        let request = VolumeCreateRequest {
            name: Some(name.into()),
            labels: Some(owned(labels)),
            ..VolumeCreateRequest::default()
        };
        let folder: PathBuf = self.docker.create_volume(request).await.unwrap().mountpoint.into();
        for (path, size) in files {
            write(&folder.join(path), *size);
        }
        folder
    }

    /// An image with one file of this size; its name.
    pub(crate) async fn image(&self, labels: &[(&str, String)], size: usize) -> String {
        let name = format!("servelink-test-{}", random());
        let changes: Vec<_> = labels
            .iter()
            .map(|(label, value)| format!("LABEL {label}={value}"))
            .chain([r#"CMD ["/a"]"#.into()])
            .collect();
        let options =
            CreateImageOptionsBuilder::default().from_src("-").repo(&name).tag("1").changes(changes);
        let archive = body_full(tar(&[("a", size)]));
        self.docker
            .create_image(Some(options.build()), Some(archive), None)
            .try_collect::<Vec<_>>()
            .await
            .unwrap();
        format!("{name}:1")
    }

    /// A container with these files in its writable layer, that mounts these folders.
    pub(crate) async fn container(
        &self,
        image: &str,
        labels: &[(&str, String)],
        files: &[(&str, usize)],
        mounts: &[&Path],
    ) -> String {
        let binds = mounts.iter().enumerate().map(|(number, path)| format!("{}:/m{number}", path.display()));
        let body = ContainerCreateBody {
            image: Some(image.into()),
            labels: Some(owned(labels)),
            host_config: Some(HostConfig {
                binds: Some(binds.collect()),
                network_mode: Some("none".into()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let id = self.docker.create_container(None::<CreateContainerOptions>, body).await.unwrap().id;
        let options = UploadToContainerOptionsBuilder::default().path("/").build();
        self.docker.upload_to_container(&id, Some(options), body_full(tar(files))).await.unwrap();
        id
    }
}

/// An engine of a test's own, that may be killed.
pub(crate) struct OwnEngine {
    folder: TempDir,
    process: Option<Child>,
}

impl OwnEngine {
    pub(crate) async fn start() -> (Self, Engine) {
        // Fails here with how to run it, rather than with a dockerd that is not there.
        drop(Engine::shared());
        let mut own = Self { folder: tempfile::tempdir().unwrap(), process: None };
        std::fs::write(own.folder.path().join("daemon.json"), "{}").unwrap();
        own.start_again().await;
        let engine = Engine::at(own.host());
        (own, engine)
    }

    fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("docker.sock").display())
    }

    pub(crate) async fn start_again(&mut self) {
        let folder = self.folder.path();
        // A killed engine leaves the number of its containerd here, and the next one may take a zombie for it.
        let _ = std::fs::remove_dir_all(folder.join("exec"));
        let option = |name: &str, file: &str| format!("--{name}={}", folder.join(file).display());
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let process = Command::new("dockerd")
            .args([option("config-file", "daemon.json"), option("data-root", "data")])
            .args([option("exec-root", "exec"), option("pidfile", "pid"), format!("--host={}", self.host())])
            .args(["--storage-driver=vfs", "--bridge=none", "--iptables=false", "--ip6tables=false"])
            .args(["--group=root", "--log-level=warn"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.process = Some(process);
        let end = Instant::now() + PATIENCE;
        loop {
            if let Ok(docker) = Docker::connect_with_host(&self.host())
                && docker.ping().await.is_ok()
            {
                return;
            }
            let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "dockerd does not answer: {}", log());
            sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Leaves it standing still: its socket takes connections, and nobody answers.
    pub(crate) async fn freeze(&self) {
        let pid = self.process.as_ref().unwrap().id().unwrap().to_string();
        assert!(Command::new("kill").args(["-STOP", &pid]).status().await.unwrap().success());
        // On a busy machine a thread may go on for a moment, and answer.
        while !is_stopped(&pid) {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    pub(crate) async fn kill(&mut self) {
        self.process.take().unwrap().kill().await.unwrap();
    }
}

/// Whether all threads of a process are stopped (proc(5): the state follows the name, which is in brackets).
fn is_stopped(pid: &str) -> bool {
    std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().all(|thread| {
        let stat = std::fs::read_to_string(thread.unwrap().path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
    })
}

impl Drop for OwnEngine {
    /// A killed engine leaves its data mounted on themselves, and a mounted folder cannot be removed.
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.start_kill();
            while matches!(process.try_wait(), Ok(None)) {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        let data = self.folder.path().join("data");
        let umount = || std::process::Command::new("umount").arg(&data).stderr(Stdio::null()).status();
        while umount().is_ok_and(|status| status.success()) {}
    }
}

/// 32 characters that no other test has.
pub(crate) fn random() -> ProjectId {
    ProjectId::from_bytes(rand::random())
}

pub(crate) fn write(path: &Path, size: usize) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, vec![b'x'; size]).unwrap();
}

fn owned(labels: &[(&str, String)]) -> HashMap<String, String> {
    labels.iter().map(|(label, value)| ((*label).to_owned(), value.clone())).collect()
}

/// A tar archive (POSIX.1-1988 ustar) of these files.
fn tar(files: &[(&str, usize)]) -> Bytes {
    const BLOCK: usize = 512;
    let mut archive = Vec::new();
    for (path, size) in files {
        let mut header = [0_u8; BLOCK];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, path);
        put(100, "0000644\0");
        put(108, "0000000\0");
        put(116, "0000000\0");
        put(124, &format!("{size:011o}\0"));
        put(136, "00000000000\0");
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend_from_slice(&header);
        // What fills up the last block is not the file's.
        archive.resize(archive.len() + size.next_multiple_of(BLOCK), b'x');
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive.into()
}
