//! Responses, and the failures that become one.

use std::sync::Arc;

use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use http::{Method, StatusCode};
use serde::Serialize;

use crate::engine::Error;
use crate::rules::Rejection;

/// What a request is answered with.
pub type Response = http::Response<Vec<u8>>;

/// Why a request was answered with status 500 or 503, for the host's log; or, where somebody was signed in
/// nevertheless, why the session that the browser had before could not be ended.
///
/// The answer itself says nothing about the inside; this stands among its
/// [extensions](http::Response::extensions).
#[derive(Clone, Debug)]
pub struct Cause(pub Arc<Error>);

/// A failure of the engine, sorted by what a client can do about it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The rules forbid it.
    Rejected(Rejection),
    /// The same request may succeed in a moment.
    Later(Cause),
    /// The operator has to look.
    Broken(Cause),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.rejection() {
            Some(rejection) => Self::Rejected(rejection),
            None if error.is_transient() => Self::Later(Cause(Arc::new(error))),
            None => Self::Broken(Cause(Arc::new(error))),
        }
    }
}

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// A response with a JSON body.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => with_body(status, "application/json", body),
        Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// A response with a body of the given type.
pub(crate) fn with_body(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Sends a browser elsewhere with GET.
pub(crate) fn see_other(location: &str) -> Response {
    // A line break would not be a header value, so none can be smuggled in.
    match HeaderValue::try_from(location) {
        Ok(location) => {
            let mut response = empty(StatusCode::SEE_OTHER);
            response.headers_mut().insert(LOCATION, location);
            response
        }
        Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// The path has no such method.
pub(crate) fn method_not_allowed(allowed: &[Method]) -> Response {
    let names: Vec<&str> = allowed.iter().map(Method::as_str).chain(["OPTIONS"]).collect();
    let mut response = plain_error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    if let Ok(names) = HeaderValue::try_from(names.join(", ")) {
        response.headers_mut().insert(ALLOW, names);
    }
    response
}

/// A failure that has nothing to do with one endpoint.
pub(crate) fn plain_error(status: StatusCode, error: &'static str) -> Response {
    json(status, &serde_json::json!({ "error": error }))
}

/// The same response with one more header.
pub(crate) fn with_header(
    mut response: Response,
    name: HeaderName,
    value: HeaderValue,
) -> Response {
    response.headers_mut().append(name, value);
    response
}

/// The same response, asking to wait before the next attempt.
pub(crate) fn retry_after(mut response: Response, seconds: u32) -> Response {
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// The same response, with its cause for the host.
pub(crate) fn because(mut response: Response, cause: Option<Cause>) -> Response {
    if let Some(cause) = cause {
        response.extensions_mut().insert(cause);
    }
    response
}

/// Seconds after which an overloaded or contended engine is worth another try.
pub(crate) const BUSY_SECONDS: u32 = 1;

/// Seconds after which a limited client is worth another try.
pub(crate) const LIMITED_SECONDS: u32 = 60;
