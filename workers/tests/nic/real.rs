//! A real engine and containers that send: what is counted is what their kernel has counted, to the byte.
//!
//! Containers run this machine's own shell, with its folders mounted, on a network that leads nowhere but to this machine.

use std::collections::HashMap;
use std::process::Stdio;

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, NetworkCreateRequest, NetworkingConfig,
};
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, RemoveContainerOptionsBuilder, RestartContainerOptions,
    StartContainerOptions, StopContainerOptionsBuilder,
};
use domain::ProjectId;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::engine::{Engine, LABEL, random};
use crate::scene::Scene;
use crate::sender::{FOLDERS, LAST, SENDER, accept, counted_by_the_kernel, exchange};

/// A network between containers and this machine, which goes with it.
struct Net<'a> {
    engine: &'a Engine,
    name: String,
    gateway: String,
}

impl<'a> Net<'a> {
    async fn create(engine: &'a Engine) -> Self {
        let name = format!("slt-{}", &random().to_string()[..8]);
        let request = NetworkCreateRequest {
            name: name.clone(),
            driver: Some("bridge".into()),
            internal: Some(true),
            options: Some(HashMap::from([("com.docker.network.bridge.name".into(), name.clone())])),
            ..NetworkCreateRequest::default()
        };
        engine.docker.create_network(request).await.unwrap();
        let made = engine.docker.inspect_network(&name, None).await.unwrap();
        let gateway = made.ipam.unwrap().config.unwrap().remove(0).gateway.unwrap();
        Self { engine, name, gateway }
    }

