//! The manual: what the parts are for, how they hold together, and what they are up against.

#[doc = include_str!("manual/architecture.md")]
pub mod architecture {}

#[doc = include_str!("manual/attacks.md")]
pub mod attacks {}

#[doc = include_str!("manual/canaries.md")]
pub mod canaries {}

#[doc = include_str!("manual/operations.md")]
pub mod operations {}

#[doc = include_str!("manual/promotion.md")]
pub mod promotion {}

#[doc = include_str!("manual/proof.md")]
pub mod proof {}

#[doc = include_str!("manual/storage.md")]
pub mod storage {}

#[doc = include_str!("manual/threats.md")]
pub mod threats {}
