//! What containers send by their network interfaces, read from a real Docker engine, is billed where that was chosen. What
//! comes in by another way is kept beside it, and both are shown.

use std::process::{Command, Stdio};

use chrono::Utc;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::common::client::{batch, position, sample, start};
use crate::common::{Client, Home, eventually, project, team};
use crate::engine::Engine;
use crate::sender::{FOLDERS, LAST, SENDER, accept, counted_by_the_kernel, exchange};

/// No other test's.
const PROJECT: u8 = 0x6e;

/// A network that leads nowhere but to this machine, and a container in it. They are gone with their test.
struct Net {
    engine: Engine,
    /// Of the network, its bridge, the container and its image.
    name: String,
}

/// What a container of the project sends over, and the process whose network it is in.
struct Sender {
    connection: TcpStream,
    pid: i64,
}

impl Net {
    fn create(engine: &Engine) -> Self {
        let name = format!("slt-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        let net = Self { engine: engine.clone(), name };
        let bridge = format!("com.docker.network.bridge.name={}", net.name);
        engine.docker(&["network", "create", "--internal", "--opt", &bridge, &net.name]);
        net
    }

    /// It runs this machine's own shell: its image has nothing in it.
    async fn sender(&self) -> Sender {
        let Self { engine, name } = self;
        // The end of an archive (POSIX.1-1988 ustar).
        engine.docker_given(&["import", "-", name], &[0; 1024]);
        let first_gateway = "{{(index .IPAM.Config 0).Gateway}}";
        let gateway = engine.docker(&["network", "inspect", "--format", first_gateway, name]);
        let listener = TcpListener::bind((gateway.as_str(), 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = [
            format!("--name={name}"),
            format!("--network={name}"),
            format!("--label=devpush.project_id={}", project(PROJECT)),
            "--sysctl=net.ipv6.conf.all.disable_ipv6=1".into(),
            format!("--env=GATEWAY={gateway}"),
            format!("--env=PORT={port}"),
            format!("--env=LAST={LAST}"),
            "--env=PATH=/usr/bin:/bin".into(),
        ];
        let options = options.into_iter().chain(FOLDERS.map(|path| format!("--volume={path}:{path}:ro")));
        let options: Vec<String> = options.collect();
        let mut run = vec!["run", "--detach"];
        run.extend(options.iter().map(String::as_str));
        run.extend([name, "/bin/bash", "-c", SENDER]);
        engine.docker(&run);
        let connection = accept(&listener).await;
        let pid = engine.docker(&["inspect", "--format", "{{.State.Pid}}", name]).parse().unwrap();
        Sender { connection, pid }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let Self { engine, name } = self;
        engine.clean_up(&["rm", "--force", "--volumes", name]);
        engine.clean_up(&["network", "rm", name]);
        engine.clean_up(&["image", "rm", name]);
        // An engine that was killed has left it.
        let _ = Command::new("ip").args(["link", "delete", name]).stderr(Stdio::null()).status();
    }
}

/// What each way of counting saw of the project this month, as far as it is recorded.
async fn sources(client: &Client) -> Value {
    let path =
        format!("/api/usage/projects/{}/sources?min_position={}", project(PROJECT), client.head().await);
    client.get(&path).await.ok()
}

/// What this way saw: ingress, egress, requests, and what of its bytes was billed.
fn seen(sources: &Value, way: &str) -> [u64; 4] {
    let of = sources["sources"].as_array().unwrap().iter().find(|source| source["source"] == way);
    let of = of.unwrap_or_else(|| panic!("{way} saw nothing: {sources}"));
    ["ingress_bytes", "egress_bytes", "requests", "billed_bytes"].map(|field| of[field].as_u64().unwrap())
}

/// What the project is billed this month: ingress, egress, requests.
async fn billed(client: &Client) -> [u64; 3] {
    client.used(&project(PROJECT), &Utc::now().format("%Y-%m").to_string()).await
}

/// Once all that the sender has sent is read: what each way saw, by then and no later.
async fn read(client: &Client, sender: &Sender) -> Value {
    eventually("all that the kernel has counted to be read", || async {
        let kernel = counted_by_the_kernel(sender.pid);
        let sources = sources(client).await;
        let is_in = |of: &Value| {
            of["source"] == "docker" && of["ingress_bytes"] == kernel[0] && of["egress_bytes"] == kernel[1]
        };
        let all = sources["sources"].as_array().unwrap().iter().any(is_in);
        if all { Ok(sources) } else { Err(format!("{kernel:?}, and {sources}")) }
    })
    .await
}

async fn choose(client: &Client, way: Value) {
    let body = json!({ "team_id": team(1), "name": "project", "traffic_source": way });
    client.put(&format!("/api/projects/{}", project(PROJECT)), &body).await;
}

async fn send_samples(client: &Client, id: &str, counted: [u64; 3]) {
    let samples = [sample(PROJECT, &Utc::now().to_rfc3339(), counted)];
    let answer = client.post("/api/usage/traffic", &batch(id, &samples)).await.ok();
    assert_eq!(answer["accepted"], 1, "{answer}");
    assert!(position(&answer) > 0);
}

/// The drift that is shown of a way is what it saw beyond the other one, to a tenth of a per cent.
fn drifts(sources: &Value, of: &str, from: &str) {
    let bytes = |way| seen(sources, way)[..2].iter().sum::<u64>() as f64;
    let (more, base) = (bytes(of) - bytes(from), bytes(from));
    let drift = &sources["drift"][of];
    assert_eq!(drift["bytes"].as_f64(), Some(more), "{sources}");
    assert!((drift["per_cent"].as_f64().unwrap() - 100.0 * more / base).abs() <= 0.051, "{sources}");
    assert_eq!((&sources["drift"][from], &sources["drift"]["traefik"]), (&Value::Null, &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_way_of_counting_bills_and_the_other_is_compared() {
    let engine = Engine::of_the_tests();
    let mut home = Home::embedded()
        .with("SERVELINK_NIC", "yes")
        .with("SERVELINK_NIC_INTERVAL", "1s")
        .with("DOCKER_HOST", &engine.host)
        .with("TRAFFIC_SOURCE", "docker");
    let (server, client) = start(&home, "").await;
    client.register(&[PROJECT]).await;
    // What containers had sent before the first reading is nobody's.
    home.json("jobs run nic --json").await;

    let net = Net::create(&engine);
    let mut sender = net.sender().await;
    exchange(&mut sender.connection, 1_000_000).await;
    let only = read(&client, &sender).await;
    assert_eq!((&only["billing_source"], &only["drift"]), (&json!("docker"), &Value::Null), "{only}");
    let [ingress, egress, ..] = seen(&only, "docker");
    assert!((1_000_000..1_200_000).contains(&egress), "{only}");
    assert_eq!(seen(&only, "docker"), [ingress, egress, 0, ingress + egress]);

    // Samples of the same traffic, as a gateway counts it: without what it costs on the way.
    send_samples(&client, "compared", [11, 1_000_000, 3]).await;
    let before = billed(&client).await;
    let both = sources(&client).await;
    let after = billed(&client).await;
    assert_eq!(seen(&both, "ingest"), [11, 1_000_000, 3, 0]);
    let [ingress, egress, requests, all_billed] = seen(&both, "docker");
    assert_eq!((requests, all_billed), (0, ingress + egress));
    // A network is never silent: it may be read between two of these.
    let bytes = |[ingress, egress, _]: [u64; 3]| ingress + egress;
    assert!((bytes(before)..=bytes(after)).contains(&all_billed), "{before:?} {both} {after:?}");
    assert_eq!((before[2], after[2]), (0, 0), "samples are not billed");
    drifts(&both, "ingest", "docker");

    // The project's own choice. What it was billed before stays billed.
    choose(&client, json!("ingest")).await;
    let chosen = sources(&client).await;
    assert_eq!(chosen["billing_source"], "ingest", "{chosen}");
    let by_docker = seen(&chosen, "docker")[3];
    exchange(&mut sender.connection, 500_000).await;
    send_samples(&client, "billed", [5, 500_000, 2]).await;
    let both = read(&client, &sender).await;
    assert!(seen(&both, "docker")[1] >= 1_500_000, "{both}");
    assert_eq!((seen(&both, "docker")[3], seen(&both, "ingest")), (by_docker, [16, 1_500_000, 5, 500_005]));
    let [ingress, egress, requests] = billed(&client).await;
    assert_eq!((ingress + egress, requests), (by_docker + 500_005, 2));
    drifts(&both, "docker", "ingest");

    // It is given up, and then made again with another setting.
    choose(&client, Value::Null).await;
    assert_eq!(sources(&client).await["billing_source"], "docker");
    assert_eq!(server.terminate().await.code(), Some(0));
    home.set("TRAFFIC_SOURCE", "ingest");
    let server = home.serve("").await;
    let client = client.at(&server);
    assert_eq!(sources(&client).await["billing_source"], "ingest");
    choose(&client, json!("docker")).await;
    let chosen = sources(&client).await;
    assert_eq!(chosen["billing_source"], "docker", "{chosen}");
    exchange(&mut sender.connection, 200_000).await;
    let last = read(&client, &sender).await;
    assert!(seen(&last, "docker")[3] >= by_docker + 200_000, "{last}");
    assert_eq!(seen(&last, "ingest"), [16, 1_500_000, 5, 500_005]);
    assert_eq!(server.terminate().await.code(), Some(0));
    assert!(!home.log().contains("WARN"), "nothing was in doubt: {}", home.log());
}
