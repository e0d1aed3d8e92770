//! Who finds what, and what he finds.

use domain::{ProjectId, UserId};
use servelink_projections::{ProjectUsage, ReadModels, TeamUsage};

use crate::common::history::{at, month, project, team};
use crate::common::{Author, Kind, both, reads};

both! {
    only_members_find_anything
    storage_is_carried_to_later_months
    a_project_that_moves_leaves_its_traffic_and_takes_its_storage
    what_no_project_mounts_is_the_teams
    what_is_gone_is_shown_while_there_is_something_of_it
    nobody_used_less_than_nothing
}

const MEMBER: UserId = UserId(7);

async fn usage(reads: &ReadModels, user: UserId, project: ProjectId, text: &str) -> Option<ProjectUsage> {
    let usage = reads.project_usage(user, project, month(text)).await.unwrap();
    let days = reads.project_days(user, project, month(text)).await.unwrap();
    assert_eq!(usage.is_some(), days.is_some(), "month and days are found by the same people");
    usage
}

async fn team_usage(reads: &ReadModels, user: UserId, slug: &str, text: &str) -> Option<TeamUsage> {
    reads.team_usage(user, &slug.parse().unwrap(), month(text)).await.unwrap()
}

async fn only_members_find_anything(kind: Kind) {
    let mut author = Author::new("2026-11-01T12:00:00Z");
    for (n, slug) in [(1, "one"), (2, "two"), (3, "gone")] {
        author.register(n, slug);
        author.member(n, n.into());
        author.member(n, 100);
        author.project(n, n);
        author.traffic(n, 1, 2, 3);
    }
    author.team(
        1,
        domain::team::TeamEvent::MemberRemoved(domain::team::MemberRemoved { user_id: UserId(100) }),
    );
    author.remove_project(3, 3);
    let removed = domain::team::TeamRemoved { at: author.now };
    author.team(3, domain::team::TeamEvent::TeamRemoved(removed));
    let (_place, reads) = reads(kind, &author).await;

    for (user, own) in [(1, vec![1]), (2, vec![2]), (3, vec![]), (100, vec![2]), (9, vec![]), (-1, vec![])] {
        for n in [1, 2, 3, 4] {
            let found = usage(&reads, UserId(user), project(n), "2026-11").await;
            assert_eq!(found.is_some(), own.contains(&n), "user {user}, project {n}");
        }
        for (n, slug) in [(1, "one"), (2, "two"), (3, "gone"), (4, "four")] {
            let found = team_usage(&reads, UserId(user), slug, "2026-11").await;
            assert_eq!(found.is_some(), own.contains(&n), "user {user}, team {slug}");
        }
    }

    // Many questions at once are one statement: everyone gets his own answer.
    let asking = (0..300).map(|n| {
        let (reads, n) = (reads.clone(), u8::try_from(n % 3).unwrap() + 1);
        tokio::spawn(async move { (n, reads.project_usage(UserId(2), project(n), month("2026-11")).await) })
    });
    for asked in asking.collect::<Vec<_>>() {
        let (n, found) = asked.await.unwrap();
        assert_eq!(found.unwrap().map(|usage| usage.project_id), (n == 2).then(|| project(2)));
    }
}

