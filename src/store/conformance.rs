//! The laws that a store must obey.
