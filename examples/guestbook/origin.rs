//! Requests that change something must come from the site's own pages.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::Method;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use crate::site::Site;
use crate::trouble::Trouble;

/// The request was sent by a page of the site.
///
/// Cookies alone do not say so: a browser also adds them to what the pages of a neighbouring host
/// send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromOwnPage;

impl FromRequestParts<Site> for FromOwnPage {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Trouble> {
        if site.http().is_same_origin(&parts.headers) {
            return Ok(Self);
        }
        Err(Trouble::CrossSite)
    }
}

/// Sends browsers that came by a number of this machine, such as `127.0.0.1`, to its name, which
/// is where the cookies and the redirects of the site are.
pub(crate) async fn use_public_origin(
    State(site): State<Site>,
    request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_visit = *request.method() == Method::GET
        && request.headers().get(SEC_FETCH_MODE).is_some_and(|mode| mode == "navigate");
    if is_visit && is_number_of(host, site.origin()) {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        return Redirect::temporary(&format!("{}{path}", site.origin())).into_response();
    }
    next.run(request).await
}

/// Whether `host` is a number for what `origin` calls `localhost`.
fn is_number_of(host: &str, origin: &str) -> bool {
    let Some(port) = origin.strip_prefix("http://localhost") else { return false };
    ["127.0.0.1", "[::1]"].iter().any(|number| host.strip_prefix(number) == Some(port))
}

const SEC_FETCH_MODE: &str = "sec-fetch-mode";