async fn storage_is_carried_to_later_months(kind: Kind) {
    let mut author = Author::new("2026-08-10T12:00:00Z");
    author.register(1, "one");
    author.member(1, 7);
    author.project(1, 1);
    author.traffic(1, 5, 6, 7);
    author.now = at("2026-09-03T12:00:00Z");
    author.storage(1, 1_000);
    author.storage(1, 900);
    author.now = at("2026-11-03T12:00:00Z");
    author.traffic(1, 50, 60, 70);
    author.now = at("2027-01-03T12:00:00Z");
    author.storage(1, 0);
    let (_place, reads) = reads(kind, &author).await;
    for (text, requests, storage) in [
        ("2026-07", 0, 0),
        ("2026-08", 7, 0),
        ("2026-09", 0, 900),
        ("2026-10", 0, 900),
        ("2026-11", 70, 900),
        ("2026-12", 0, 900),
        ("2027-01", 0, 0),
        ("2027-02", 0, 0),
        ("9998-12", 0, 0),
    ] {
        let of_project = usage(&reads, MEMBER, project(1), text).await.unwrap();
        assert_eq!((of_project.requests, of_project.storage.get()), (requests, storage), "{text}");
        assert_eq!(of_project.month, month(text));
        let of_team = team_usage(&reads, MEMBER, "one", text).await.unwrap();
        assert_eq!((of_team.projects[0].requests, of_team.storage().get()), (requests, storage), "{text}");
        assert_eq!(of_team.position, of_project.position);
    }
    let unused = usage(&reads, MEMBER, project(1), "2026-10").await.unwrap();
    assert_eq!((unused.created_at, unused.updated_at, unused.traffic().get()), (None, None, 0));
    let used = usage(&reads, MEMBER, project(1), "2026-08").await.unwrap();
    assert_eq!(
        (used.created_at, used.ingress.get(), used.egress.get()),
        (Some(at("2026-08-10T12:00:00Z")), 5, 6)
    );
    let days = reads.project_days(MEMBER, project(1), month("2026-09")).await.unwrap().unwrap();
    assert_eq!((days.len(), days[0].day.to_string().as_str()), (1, "2026-09-03"));
    assert_eq!((days[0].requests, days[0].storage.map(|bytes| bytes.get())), (0, Some(900)));
}

async fn a_project_that_moves_leaves_its_traffic_and_takes_its_storage(kind: Kind) {
    let mut author = Author::new("2026-10-10T12:00:00Z");
    for (n, slug) in [(1, "old"), (2, "new")] {
        author.register(n, slug);
        author.member(n, n.into());
    }
    author.project(5, 1);
    author.traffic(5, 10, 0, 1);
    author.storage(5, 4_000);
    author.now = at("2026-11-10T12:00:00Z");
    author.traffic(5, 20, 0, 2);
    author.move_project(5, 1, 2);
    author.traffic(5, 40, 0, 4);
    let (_place, reads) = reads(kind, &author).await;

    // Month, then (traffic, storage) of the old team and of the new one.
    for (text, old, new) in
        [("2026-10", (10, 4_000), (0, 0)), ("2026-11", (20, 0), (40, 4_000)), ("2026-12", (0, 0), (0, 4_000))]
    {
        let sums = |team: TeamUsage| (team.traffic().get(), team.storage().get());
        assert_eq!(sums(team_usage(&reads, UserId(1), "old", text).await.unwrap()), old, "{text}");
        assert_eq!(sums(team_usage(&reads, UserId(2), "new", text).await.unwrap()), new, "{text}");
    }
    let old = team_usage(&reads, UserId(1), "old", "2026-11").await.unwrap();
    assert_eq!((old.team_id, old.projects.len()), (team(1), 1));
    assert_eq!(old.projects[0].name, project(5).to_string(), "its name is the new team's business");
    assert_eq!(team_usage(&reads, UserId(1), "old", "2026-12").await.unwrap().projects, []);
    let new = team_usage(&reads, UserId(2), "new", "2026-11").await.unwrap();
    assert_eq!(new.projects[0].name, "p5");

    // The project's own history goes with it.
    assert_eq!(usage(&reads, UserId(1), project(5), "2026-11").await, None);
    let whole = usage(&reads, UserId(2), project(5), "2026-11").await.unwrap();
    assert_eq!((whole.requests, whole.storage.get()), (6, 4_000));
}

