//! What can go wrong in a handler, and what the visitor is told about it.

use std::fmt;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use guestpass::{Error, Rejection};
use serde_json::json;

use crate::data::DataError;
use crate::page::{Page, log_out_form};

/// What went wrong.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The engine did not do what it was asked.
    Engine(Error),
    /// The site's own tables could not be used.
    Data(DataError),
    /// The form was sent by another site.
    CrossSite,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<DataError> for Trouble {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl Trouble {
    /// The kind of trouble, by who can do something about it.
    fn kind(&self) -> Kind {
        match self {
            Self::CrossSite => Kind::CrossSite,
            Self::Engine(error) => match error.rejection() {
                Some(Rejection::Disabled) => Kind::Disabled,
                Some(Rejection::LimitReached) => Kind::TooMany,
                None if error.is_transient() => Kind::Busy,
                Some(_) | None => Kind::Broken,
            },
            Self::Data(_) => Kind::Broken,
        }
    }

    /// Tells the operator, if it is for the operator to know.
    pub(crate) fn log(&self) {
        match self.kind() {
            Kind::Busy | Kind::Broken => eprintln!("guestbook: {self}"),
            Kind::CrossSite | Kind::Disabled | Kind::TooMany => {}
        }
    }

    /// The answer to a script.
    pub(crate) fn into_json(self) -> Response {
        self.log();
        let kind = self.kind();
        let body = json!({ "error": { "code": kind.code(), "message": kind.text() } });
        kind.answer(Json(body))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(Error::Store(error)) => match std::error::Error::source(error) {
                Some(cause) => write!(f, "{error}: {cause}"),
                None => error.fmt(f),
            },
            Self::Engine(error) => error.fmt(f),
            Self::Data(error) => error.fmt(f),
            Self::CrossSite => f.write_str("the request came from another site"),
        }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        self.log();
        let kind = self.kind();
        let page = Page::new(kind.title()).alert(kind.text());
        kind.answer(match kind {
            Kind::Disabled => page.raw(&log_out_form()),
            Kind::CrossSite | Kind::TooMany | Kind::Busy | Kind::Broken => page.way_back(),
        })
    }
}

/// Gives an answer that axum made by itself, in plain text or with nothing in it, the look of the site.
pub(crate) async fn as_page(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !is_error || kind.is_some_and(|kind| kind.starts_with(b"text/html")) {
        return response;
    }
    let (title, text) = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            ("Nothing to see here", "This address only takes what a form of the site sends.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            ("Too much at once", "What was sent is larger than the site takes. Nothing was done.")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ("Not as a form sends it", "The site reads what its own forms send. Nothing was done.")
        }
        _ if status.is_client_error() => {
            ("That was not understood", "The address or the form is not as the site makes them.")
        }
        _ => (Kind::Broken.title(), Kind::Broken.text()),
    };
    let page = Page::new(title).alert(text).way_back().into_response();
    // Other headers stay, such as what says which methods are allowed.
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.extend(page.headers().clone());
    Response::from_parts(parts, page.into_body())
}

#[derive(Clone, Copy)]
enum Kind {
    CrossSite,
    Disabled,
    TooMany,
    Busy,
    Broken,
}

impl Kind {
    fn answer(self, body: impl IntoResponse) -> Response {
        let status = match self {
            Self::CrossSite | Self::Disabled => StatusCode::FORBIDDEN,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        };
        match self {
            Self::Busy => (status, [(RETRY_AFTER, "1")], body).into_response(),
            Self::CrossSite | Self::Disabled | Self::TooMany | Self::Broken => {
                (status, body).into_response()
            }
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::CrossSite => "cross_site",
            Self::Disabled => "disabled",
            Self::TooMany => "too_many",
            Self::Busy => "busy",
            Self::Broken => "broken",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::CrossSite => "Not from here",
            Self::Disabled => "This account is closed for now",
            Self::TooMany => "One moment",
            Self::Busy => "Busy right now",
            Self::Broken => "Something broke",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::CrossSite => {
                "This was sent by another site, or under another address than the site’s own. \
                 Nothing was done."
            }
            Self::Disabled => "The people who run this site have closed your account for now.",
            Self::TooMany => TOO_MANY,
            Self::Busy => "Too much is going on at once. Try again in a moment.",
            Self::Broken => "That did not work, and it is not your fault. Try again later.",
        }
    }
}

/// What is said when the engine's limit on new guests is reached.
pub(crate) const TOO_MANY: &str =
    "Many people are arriving from where you are. Wait a minute and try again.";
