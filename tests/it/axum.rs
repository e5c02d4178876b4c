//! The axum adapter.

mod panics;

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, FromRef};
use axum::routing::{get, post};
use guestpass::axum::{AnyUser, OptionalUser, Peer, RegularUser, UserRejection, router};
use guestpass::http::{Http, MAX_BODY_BYTES, Refusal};
use http::{Request, StatusCode};
use tower::ServiceExt;

use crate::http::site::{Browser, Site, get as request, json, with, with_bearer};

#[derive(Clone)]
struct Application {
    http: Http,
}

impl FromRef<Application> for Http {
    fn from_ref(application: &Application) -> Self {
        application.http.clone()
    }
}

fn application(site: &Site) -> Router {
    let http = site.http.clone();
    Router::new()
        .route("/any", get(async |AnyUser(caller): AnyUser| caller.user.id.to_string()))
        .route("/any", post(async |AnyUser(caller): AnyUser| caller.user.id.to_string()))
        .route("/regular", get(async |RegularUser(caller): RegularUser| caller.user.id.to_string()))
        .route(
            "/optional",
            get(async |OptionalUser(caller): OptionalUser| caller.is_some().to_string())
                .post(async |OptionalUser(caller): OptionalUser| caller.is_some().to_string()),
        )
        .with_state(Application { http: http.clone() })
        .merge(router(http))
}

