//! What the endpoints under `/api` and the challenge endpoint share: JSON in, an envelope out.

pub(super) mod challenge;
pub(super) mod promotion_code;
pub(super) mod signup;

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{self, BUSY_SECONDS, Cause, Failure, LIMITED_SECONDS, Response};
use super::call::Call;
use super::limits::{MAX_FIELD_BYTES, MAX_UNKNOWN_NAMED};
use super::object::Object;
use crate::rules::Rejection;

/// A refusal, as it is written into the envelope.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    name: &'static str,
    reason: &'static str,
    message: &'static str,
    info: Option<Value>,
    retry_after_seconds: Option<u32>,
    cause: Option<Cause>,
}

impl ApiError {
    const fn new(
        status: StatusCode,
        name: &'static str,
        reason: &'static str,
        message: &'static str,
    ) -> Self {
        let (info, retry_after_seconds, cause) = (None, None, None);
        Self { status, name, reason, message, info, retry_after_seconds, cause }
    }

    pub(super) const fn invalid(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Invalid", "Invalid", message)
    }

    pub(super) const fn bad_request(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", "BadRequest", message)
    }

    pub(super) const fn unauthorized() -> Self {
        let message = "authentication required";
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized", message)
    }

    pub(super) const fn forbidden(message: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", "Forbidden", message)
    }

    pub(super) const fn regular_user() -> Self {
        Self::invalid("user logged in as normal user")
    }

    /// A body that is JSON, but not of the right shape.
    fn validation(causes: &[Value]) -> Self {
        let info = Some(json!({ "causes": causes }));
        let message = "invalid request body";
        Self { info, ..Self::new(StatusCode::BAD_REQUEST, "Invalid", "ValidationFailed", message) }
    }

    fn limited() -> Self {
        let info = json!({
            "rate_limit": {
                "name": "authentication.signup_anonymous",
                "group": "authentication.signup_anonymous",
            },
            "bucket_name": "SignupAnonymousPerIP",
            "rate_limit_name": "authentication.signup_anonymous",
        });
        let (status, message) = (StatusCode::TOO_MANY_REQUESTS, "request rate limited");
        Self {
            info: Some(info),
            retry_after_seconds: Some(LIMITED_SECONDS),
            ..Self::new(status, "TooManyRequest", "RateLimited", message)
        }
    }

    pub(super) fn into_response(self) -> Response {
        let mut error = json!({
            "name": self.name,
            "reason": self.reason,
            "message": self.message,
            "code": self.status.as_u16(),
        });
        if let (Some(error), Some(info)) = (error.as_object_mut(), self.info) {
            error.insert("info".to_owned(), info);
        }
        let response = answer::json(self.status, &json!({ "error": error }));
        let response = answer::because(response, self.cause);
        match self.retry_after_seconds {
            Some(seconds) => answer::retry_after(response, seconds),
            None => response,
        }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Rejected(rejection) => Self::from(rejection),
            Failure::Later(cause) => {
                let (status, message) = (StatusCode::SERVICE_UNAVAILABLE, "try again in a moment");
                Self {
                    retry_after_seconds: Some(BUSY_SECONDS),
                    cause: Some(cause),
                    ..Self::new(status, "ServiceUnavailable", "TemporarilyUnavailable", message)
                }
            }
            Failure::Broken(cause) => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                let message = "unexpected error occurred";
                Self {
                    cause: Some(cause),
                    ..Self::new(status, "InternalError", "UnexpectedError", message)
                }
            }
        }
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::SessionUnknown
            | Rejection::SessionExpired
            | Rejection::SessionSuperseded
            | Rejection::AccessTokenExpired
            | Rejection::AccessTokenInvalid => Self::unauthorized(),
            Rejection::Disabled => {
                let status = StatusCode::FORBIDDEN;
                Self::new(status, "Forbidden", "DisabledUser", "user is disabled")
            }
            Rejection::AnonymousDisabled => Self::invalid("anonymous user disallowed"),
            Rejection::ClientUnknown => Self::invalid("invalid client ID"),
            Rejection::ClientNotAllowed => Self::invalid("this client may not use anonymous users"),
            Rejection::ClientMismatch => Self::invalid("invalid refresh token"),
            Rejection::NotAnonymous | Rejection::AlreadyPromoted => Self::regular_user(),
            Rejection::DeviceKeyNeeded => {
                Self::invalid("the anonymous user has a device key and promotes with it")
            }
            Rejection::AlreadyMerged | Rejection::Deleted | Rejection::Collected => {
                Self::unauthorized()
            }
            Rejection::LimitReached => Self::limited(),
            Rejection::Denied
            | Rejection::IdentityTaken
            | Rejection::TicketInvalid
            | Rejection::TicketExpired
            | Rejection::TicketSpent
            | Rejection::ActionMismatch
            | Rejection::PasswordTooShort
            | Rejection::PasswordTooLong
            | Rejection::NoPassword
            | Rejection::NoLoginId
            | Rejection::UserUnknown => Self::invalid("invalid request"),
        }
    }
}

