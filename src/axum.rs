//! An axum router over the endpoints, and extractors for a host's own handlers.
//!
//! ```no_run
//! use axum::extract::FromRef;
//! use axum::routing::get;
//! use guestpass::axum::{AnyUser, RegularUser, router};
//! use guestpass::http::Http;
//!
//! #[derive(Clone)]
//! struct Application {
//!     http: Http,
//! }
//!
//! impl FromRef<Application> for Http {
//!     fn from_ref(application: &Application) -> Self {
//!         application.http.clone()
//!     }
//! }
//!
//! async fn basket(AnyUser(caller): AnyUser) -> String {
//!     format!("the basket of {}", caller.user.id)
//! }
//!
//! async fn order(RegularUser(caller): RegularUser) -> String {
//!     format!("an order of {}", caller.user.id)
//! }
//!
//! fn application(http: Http) -> axum::Router {
//!     let pages = axum::Router::new().route("/basket", get(basket)).route("/order", get(order));
//!     pages.with_state(Application { http: http.clone() }).merge(router(http))
//! }
//! ```

mod user;

use std::error::Error;
use std::net::{IpAddr, SocketAddr};

use ::axum::Router;
use ::axum::body::{Body, to_bytes};
use ::axum::extract::{ConnectInfo, Request, State};
use ::axum::http::Extensions;
use ::axum::response::Response;
use ::axum::routing::any;
use http_body_util::LengthLimitError;

pub use user::{AnyUser, OptionalUser, RegularUser, UserRejection};

use crate::http::{Http, MAX_BODY_BYTES};

/// The address at the other end of a connection, as a layer of the host's knows it.
///
/// For servers that give no [`ConnectInfo<SocketAddr>`]: those on a unix socket, or behind a balancer that
/// tells the address in a way of its own. The layer puts it among the extensions of each request, where it
/// counts before `ConnectInfo`:
///
/// ```
/// use axum::Extension;
/// use guestpass::axum::{Peer, router};
///
/// # fn on_a_unix_socket(http: guestpass::http::Http) -> axum::Router {
/// // nginx is at the other end; with "127.0.0.1" in `http.trusted_proxies` its `X-Forwarded-For` counts.
/// let nginx = Peer([127, 0, 0, 1].into());
/// router(http).layer(Extension(nginx))
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// The address that a request with these extensions came from, if they say.
    pub fn of(extensions: &Extensions) -> Option<IpAddr> {
        let named = extensions.get().map(|Self(address)| *address);
        let connected = extensions.get::<ConnectInfo<SocketAddr>>();
        named.or_else(|| connected.map(|ConnectInfo(address)| address.ip()))
    }
}

/// The endpoints as a router, to be merged at the root of the host's.
///
/// Limits count by the peer's address. It comes from [`ConnectInfo<SocketAddr>`], so the host serves with
/// `into_make_service_with_connect_info::<SocketAddr>()`, or from a [`Peer`]. Without either all clients
/// share one limit, and one of them can use it up for everybody.
pub fn router(http: Http) -> Router {
    Http::routes()
        .fold(Router::new(), |router, path| router.route(path, any(answer)))
        .with_state(http)
}

async fn answer(State(http): State<Http>, request: Request) -> Response {
    let peer = Peer::of(request.extensions());
    let (parts, body) = request.into_parts();
    // Reading stops at the limit, whatever length the request announces.
    let response = match to_bytes(body, MAX_BODY_BYTES).await {
        Ok(body) => http.respond(Request::from_parts(parts, body.into()), peer).await,
        Err(error) if is_too_long(&error) => http.refuse_body(&parts),
        Err(_) => http.refuse_broken_body(&parts),
    };
    response.map(Body::from)
}

/// Whether reading a body stopped at the limit, and not because its sender hung up.
fn is_too_long(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source())
        .any(<dyn Error>::is::<LengthLimitError>)
}
