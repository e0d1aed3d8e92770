//! What each way of counting saw, beside what was billed.

use domain::{TrafficSource, UserId};
use servelink_projections::SeenTraffic;

use crate::common::history::{at, month, project};
use crate::common::{Author, Kind, both, reads};

both! {
    every_way_is_shown_beside_what_it_billed
    only_members_find_it
}

fn seen(source: Option<TrafficSource>, numbers: [u64; 4], first: &str, last: &str) -> SeenTraffic {
    let [ingress, egress, requests, billed] = numbers;
    SeenTraffic {
        source,
        ingress: ingress.try_into().unwrap(),
        egress: egress.try_into().unwrap(),
        requests,
        billed: billed.try_into().unwrap(),
        first_at: at(first),
        last_at: at(last),
    }
}

async fn every_way_is_shown_beside_what_it_billed(kind: Kind) {
    use TrafficSource::{Docker, Traefik};
    let mut author = Author::new("2026-11-10T12:00:00Z");
    author.register(1, "one");
    author.member(1, 7);
    author.project(1, 1);
    author.project(2, 1);
    let (early, late) = (at("2026-11-09T00:00:00Z"), at("2026-11-11T00:00:00Z"));
    let sample = |author: &Author, kind, at, bytes| author.samples("any name", Some(kind), at, bytes, 1);
    // Billed by Traefik first, by Docker later.
    author.billed(1, sample(&author, Traefik, author.now, [10, 100]));
    author.compared(1, sample(&author, Docker, late, [11, 101]));
    author.compared(1, sample(&author, Docker, early, [22, 202]));
    author.compared(1, sample(&author, Traefik, author.now, [1, 2]));
    author.billed(1, sample(&author, Docker, late, [3, 4]));
    // From before that was told; another project; another month.
    author.traffic(1, 5, 6, 7);
    author.billed(2, sample(&author, Traefik, author.now, [1_000, 1_000]));
    author.compared(1, sample(&author, Docker, at("2026-10-31T23:59:59Z"), [8, 9]));
    author.correct(1, -5, -5, 0);
    let (_place, reads) = reads(kind, &author).await;
    let of =
        async |n, text| reads.traffic_sources(UserId(7), project(n), month(text)).await.unwrap().unwrap();
    let noon = "2026-11-10T12:00:00Z";
    assert_eq!(
        of(1, "2026-11").await,
        [
            seen(Some(Docker), [36, 307, 3, 7], "2026-11-09T00:00:00Z", "2026-11-11T00:00:00Z"),
            seen(Some(Traefik), [11, 102, 2, 110], noon, noon),
            seen(None, [5, 6, 7, 11], noon, noon),
        ]
    );
    let october = "2026-10-31T23:59:59Z";
    assert_eq!(of(1, "2026-10").await, [seen(Some(Docker), [8, 9, 1, 0], october, october)]);
    assert_eq!(of(2, "2026-12").await, []);
    // What is compared is in no sum.
    let usage = reads.project_usage(UserId(7), project(1), month("2026-11")).await.unwrap().unwrap();
    assert_eq!((usage.ingress.get(), usage.egress.get()), (13, 105));
}

async fn only_members_find_it(kind: Kind) {
    let mut author = Author::new("2026-11-10T12:00:00Z");
    for n in [1, 2] {
        author.register(n, ["", "one", "two"][usize::from(n)]);
        author.member(n, n.into());
        author.project(n, n);
        author.traffic(n, 1, 2, 3);
    }
    let (_place, reads) = reads(kind, &author).await;
    for (user, own) in [(1, Some(1)), (2, Some(2)), (9, None)] {
        for n in [1, 2, 3] {
            let found = reads.traffic_sources(UserId(user), project(n), month("2026-11")).await.unwrap();
            assert_eq!(found.map(|sources| sources.len()), (own == Some(n)).then_some(1), "{user} {n}");
        }
    }
}