async fn what_no_project_mounts_is_the_teams(kind: Kind) {
    let mut author = Author::new("2026-10-10T12:00:00Z");
    author.register(1, "one");
    author.member(1, 7);
    author.project(1, 1);
    author.storage(1, 500);
    for (time, bytes) in
        [("2026-10-11T04:00:00Z", 70), ("2026-10-12T04:00:00Z", 30), ("2026-12-12T04:00:00Z", 0)]
    {
        author.now = at(time);
        author.unlinked_storage(1, bytes);
    }
    let (_place, reads) = reads(kind, &author).await;
    for (text, unlinked) in [("2026-09", 0), ("2026-10", 30), ("2026-11", 30), ("2026-12", 0), ("2027-01", 0)]
    {
        let team = team_usage(&reads, MEMBER, "one", text).await.unwrap();
        let of_projects = if text == "2026-09" { 0 } else { 500 };
        assert_eq!(
            (team.unlinked_storage.get(), team.storage().get()),
            (unlinked, of_projects + unlinked),
            "{text}"
        );
        let totals = reads.team_totals(month(text)).await.unwrap();
        assert_eq!(totals[0].storage.get(), 500, "of all teams it is the storage now");
    }
    author.now = at("2026-12-13T04:00:00Z");
    author.unlinked_storage(1, 8);
    let (_place, reads) = crate::common::reads(kind, &author).await;
    assert_eq!(reads.team_totals(month("2026-12")).await.unwrap()[0].storage.get(), 508);
}

async fn what_is_gone_is_shown_while_there_is_something_of_it(kind: Kind) {
    let mut author = Author::new("2026-10-10T12:00:00Z");
    author.register(1, "one");
    author.member(1, 7);
    for n in [1, 2, 3] {
        author.project(n, 1);
    }
    author.traffic(1, 10, 0, 1);
    author.storage(1, 500);
    author.now = at("2026-11-10T12:00:00Z");
    author.remove_project(1, 1);
    author.remove_project(3, 1);
    let (_place, reads) = reads(kind, &author).await;
    let names = async |text| {
        let team = team_usage(&reads, MEMBER, "one", text).await.unwrap();
        let names: Vec<_> = team.projects.iter().map(|project| project.name.clone()).collect();
        (names.join(" "), team.storage().get())
    };
    assert_eq!(names("2026-10").await, ("p1 p2".into(), 500));
    assert_eq!(names("2026-11").await, ("p2".into(), 0));
    assert_eq!(usage(&reads, MEMBER, project(1), "2026-10").await.unwrap().requests, 1);

    // It comes back, under another name.
    author.now = at("2026-12-10T12:00:00Z");
    author.project(1, 1);
    let (_place, reads) = crate::common::reads(kind, &author).await;
    assert_eq!(team_usage(&reads, MEMBER, "one", "2026-12").await.unwrap().projects.len(), 2);
}

async fn nobody_used_less_than_nothing(kind: Kind) {
    let mut author = Author::new("2026-11-10T12:00:00Z");
    for (n, slug) in [(1, "old"), (2, "new")] {
        author.register(n, slug);
        author.member(n, 7);
    }
    author.project(1, 1);
    author.traffic(1, 100, 100, 100);
    author.move_project(1, 1, 2);
    // Counted on the 10th for the old team, taken off on the 12th from the new one.
    author.now = at("2026-11-12T12:00:00Z");
    author.correct(1, -60, -60, -60);
    let (_place, reads) = reads(kind, &author).await;
    let month = usage(&reads, MEMBER, project(1), "2026-11").await.unwrap();
    assert_eq!((month.ingress.get(), month.egress.get(), month.requests), (40, 40, 40));
    let days = reads.project_days(MEMBER, project(1), crate::common::history::month("2026-11")).await;
    let days: Vec<_> = days.unwrap().unwrap().iter().map(|day| day.requests).collect();
    assert_eq!(days, [100, 0]);
    assert_eq!(team_usage(&reads, MEMBER, "new", "2026-11").await.unwrap().traffic().get(), 0);
    assert_eq!(team_usage(&reads, MEMBER, "old", "2026-11").await.unwrap().traffic().get(), 200);
}