    /// A container of this project that sends, and the connection that it sends over.
    async fn sender(&self, image: &str, project: ProjectId) -> (String, TcpListener) {
        let listener = TcpListener::bind((self.gateway.as_str(), 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let id = self.run(image, project, Some(&self.name), port).await;
        (id, listener)
    }

    async fn run(&self, image: &str, project: ProjectId, network: Option<&str>, port: u16) -> String {
        let endpoint = network.map(|name| (name.to_owned(), EndpointSettings::default()));
        let environment = [
            format!("GATEWAY={}", self.gateway),
            format!("PORT={port}"),
            format!("LAST={LAST}"),
            "PATH=/usr/bin:/bin".into(),
        ];
        let no_chatter = HashMap::from([("net.ipv6.conf.all.disable_ipv6".into(), "1".into())]);
        let body = ContainerCreateBody {
            image: Some(image.into()),
            cmd: Some(["/bin/bash", "-c", SENDER].map(str::to_owned).into()),
            env: Some(environment.into()),
            labels: Some(HashMap::from([(LABEL.into(), project.to_string())])),
            host_config: Some(HostConfig {
                binds: Some(FOLDERS.map(|path| format!("{path}:{path}:ro")).into()),
                network_mode: Some(network.unwrap_or("none").into()),
                sysctls: network.map(|_| no_chatter),
                ..HostConfig::default()
            }),
            networking_config: Some(NetworkingConfig {
                endpoints_config: Some(endpoint.into_iter().collect()),
            }),
            ..ContainerCreateBody::default()
        };
        let docker = &self.engine.docker;
        let id = docker.create_container(None::<CreateContainerOptions>, body).await.unwrap().id;
        docker.start_container(&id, None::<StartContainerOptions>).await.unwrap();
        id
    }

    async fn remove(&self, containers: &[&str]) {
        for id in containers {
            let options = RemoveContainerOptionsBuilder::default().force(true).build();
            self.engine.docker.remove_container(id, Some(options)).await.unwrap();
        }
        self.engine.docker.remove_network(&self.name).await.unwrap();
    }
}

impl Drop for Net<'_> {
    /// An engine that is killed leaves its bridges on the machine. Of one that is removed there is nothing left to do.
    fn drop(&mut self) {
        let delete = ["link", "delete", &self.name];
        let _ = std::process::Command::new("ip").args(delete).stderr(Stdio::null()).status();
    }
}

/// What its kernel has counted, apart from the code under test.
async fn kernel(engine: &Engine, id: &str) -> [u64; 2] {
    let inspected = engine.docker.inspect_container(id, None::<InspectContainerOptions>).await.unwrap();
    counted_by_the_kernel(inspected.state.unwrap().pid.unwrap())
}

/// A turn during which nothing is sent or received, and what the kernel has counted by then.
async fn quiet_turn(
    scene: &Scene,
    job: &mut servelink_workers::nic::NicJob,
    engine: &Engine,
    id: &str,
) -> [u64; 2] {
    for _ in 0..50 {
        let before = kernel(engine, id).await;
        scene.run(job).await;
        if kernel(engine, id).await == before {
            return before;
        }
    }
    panic!("there is always something on the network");
}

fn less([bytes_in, bytes_out]: [u64; 2], [before_in, before_out]: [u64; 2]) -> [u64; 2] {
    [bytes_in - before_in, bytes_out - before_out]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_is_what_the_kernel_has_counted() {
    let (engine, project) = (Engine::shared(), random());
    let scene = Scene::set(&[project]).await;
    let mut job = scene.job(&engine.host);
    let image = engine.image(&[], 1).await;
    let net = Net::create(&engine).await;
    scene.run(&mut job).await;

    // From its beginning on.
    let (id, listener) = net.sender(&image, project).await;
    let alone = net.run(&image, project, None, 1).await;
    let mut connection = accept(&listener).await;
    exchange(&mut connection, 1_000_000).await;
    let counted = quiet_turn(&scene, &mut job, &engine, &id).await;
    assert_eq!(scene.recorded(project).await, counted);
    assert!(counted[1] > 1_000_000 && counted[1] < 1_200_000, "{counted:?}");
    let report = scene.run(&mut job).await;
    assert_eq!((report.containers, report.without_network, report.unread), (1, 1, 0));
    assert_eq!(report.troubles, [""; 0]);

    // Differences, and a large one.
    exchange(&mut connection, 20_000_000).await;
    let counted = quiet_turn(&scene, &mut job, &engine, &id).await;
    assert_eq!(scene.recorded(project).await, counted);

    // It is started again, and sends less.
    let first_life = scene.recorded(project).await;
    drop(connection);
    engine.docker.restart_container(&id, None::<RestartContainerOptions>).await.unwrap();
    let mut connection = accept(&listener).await;
    let at_restart = scene.recorded(project).await;
    assert_eq!(at_restart, first_life, "no turn since");
    exchange(&mut connection, 5_000).await;
    let second_life = quiet_turn(&scene, &mut job, &engine, &id).await;
    let both = less(scene.recorded(project).await, second_life);
    assert!(both[1] >= first_life[1] && both[1] < first_life[1] + LAST * 2, "{first_life:?} {both:?}");

    // It is stopped between two turns, after it has sent more, and sends the last of it while it ends.
    let before = scene.recorded(project).await;
    exchange(&mut connection, 700_000).await;
    let sent_after_the_last_turn = less(kernel(&engine, &id).await, second_life);
    scene.let_pass(1);
    let options = StopContainerOptionsBuilder::default().t(10).build();
    let rest = tokio::spawn(async move { connection.read_to_end(&mut Vec::new()).await });
    engine.docker.stop_container(&id, Some(options)).await.unwrap();
    rest.await.unwrap().unwrap();
    let report = scene.run(&mut job).await;
    assert_eq!((report.containers, report.ended), (0, 1));
    let last = less(scene.recorded(project).await, before);
    assert!(last[1] >= sent_after_the_last_turn[1] + LAST, "{last:?} {sent_after_the_last_turn:?}");
    assert!(last[1] < sent_after_the_last_turn[1] + LAST + LAST / 5, "{last:?} {sent_after_the_last_turn:?}");

    net.remove(&[&id, &alone]).await;
}