/// The envelope of a success.
pub(super) fn result(result: &impl Serialize) -> Response {
    answer::json(StatusCode::OK, &json!({ "result": result }))
}

/// The JSON object in a request's body.
pub(super) fn body(call: &Call) -> Result<Object, ApiError> {
    // A form of another site can send anything but this type without asking first.
    if !call.has_type("application/json") {
        return Err(ApiError::bad_request("request content type is not application/json"));
    }
    match Object::parse(&call.body) {
        Ok(Some(object)) => Ok(object),
        Ok(None) => Err(ApiError::validation(&[json!({
            "location": "",
            "kind": "type",
            "details": { "expected": ["object"] },
        })])),
        Err(_) => {
            let status = StatusCode::BAD_REQUEST;
            Err(ApiError::new(status, "BadRequest", "InvalidJSON", "failed to decode JSON"))
        }
    }
}

/// What a body may have. Properties are strings; all that is wrong is collected.
pub(super) struct Shape<'a> {
    object: &'a Object,
    known: Vec<&'static str>,
    missing: Vec<&'static str>,
    causes: Vec<Value>,
}

impl<'a> Shape<'a> {
    pub(super) fn of(object: &'a Object) -> Self {
        Self { object, known: Vec::new(), missing: Vec::new(), causes: Vec::new() }
    }

    /// A property that may be absent.
    pub(super) fn optional(&mut self, name: &'static str) -> Option<&'a str> {
        self.known.push(name);
        let value = self.object.get(name)?;
        let text = value.as_str();
        match text {
            None => self.causes.push(json!({
                "location": format!("/{name}"),
                "kind": "type",
                "details": { "actual": [type_name(value)], "expected": ["string"] },
            })),
            Some(text) if MAX_FIELD_BYTES < text.len() => self.causes.push(json!({
                "location": format!("/{name}"),
                "kind": "maxLength",
                "details": { "expected": MAX_FIELD_BYTES },
            })),
            Some(_) => {}
        }
        text
    }

    /// A property that must be there.
    pub(super) fn required(&mut self, name: &'static str) -> Option<&'a str> {
        if self.object.get(name).is_none() {
            self.missing.push(name);
        }
        self.optional(name)
    }

    /// A property that must be one of a few values.
    pub(super) fn one_of<T: Copy>(
        &mut self,
        name: &'static str,
        values: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.required(name)?;
        let found = values.iter().find(|(value, _)| *value == text);
        if found.is_none() {
            let expected: Vec<&str> = values.iter().map(|(value, _)| *value).collect();
            self.causes.push(json!({
                "location": format!("/{name}"),
                "kind": "enum",
                "details": { "actual": text, "expected": expected },
            }));
        }
        found.map(|(_, value)| *value)
    }

    /// Refuses the body if anything is missing, wrong or unknown.
    pub(super) fn check(mut self) -> Result<(), ApiError> {
        let names = || self.object.properties().iter().map(|(name, _)| name.as_str());
        if !self.missing.is_empty() {
            let actual: Vec<&str> = names().collect();
            self.causes.push(json!({
                "location": "",
                "kind": "required",
                "details": { "actual": actual, "missing": self.missing },
            }));
        }
        let unknown = names().filter(|name| !self.known.contains(name));
        for name in unknown.take(MAX_UNKNOWN_NAMED) {
            // The pointer escapes of RFC 6901.
            let pointer = name.replace('~', "~0").replace('/', "~1");
            self.causes.push(json!({ "location": format!("/{pointer}"), "kind": "general" }));
        }
        if self.causes.is_empty() { Ok(()) } else { Err(ApiError::validation(&self.causes)) }
    }
}

/// How a client keeps its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionType {
    Cookie,
    RefreshToken,
}

impl SessionType {
    pub(super) const VALUES: [(&'static str, Self); 2] =
        [("cookie", Self::Cookie), ("refresh_token", Self::RefreshToken)];
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