async fn ask(router: &Router, request: Request<impl Into<Body>>) -> (StatusCode, String) {
    let response = router.clone().oneshot(request.map(Into::into)).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_router_carries_the_endpoints() {
    let router = application(&Site::new());
    let (status, body) = ask(&router, request("/.well-known/openid-configuration")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("\"issuer\":\"http://localhost:3000\""));
    let (status, _) = ask(&router, request("/oauth2/token")).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    let body = r#"{"session_type":"cookie"}"#;
    let response = router
        .clone()
        .oneshot(json("/api/anonymous_user/signup", body).map(Body::from))
        .await
        .unwrap();
    assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
}

#[tokio::test]
async fn reading_stops_at_the_limit() {
    let router = application(&Site::new());
    let long = Body::from(vec![b' '; MAX_BODY_BYTES + 1]);
    let request = Request::post("/oauth2/challenge").body(long).unwrap();
    assert_eq!(ask(&router, request).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let exact = json("/oauth2/challenge", &" ".repeat(MAX_BODY_BYTES));
    assert_eq!(ask(&router, exact).await.0, StatusCode::BAD_REQUEST);
}

/// A body that breaks off half way was once answered as one that is too long, so that a client on a
/// bad line was told never to try again.
#[tokio::test]
async fn a_body_that_breaks_off_is_not_called_too_long() {
    let router = application(&Site::new());
    let (sender, receiver) = futures_channel::mpsc::unbounded();
    sender.unbounded_send(Ok("{")).unwrap();
    sender.unbounded_send(Err(Error::from(ErrorKind::ConnectionReset))).unwrap();
    let broken = Body::from_stream(receiver);
    let request = Request::post("/oauth2/challenge").body(broken).unwrap();
    let (status, body) = ask(&router, request).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.contains("\"invalid_request\""), "{body}");
}

#[tokio::test]
async fn the_peer_s_address_counts_against_its_limit() {
    let site = Site::with(|policy| policy.rate_limits.signup_anonymous.per_ip.burst = 1);
    let router = application(&site);
    let sign_up = async |peer: &str| {
        let mut request =
            json("/api/anonymous_user/signup", r#"{"session_type":"cookie"}"#).map(Body::from);
        request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        ask(&router, request).await.0
    };
    assert_eq!(sign_up("192.0.2.1:1").await, StatusCode::OK);
    assert_eq!(sign_up("192.0.2.1:2").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(sign_up("192.0.2.2:1").await, StatusCode::OK);
}

#[tokio::test]
async fn a_handler_s_signature_says_who_may_call_it() {
    let site = Site::new();
    let router = application(&site);
    let guest = site.guest().await;
    let ada = site.regular("ada@example.com").await;
    let status = async |path: &str, token: Option<&str>| {
        let request = match token {
            Some(token) => with_bearer(request(path), token),
            None => request(path),
        };
        let (status, body) = ask(&router, request).await;
        (status.as_u16(), body)
    };
    assert_eq!(status("/any", Some(&guest.access)).await.0, 200);
    assert_eq!(status("/any", Some(&ada.access)).await.0, 200);
    assert_eq!(status("/any", None).await.0, 401);
    assert_eq!(status("/regular", Some(&ada.access)).await.0, 200);
    let refused = status("/regular", Some(&guest.access)).await;
    assert_eq!(refused.0, 403);
    assert!(refused.1.contains("\"access_denied\""));
    assert_eq!(status("/optional", None).await, (200, "false".to_owned()));
    assert_eq!(status("/optional", Some(&ada.access)).await, (200, "true".to_owned()));
    assert_eq!(status("/optional", Some("nonsense")).await.0, 401);
    let dead = with(request("/optional"), "cookie", &format!("session={}", "A".repeat(43)));
    assert_eq!(ask(&router, dead).await, (StatusCode::OK, "false".to_owned()));
}

#[tokio::test]
async fn a_page_elsewhere_cannot_use_a_cookie_at_a_handler() {
    let site = Site::new();
    let router = application(&site);
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    let order = |origin: &str| {
        let request = Request::post("/any").body(Vec::new()).unwrap();
        with(browser.dress(request), "origin", origin)
    };
    assert_eq!(ask(&router, order("http://localhost:3000")).await.0, StatusCode::OK);
    assert_eq!(ask(&router, order("https://evil.example")).await.0, StatusCode::FORBIDDEN);
}

/// A handler that makes a guest of nobody would otherwise let a page elsewhere exchange a visitor, whose
/// cookie does not count or did not even come along, for a new guest: the visitor is lost then.
#[tokio::test]
async fn a_page_elsewhere_is_not_nobody() {
    let site = Site::new();
    let router = application(&site);
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    let bare = || Request::post("/optional").body(Vec::new()).unwrap();
    let dressed = || browser.dress(bare());
    let elsewhere = |request| with(request, "origin", "https://evil.example");
    for request in [elsewhere(bare()), elsewhere(dressed())] {
        let (status, body) = ask(&router, request).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(body.contains("\"access_denied\""));
    }
    let own = |request| with(request, "origin", "http://localhost:3000");
    assert_eq!(ask(&router, own(bare())).await, (StatusCode::OK, "false".to_owned()));
    assert_eq!(ask(&router, own(dressed())).await, (StatusCode::OK, "true".to_owned()));
    // What is no browser says nothing of an origin.
    assert_eq!(ask(&router, bare()).await, (StatusCode::OK, "false".to_owned()));
}

/// A host that answers in words of its own has to know whom it speaks to: whoever has no session may become
/// a guest, which nobody else must.
#[tokio::test]
async fn a_handler_is_told_why_somebody_is_refused() {
    let site = Site::new();
    let why = async |result: Result<RegularUser, UserRejection>| match result {
        Ok(_) => "nothing".to_owned(),
        Err(rejection) => {
            assert!(!rejection.to_string().is_empty());
            format!("{:?}", rejection.refusal())
        }
    };
    let router = Router::new().route("/why", get(why).post(why)).with_state(site.http.clone());
    let why = async |request| ask(&router, request).await.1;
    let (mut browser, ada) = (Browser::new(&site), site.regular("ada@example.com").await);
    assert_eq!(why(request("/why")).await, "NoSession");
    assert_eq!(why(with_bearer(request("/why"), &ada.access)).await, "nothing");
    assert_eq!(why(with_bearer(request("/why"), "nonsense")).await, "NoSession");
    browser.become_guest().await;
    assert_eq!(why(browser.dress(request("/why"))).await, "Anonymous");
    let posted = || Request::post("/why").body(Vec::new()).unwrap();
    for post in [posted(), browser.dress(posted())] {
        assert_eq!(why(with(post, "origin", "https://evil.example")).await, "Foreign");
    }
    let planted = |request| {
        let cookies = format!("session={}; session=planted", browser.cookies["session"]);
        with(request, "cookie", &cookies)
    };
    for asked in [request("/why"), posted()] {
        assert_eq!(why(planted(asked)).await, "Ambiguous");
    }
    // Whoever reads is nobody then; but of whoever changes something no guest must be made.
    let (parts, _) = planted(request("/why")).into_parts();
    assert!(site.http.optional_user(&parts).await.unwrap().is_none());
    let (parts, _) = planted(posted()).into_parts();
    let refused = site.http.optional_user(&parts).await.unwrap_err();
    assert_eq!(
        (refused.refusal, refused.response.status()),
        (Refusal::Ambiguous, StatusCode::BAD_REQUEST)
    );
    let (parts, _) = browser.dress(request("/why")).into_parts();
    let guest = site.http.any_user(&parts).await.unwrap().user.id;
    site.engine().disable(guest).await.unwrap();
    assert_eq!(why(browser.dress(request("/why"))).await, "Disabled");
}

#[tokio::test]
async fn a_refusal_of_a_handler_is_not_stored_by_a_cache() {
    let router = application(&Site::new());
    let response = router.oneshot(request("/any").map(Body::from)).await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["content-type"], "application/json");
}

/// On a unix socket, or where another server accepts the connections, nothing could tell the address, and
/// one client used up everybody's limit.
#[tokio::test]
async fn a_layer_of_the_host_may_name_the_peer() {
    let site = Site::with(|policy| {
        policy.rate_limits.signup_anonymous.per_ip.burst = 1;
        policy.http.trusted_proxies = vec!["127.0.0.1".to_owned()];
    });
    let router = application(&site);
    let sign_up = async |peer: &str, forwarded: Option<&str>| {
        let request = json("/api/anonymous_user/signup", r#"{"session_type":"cookie"}"#);
        let request = match forwarded {
            Some(address) => with(request, "x-forwarded-for", address),
            None => request,
        };
        let mut request = request.map(Body::from);
        let connected: SocketAddr = "198.51.100.7:1".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(connected));
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        ask(&router, request).await.0
    };
    assert_eq!(sign_up("192.0.2.1", None).await, StatusCode::OK);
    assert_eq!(sign_up("192.0.2.1", None).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(sign_up("192.0.2.2", None).await, StatusCode::OK);
    assert_eq!(sign_up("127.0.0.1", Some("192.0.2.3")).await, StatusCode::OK);
    assert_eq!(sign_up("127.0.0.1", Some("192.0.2.4")).await, StatusCode::OK);
    assert_eq!(sign_up("127.0.0.1", Some("192.0.2.4")).await, StatusCode::TOO_MANY_REQUESTS);
}
