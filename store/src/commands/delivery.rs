//! Commands to deliveries: what came of a mail or a webhook.

use domain::DeliveryId;
use domain::delivery::{Delivery, DeliveryCommand, decide};

use super::{Actor, CommandError, Commands, Loaded, decide_until_first};
use crate::log::Position;

impl Commands {
    /// A delivery as the log has it now, whatever read models say. One of which nothing was told is due.
    ///
    /// # Errors
    /// [`CommandError::Load`].
    pub async fn delivery(&self, id: DeliveryId) -> Result<Delivery, CommandError> {
        self.aggregate(&id.to_string()).await
    }

    /// This came of the delivery. What is known already is not recorded again.
    ///
    /// # Errors
    /// [`DeliveryRefusal`](domain::delivery::DeliveryRefusal), and what any command may meet.
    pub async fn record_delivery(
        &self,
        actor: &Actor,
        id: DeliveryId,
        command: DeliveryCommand,
    ) -> Result<Position, CommandError> {
        decide_until_first!(async {
            let loaded: Loaded<Delivery> = self.load(&id.to_string()).await?;
            let decided = loaded.decided(&decide(&loaded.state, command.clone())?)?;
            self.record(actor, vec![decided], vec![]).await
        })
    }
}
