//! The site: what its handlers share, and its routes beside the engine's.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, State};
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::{self, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use guestpass::Engine;
use guestpass::http::{Cause, Http};

use crate::data::Data;
use crate::page::{self, Page};
use crate::trouble::{self, Trouble};
use crate::{account, api, member, origin, preferences, sdk, wall};

/// What the handlers share. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Site(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Http,
    data: Data,
}

impl Site {
    pub(crate) fn new(http: Http, data: Data) -> Self {
        Self(Arc::new(Inner { http, data }))
    }

    pub(crate) fn http(&self) -> &Http {
        &self.0.http
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.0.http.engine()
    }

    pub(crate) fn data(&self) -> &Data {
        &self.0.data
    }

    /// Where browsers reach the site.
    pub(crate) fn origin(&self) -> &str {
        self.engine().policy().public_origin.as_str()
    }
}

/// The extractors of the adapter need this much of the state.
impl FromRef<Site> for Http {
    fn from_ref(site: &Site) -> Self {
        site.http().clone()
    }
}

/// The site and the endpoints of the engine.
pub(crate) fn router(site: Site) -> Router {
    let endpoints = guestpass::axum::router(site.http().clone()).layer(map_response(log_cause));
    let pages = Router::new()
        .route("/", get(wall::show).post(wall::post))
        .route("/preferences", get(preferences::show).post(preferences::save))
        .route("/sign-up", post(account::sign_up))
        .route("/after-promote", get(account::welcome))
        .route("/log-out", post(account::log_out))
        .route("/account", get(member::show))
        .route("/account/password", post(member::change_password))
        .route("/account/delete", post(member::delete))
        .route("/sdk", get(sdk::show))
        .layer(map_response(trouble::as_page))
        // What follows is not read by people as it is.
        .route("/sdk/page.js", get(sdk::script))
        .route("/sdk/authgear-web.js", get(sdk::bundle))
        .route("/api/messages", get(api::messages).post(api::post))
        .route("/api/me", get(api::me))
        .route("/style.css", get(page::style))
        .route("/icon.svg", get(page::icon))
        .route("/favicon.ico", get(page::icon))
        .route("/healthz", get(health))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(site.clone(), origin::use_public_origin))
        .layer(map_response(with_headers))
        .with_state(site);
    pages.merge(endpoints).fallback(not_found)
}

/// What no page of the site needs, no browser does for it.
async fn with_headers(mut response: Response) -> Response {
    let status = response.status();
    let headers = response.headers_mut();
    if status == StatusCode::TOO_MANY_REQUESTS {
        headers.entry(RETRY_AFTER).or_insert(HeaderValue::from_static("60"));
    }
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, page::CONTENT_SECURITY_POLICY),
        // With `no-referrer` a form would be sent with `Origin: null`, which says nothing.
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Pages differ from person to person.
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// The endpoints answer without saying what is wrong inside; the operator wants to know.
async fn log_cause(response: Response) -> Response {
    if let Some(Cause(error)) = response.extensions().get() {
        eprintln!("guestbook: {error}");
    }
    response
}

/// Whether the site can serve: its tables and the engine's answer.
async fn health(State(site): State<Site>) -> Response {
    let answers = async {
        let progress = site.data().progress().await?;
        site.engine().events(progress, 1).await?;
        Ok::<_, Trouble>(())
    };
    match answers.await {
        Ok(()) => (StatusCode::OK, "ok\n").into_response(),
        Err(trouble) => {
            trouble.log();
            (StatusCode::SERVICE_UNAVAILABLE, "not able to serve\n").into_response()
        }
    }
}

async fn not_found() -> Response {
    let page = Page::new("There is no such page").way_back();
    with_headers((StatusCode::NOT_FOUND, page).into_response()).await
}

/// The longest message, escaped as a form escapes it, and room to say that it was too long.
const MAX_BODY_BYTES: usize = 256 * 1024;
