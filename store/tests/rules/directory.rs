//! Decisions that rest on more than one stream: free teams of one owner, slugs, projects that move.

use domain::team::{Role, TeamRefusal};
use domain::{TeamId, UserId};
use futures::future::join_all;
use servelink_store::commands::{CommandError, ContactChange};
use servelink_store::testing::requests::history;
use servelink_store::testing::{MemoryStorage, in_time};

use crate::world::{World, actor, project, slug, team};

async fn two_nodes() -> [World; 2] {
    let storage = MemoryStorage::default();
    [World::open(&storage).await, World::open(&storage).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_owns_one_free_team_whoever_asks_at_once() {
    let nodes = two_nodes().await;
    for n in 1..=50 {
        nodes[0].register(team(n), &[]).await;
    }
    let (by, no_contact) = (actor(), ContactChange::default());
    let puts = (1..=50).map(|n| {
        nodes[usize::from(n) % 2].commands.put_member(&by, team(n), UserId(7), Role::Owner, &no_contact)
    });
    let answers = in_time(join_all(puts)).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    for refused in answers.into_iter().filter_map(Result::err) {
        let CommandError::Team(TeamRefusal::PlanLimit { limit_name, wanted, .. }) = refused else {
            panic!("{refused}")
        };
        assert_eq!((limit_name, wanted), ("max_teams", 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_is_one_team_s_whoever_asks_at_once() {
    let nodes = two_nodes().await;
    let wanted = "wanted".parse().unwrap();
    let by = actor();
    let puts = (1..=20).map(|n| nodes[usize::from(n) % 2].commands.put_team(&by, team(n), "Team", &wanted));
    let answers = in_time(join_all(puts)).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let taken = |answer: &Result<_, CommandError>| matches!(answer, Err(CommandError::SlugTaken(slug)) if *slug == wanted);
    assert_eq!(answers.iter().filter(|answer| taken(answer)).count(), 19, "{answers:?}");
    // A slug that is given up is free.
    let owner = nodes[0].known.facts().slugs[&wanted];
    nodes[0].commands.put_team(&by, owner, "Team", &slug(owner)).await.unwrap();
    nodes[1].commands.put_team(&by, team(99), "Team", &wanted).await.unwrap();
}

/// The PaaS sends its whole directory at once: nobody is turned away because others are busy.
#[tokio::test(flavor = "multi_thread")]
async fn a_whole_directory_may_come_at_once() {
    let world = World::new().await;
    let by = actor();
    let puts = (1..=100).map(|n| {
        let (world, by) = (&world, &by);
        async move {
            world.commands.put_team(by, team(n), "Team", &slug(team(n))).await?;
            world
                .commands
                .put_member(by, team(n), UserId(n.into()), Role::Owner, &ContactChange::default())
                .await?;
            world.commands.put_project(by, project(n), team(n), "Project").await
        }
    });
    for answer in in_time(join_all(puts)).await {
        answer.unwrap();
    }
    let before = world.log.head().await.unwrap();
    assert_eq!(before.0, 300);
    // And again: it is so already.
    for n in 1..=100 {
        world.register(team(n), &[project(n)]).await;
    }
    assert_eq!(world.log.head().await.unwrap(), before);
}

#[tokio::test]
async fn a_project_moves_in_both_histories_or_in_neither() {
    let world = World::new().await;
    world.register(team(1), &[project(1)]).await;
    world.register(team(2), &[]).await;
    world.register(team(3), &[project(4), project(5)]).await;
    let before = world.log.head().await.unwrap();
    let full = world.commands.put_project(&actor(), project(1), team(3), "Project").await;
    assert!(
        matches!(full, Err(CommandError::Team(TeamRefusal::PlanLimit { limit_name: "max_projects", .. }))),
        "{full:?}"
    );
    let nowhere = world.commands.put_project(&actor(), project(1), team(9), "Project").await;
    assert!(matches!(nowhere, Err(CommandError::Team(TeamRefusal::NotRegistered))), "{nowhere:?}");
    assert_eq!(world.log.head().await.unwrap(), before);

    world.commands.put_project(&actor(), project(1), team(2), "Project").await.unwrap();
    let events = history(&*world.log).await;
    let [given, taken] = &events[events.len() - 2..] else { panic!() };
    assert_eq!((given.event_type.as_ref(), taken.event_type.as_ref()), ("ProjectMoved", "ProjectRegistered"));
    assert_eq!(given.metadata, taken.metadata, "one command");
    assert!(world.team(team(1)).await.projects.is_empty());
    assert!(world.team(team(2)).await.projects.contains_key(&project(1)));
    world.known.catch_up().await.unwrap();
    assert_eq!(world.known.facts().projects[&project(1)].team, team(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_one_team_s_however_it_is_pulled_about() {
    let nodes = two_nodes().await;
    for n in 1..=4 {
        nodes[0].register(team(n), &[]).await;
    }
    for round in 0..10_u8 {
        let by = actor();
        let to = |n: u8| nodes[usize::from(n) % 2].commands.put_project(&by, project(1), team(n), "Project");
        let removing = nodes[usize::from(round) % 2].commands.remove_project(&by, project(1));
        let (one, two, three, removed) =
            in_time(async { tokio::join!(to(1), to(2), to(3 + round % 2), removing) }).await;
        for put in [one, two, three] {
            put.unwrap();
        }
        assert!(removed.is_ok(), "{removed:?}");
        nodes[0].known.catch_up().await.unwrap();
        let known = nodes[0].known.facts().projects[&project(1)];
        let mut holders: Vec<TeamId> = Vec::new();
        for n in 1..=4 {
            if nodes[0].team(team(n)).await.projects.contains_key(&project(1)) {
                holders.push(team(n));
            }
        }
        let expected = if known.removed_at.is_some() { vec![] } else { vec![known.team] };
        assert_eq!(holders, expected);
    }
}

#[tokio::test]
async fn a_removed_team_takes_its_projects_with_it() {
    let world = World::new().await;
    world.register(team(1), &[project(1), project(2)]).await;
    world.commands.remove_team(&actor(), team(1)).await.unwrap();
    world.known.catch_up().await.unwrap();
    let facts = world.known.facts();
    assert!(facts.projects.values().all(|project| project.removed_at.is_some()));
    assert!(facts.teams.is_empty() && facts.slugs.is_empty());
}
