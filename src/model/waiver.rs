//! Who accepted which risk until when.

use super::{ItemId, Reason, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    pub id: Box<str>,
    pub items: Vec<ItemId>,
    pub justification: Box<str>,
    pub approver: Box<str>,
    pub ticket: Box<str>,
    pub starts: Timestamp,
    pub expires: Timestamp,
    /// Applies only while the item's underlying reason is one of these; empty: any.
    pub reasons: Vec<Reason>,
}

impl Waiver {
    /// Whether it holds at `now`: from `starts`, until just before `expires`.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.starts <= now && now < self.expires
    }
}
