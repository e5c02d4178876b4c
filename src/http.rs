//! The endpoints that the client SDKs speak to, as functions from request to response.
//!
//! Nothing here opens a socket or names a web framework: [`Http::respond`] turns one
//! [`http::Request`] into one [`http::Response`], and an adapter such as
//! `guestpass::axum` carries them. A host that signs people up itself, in its own handlers, sets
//! the cookies with [`Http::session_cookies`] and finds out who asks with [`Http::caller`].
//!
//! Everything absolute is built from the policy's `public_origin`; `Host` is never believed.

mod address;
mod answer;
mod api;
mod authorize;
mod call;
mod caller;
mod cookie;
mod discovery;
mod end_session;
mod fields;
mod flow;
mod hosted;
mod limits;
mod oauth;
mod object;
mod origin;
mod pages;
mod redirect;
mod refused;
mod resolve;
mod revoke;
mod route;
mod token;
mod userinfo;

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, StatusCode};

pub use answer::{Cause, Response};
pub use limits::{
    MAX_BODY_BYTES, MAX_COOKIE_SECONDS, MAX_FIELD_BYTES, MAX_FIELDS, MAX_FLOW_BYTES,
    MAX_FLOW_COOKIES_BYTES, MAX_FLOWS_TAKEN_AWAY, MAX_FORWARDED_HOPS, MAX_HEADER_BYTES,
    MAX_JSON_DEPTH, MAX_OPEN_FLOWS, MAX_PROPERTIES, MAX_PROPERTY_NAME_BYTES,
    MAX_REDIRECT_URI_BYTES, MAX_STATE_BYTES, MAX_TARGET_BYTES, MAX_UNKNOWN_NAMED,
};
pub use pages::{
    Alert, FormField, FormPage, GuestNote, Page, Pages, PlainPages, Problem, SignOutPage,
};
pub use refused::{Refusal, Refused};

use crate::credential::SessionToken;
use crate::engine::Engine;
use address::Proxies;
use api::ApiError;
use call::Call;
use cookie::Cookies;
use origin::{Origins, Sender};
use route::Endpoint;

/// The endpoints over an engine. Clones are the same endpoints.
#[derive(Clone, Debug)]
pub struct Http {
    engine: Engine,
    site: Arc<Site>,
    pages: Arc<dyn Pages>,
}

/// What the policy says about this site, read once.
#[derive(Debug)]
struct Site {
    cookies: Cookies,
    origins: Origins,
    proxies: Proxies,
}

impl Http {
    /// The endpoints of an engine, with our own pages.
    pub fn new(engine: Engine) -> Self {
        let policy = engine.policy();
        let site = Site {
            cookies: Cookies::new(policy),
            origins: Origins::new(policy),
            proxies: Proxies::new(&policy.http.trusted_proxies),
        };
        Self { engine, site: Arc::new(site), pages: Arc::new(PlainPages) }
    }

    /// The same endpoints with the host's own pages.
    pub fn with_pages(self, pages: impl Pages) -> Self {
        Self { pages: Arc::new(pages), ..self }
    }

