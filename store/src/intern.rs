//! The names that every event carries, without a copy for each event.

use std::borrow::Cow;

const KNOWN: [&str; 43] = [
    "TrafficRecorded",
    "1",
    "usage",
    "source",
    "CountersRead",
    "StorageMeasured",
    "UsageCorrected",
    "MonthClosed",
    "team",
    "service_key",
    "TeamRegistered",
    "TeamRenamed",
    "TeamRemoved",
    "MemberAdded",
    "MemberRemoved",
    "MemberRoleChanged",
    "ProjectRegistered",
    "ProjectRenamed",
    "ProjectMoved",
    "ProjectRemoved",
    "PlanActivated",
    "PlanRenewed",
    "RenewalDue",
    "PlanLapsed",
    "UsageAlertRaised",
    "UsageAlertCleared",
    "payment",
    "inbox",
    "PaymentInitiated",
    "PaymentSubmitted",
    "PaymentProcessing",
    "PaymentCompleted",
    "PaymentFailed",
    "CancellationRequested",
    "PaymentCancelled",
    "PaymentConflicted",
    "RefundDue",
    "CallbackReceived",
    "CallbackParked",
    "PaymentMatched",
    "ServiceKeyCreated",
    "ServiceKeyRevoked",
    "1.0",
];

/// The name; a copy only if it is none of ours.
pub(crate) fn intern(name: &str) -> Cow<'static, str> {
    match KNOWN.iter().find(|known| **known == name) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(name.to_owned()),
    }
}
