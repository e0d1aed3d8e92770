//! What happens while nobody looks at limits is told by the next who does.

use chrono::TimeDelta;
use domain::team::{Resource, TeamEvent};

use crate::world::{STEADY, World, at};

#[tokio::test(flavor = "multi_thread")]
async fn what_fell_while_no_node_looked_is_cleared_and_can_be_raised_again() {
    let mut now = at("2028-02-10T05:00:00Z");
    let mut world = World::begin(now).await;
    world.start_node().await;
    world.step_again().await;
    for (percent, is_looked_at) in [(85, true), (40, false), (85, true)] {
        now += TimeDelta::minutes(5);
        world.set_clock(now);
        if !is_looked_at {
            world.stop_node();
        }
        world.measure(STEADY, percent).await;
        // The one who looks remembers nothing of what stood before.
        world.start_node().await;
        world.step_again().await;
    }
    // Another plan has limits of its own, and so has the old one when it comes back: a month and the days of grace later.
    now += TimeDelta::minutes(5);
    world.set_clock(now);
    world.give_plan(STEADY, "pay_as_you_go").await;
    world.step_again().await;
    now = at("2028-03-14T06:00:00Z");
    world.set_clock(now);
    world.step_again().await;
    world.step_again().await;
    let told: Vec<String> = world
        .history()
        .await
        .teams
        .iter()
        .filter_map(|(_, event)| {
            if let TeamEvent::UsageAlertRaised(raised) = event {
                assert_eq!(raised.resource, Resource::Storage);
                Some(format!("{} raised", raised.threshold))
            } else if let TeamEvent::UsageAlertCleared(cleared) = event {
                Some(format!("cleared, {:?} stands", cleared.standing))
            } else {
                None
            }
        })
        .collect();
    let again = ["80 raised", "cleared, None stands", "80 raised", "80 raised"];
    assert_eq!(told, again, "the last by the free plan that came back");
}
