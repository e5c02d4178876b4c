//! The endpoints, as functions from request to response.

mod authorize;
mod challenge;
mod device_key;
mod end_session;
mod every_endpoint;
mod failing_store;
mod hosted_pages;
mod leaving_a_guest;
mod origins;
mod promotion;
mod resolve;
mod sign_up;
pub(crate) mod site;
mod tokens;
mod userinfo;