    /// The engine behind the endpoints.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The paths of the endpoints. They are fixed: the client SDKs ask for some of them at the root of
    /// the origin.
    pub fn routes() -> impl Iterator<Item = &'static str> {
        Endpoint::ALL.into_iter().map(Endpoint::path)
    }

    /// Whether the path is one of [`routes`](Self::routes).
    pub fn owns(path: &str) -> bool {
        Endpoint::at(path).is_some()
    }

    /// Answers a request.
    ///
    /// `peer` is the address at the other end of the connection; whether `X-Forwarded-For` counts
    /// beside it is the policy's to say. An adapter should stop reading a body beyond
    /// [`MAX_BODY_BYTES`] by itself, and answer with [`refuse_body`](Self::refuse_body); a body that
    /// breaks off is answered with [`refuse_broken_body`](Self::refuse_broken_body).
    ///
    /// Where the status is 500 or 503, or something failed that the person need not know, the [`Cause`]
    /// stands among the response's extensions.
    ///
    /// # Cancellation
    ///
    /// What was asked for may or may not have happened, as if the response had been lost on its way.
    pub async fn respond(&self, request: Request<Vec<u8>>, peer: Option<IpAddr>) -> Response {
        let (parts, body) = request.into_parts();
        let endpoint = Endpoint::at(parts.uri.path());
        let method = parts.method.clone();
        let headers = parts.headers.clone();
        let mut response = match (endpoint, refusal_by_size(&parts, &body)) {
            (_, Some(StatusCode::PAYLOAD_TOO_LARGE)) => self.too_large(endpoint),
            (_, Some(status)) => answer::plain_error(status, "too_large"),
            (None, None) => answer::plain_error(StatusCode::NOT_FOUND, "not_found"),
            (Some(_), None) if method == Method::OPTIONS => answer::empty(StatusCode::OK),
            (Some(endpoint), None) if !endpoint.methods().contains(&method) => {
                answer::method_not_allowed(endpoint.methods())
            }
            (Some(endpoint), None) => {
                let address = Some(self.site.proxies.client(peer, &parts.headers));
                self.dispatch(endpoint, &Call { parts, body, address }).await
            }
        };
        if let Some(endpoint) = endpoint
            && method == Method::OPTIONS
        {
            self.site.origins.preflight(endpoint.readers(), &headers, response.headers_mut());
        }
        self.finish(endpoint, &headers, &mut response);
        if method == Method::HEAD {
            response.body_mut().clear();
        }
        response
    }

    /// The answer to a request whose body has more than [`MAX_BODY_BYTES`].
    pub fn refuse_body(&self, parts: &Parts) -> Response {
        let endpoint = Endpoint::at(parts.uri.path());
        let mut response = self.too_large(endpoint);
        self.finish(endpoint, &parts.headers, &mut response);
        response
    }

    /// The answer to a request whose body broke off, or could not be read for another reason than its
    /// length.
    pub fn refuse_broken_body(&self, parts: &Parts) -> Response {
        let mut response = answer::plain_error(StatusCode::BAD_REQUEST, "invalid_request");
        self.finish(Endpoint::at(parts.uri.path()), &parts.headers, &mut response);
        response
    }

    /// Whoever filled in a form of ours reads the answer, and scripts read all others.
    fn too_large(&self, endpoint: Option<Endpoint>) -> Response {
        match endpoint {
            Some(Endpoint::SignUpPage | Endpoint::LogInPage | Endpoint::EndSession) => {
                self.problem(&Problem::TooLarge)
            }
            Some(
                Endpoint::Discovery
                | Endpoint::Jwks
                | Endpoint::Signup
                | Endpoint::PromotionCode
                | Endpoint::Challenge
                | Endpoint::Authorize
                | Endpoint::Style
                | Endpoint::Token
                | Endpoint::UserInfo
                | Endpoint::Revoke
                | Endpoint::Resolve,
            )
            | None => answer::plain_error(StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        }
    }

    /// The values of `Set-Cookie` that give a browser a new session.
    ///
    /// For a session that the host has opened itself, with
    /// [`SessionKind::Cookie`](crate::model::SessionKind::Cookie). A session that the browser had before
    /// is lost to it, and goes on unless the host ends it by [`Engine::sign_out`](crate::Engine::sign_out).
    ///
    /// # Security
    ///
    /// The response must be `Cache-Control: no-store`.
    pub fn session_cookies(&self, token: &SessionToken) -> Vec<HeaderValue> {
        self.site.cookies.of_session(token)
    }

    /// The values of `Set-Cookie` that take the session away from a browser. The session itself is
    /// ended by [`Engine::sign_out`](crate::Engine::sign_out).
    pub fn clear_session_cookies(&self) -> Vec<HeaderValue> {
        self.site.cookies.no_session()
    }

    /// The address that a request came from: the peer's, or what a proxy that the policy trusts
    /// forwards. Limits count by it, here as in the host's own calls of the engine. Clients without a
    /// known peer have one address in common, so that they share one limit instead of having none.
    pub fn client_address(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> IpAddr {
        self.site.proxies.client(peer, headers)
    }

    /// Whether a browser says that a request was made on a page of our own origin.
    ///
    /// For the host's own forms: a request that changes things and counts on a cookie must not come
    /// from elsewhere. A request that says nothing about its origin is not ours.
    pub fn is_same_origin(&self, headers: &HeaderMap) -> bool {
        self.site.origins.sender(headers) == Sender::Own
    }

    async fn dispatch(&self, endpoint: Endpoint, call: &Call) -> Response {
        match endpoint {
            Endpoint::Discovery => discovery::discovery(self),
            Endpoint::Jwks => discovery::jwks(self),
            Endpoint::Signup => api::signup::signup(self, call).await,
            Endpoint::PromotionCode => api::promotion_code::promotion_code(self, call).await,
            Endpoint::Challenge => api::challenge::challenge(self, call),
            Endpoint::Authorize => authorize::authorize(self, call).await,
            Endpoint::SignUpPage => hosted::sign_up(self, call).await,
            Endpoint::LogInPage => hosted::log_in(self, call).await,
            Endpoint::Style => pages::style(),
            Endpoint::Token => token::token(self, call).await,
            Endpoint::UserInfo => userinfo::userinfo(self, call).await,
            Endpoint::Revoke => revoke::revoke(self, call).await,
            Endpoint::EndSession => end_session::end_session(self, call).await,
            Endpoint::Resolve => resolve::resolve(self, call).await,
        }
    }

    /// Adds what every response has.
    fn finish(&self, endpoint: Option<Endpoint>, request: &HeaderMap, response: &mut Response) {
        let headers = response.headers_mut();
        if let Some(endpoint) = endpoint {
            self.site.origins.share(endpoint.readers(), request, headers);
        }
        if !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        headers.insert(CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }

    fn site(&self) -> &Site {
        &self.site
    }

    /// A cookie is set and read only for the origins that may read the answer too.
    fn refuse_foreign_sender(&self, call: &Call) -> Result<(), ApiError> {
        match self.site.origins.sender(call.headers()) {
            Sender::Own | Sender::Listed | Sender::Unknown => Ok(()),
            Sender::Foreign => Err(ApiError::forbidden("this origin may not use cookies here")),
        }
    }

    /// Only our own pages send our forms; a page elsewhere must not sign anybody in or out.
    fn refuse_foreign_form(&self, call: &Call) -> Result<(), Problem> {
        match self.site.origins.sender(call.headers()) {
            Sender::Own => Ok(()),
            Sender::Listed | Sender::Foreign | Sender::Unknown => Err(Problem::ForeignForm),
        }
    }
}

fn refusal_by_size(parts: &Parts, body: &[u8]) -> Option<StatusCode> {
    let target = parts.uri.path().len() + parts.uri.query().map_or(0, str::len);
    let headers: usize =
        parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if MAX_BODY_BYTES < body.len() {
        Some(StatusCode::PAYLOAD_TOO_LARGE)
    } else if MAX_TARGET_BYTES < target {
        Some(StatusCode::URI_TOO_LONG)
    } else if MAX_HEADER_BYTES < headers {
        Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    } else {
        None
    }
}

const CONTENT_TYPE_OPTIONS: HeaderName = HeaderName::from_static("x-content-type-options");
