//! `POST /oauth2/challenge`: something fresh for a device key to sign.

use serde_json::json;

use super::{ApiError, Shape, body, result};
use crate::http::Http;
use crate::http::answer::{Failure, Response};
use crate::http::call::Call;

pub(in crate::http) fn challenge(http: &Http, call: &Call) -> Response {
    answer(http, call).unwrap_or_else(ApiError::into_response)
}

fn answer(http: &Http, call: &Call) -> Result<Response, ApiError> {
    let object = body(call)?;
    let mut shape = Shape::of(&object);
    shape.one_of("purpose", &[("anonymous_request", ())]);
    shape.check()?;
    let issued = http.engine().challenge().map_err(Failure::from)?;
    Ok(result(&json!({ "token": issued.text, "expire_at": issued.expires_at.to_rfc3339() })))
}
