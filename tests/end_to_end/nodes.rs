//! Several servers on one Postgres: each does all work, or some.

use serde_json::json;

use crate::common::client::{batch, position, sample, start};
use crate::common::{Home, Servelink, eventually, project};

/// What all nodes check user tokens with.
const SECRET: &str = "the secret that all nodes share";
const MAY: &str = "2024-05-01T00:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_on_one_node_is_read_on_the_other() {
    let home = Home::postgres().await.with("SECRET_KEY", SECRET);
    let (one, first) = start(&home, "").await;
    let two = home.serve("").await;
    let second = first.at(&two);
    first.register(&[1]).await;
    for number in 0..20_u64 {
        let (writer, reader) = if number % 2 == 0 { (&first, &second) } else { (&second, &first) };
        let batch = batch(&format!("number-{number}"), &[sample(1, MAY, [number, 1, 1])]);
        let up_to = position(&writer.post("/api/usage/traffic", &batch).await.ok());
        let path = format!("/api/usage/projects/{}?month=2024-05&min_position={up_to}", project(1));
        let seen = reader.get(&path).await.ok();
        assert_eq!(seen["requests"], json!(number + 1), "after batch {number}");
        // The same batch again, where it was not sent before.
        let again = reader.post("/api/usage/traffic", &batch).await.ok();
        assert_eq!((&again["duplicates"], &again["position"]), (&json!(1), &json!(up_to)));
    }
    one.kill().await;
    let (used, head) = (second.used(&project(1), "2024-05").await, second.head().await);
    assert_eq!(used, [(0..20).sum(), 20, 20], "the other node goes on");
    assert_eq!(two.terminate().await.code(), Some(0));
    let alone = home.serve("").await;
    assert_eq!(
        (first.at(&alone).used(&project(1), "2024-05").await, first.at(&alone).head().await),
        (used, head)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn both_nodes_at_once_count_everything_once() {
    let home = Home::postgres().await.with("SECRET_KEY", SECRET);
    let (_one, first) = start(&home, "").await;
    let two = home.serve("").await;
    let nodes = [first.clone(), first.at(&two)];
    first.register(&[1]).await;
    // Every batch goes to both, as when a producer does not know whether its first try arrived.
    let send = |number: u64, node: usize| {
        let node = nodes[node].clone();
        async move {
            let batch = batch(&format!("both-{number}"), &[sample(1, MAY, [number, 2, 1])]);
            let answer = node.post("/api/usage/traffic", &batch).await.ok();
            answer["accepted"].as_u64().unwrap()
        }
    };
    let sends = (0..100).flat_map(|number| [send(number, 0), send(number, 1)]);
    let accepted: u64 = futures::future::join_all(sends).await.into_iter().sum();
    assert_eq!(accepted, 100, "of two that arrive, one is accepted and one a duplicate");
    for node in &nodes {
        assert_eq!(node.used(&project(1), "2024-05").await, [(0..100).sum(), 200, 100]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_may_be_split_between_processes() {
    let home = Home::postgres().await.with("SECRET_KEY", SECRET);
    let key = home.key(&["usage:write", "directory:write"]).await;
    let token = home.token(1).await;
    let api = home.serve("--roles api").await;
    let client = crate::common::Client::new(&api, &key, &token);
    // Nobody has built the read models: it says so, and takes measurements all the same.
    let ready = client.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["ready"]), (503, &json!(false)), "{ready:?}");
    client.register(&[1]).await;
    let recorded = client.post("/api/usage/traffic", &batch("one", &[sample(1, MAY, [3, 2, 1])])).await.ok();

    let projections = Servelink::start_silent(&home, "serve --roles projections");
    eventually("the read models to be built", || async {
        let ready = client.get("/readyz").await;
        if ready.status == 200 { Ok(()) } else { Err(format!("{ready:?}")) }
    })
    .await;
    assert_eq!(client.used(&project(1), "2024-05").await, [3, 2, 1]);

    // While nobody keeps them up, a read that needs more says how far they are.
    assert_eq!(projections.terminate().await.code(), Some(0));
    let up_to =
        position(&client.post("/api/usage/traffic", &batch("two", &[sample(1, MAY, [1, 1, 1])])).await.ok());
    let path = format!("/api/usage/projects/{}?month=2024-05", project(1));
    let late = client.get(&format!("{path}&min_position={up_to}")).await;
    assert_eq!((late.status, &late.json()["position"]), (503, &recorded["position"]), "{late:?}");
    assert_eq!(client.get(&path).await.ok()["requests"], json!(1), "what is built is still read");
    let _projections = Servelink::start_silent(&home, "serve --roles projections,workers");
    eventually("the rest", || async {
        let usage = client.get(&path).await.ok();
        if usage["requests"] == json!(2) { Ok(()) } else { Err(usage.to_string()) }
    })
    .await;
}
