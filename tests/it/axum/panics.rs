//! Pages of a host that panic: the connection they are for ends without an answer, and nothing else.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::serve;
use guestpass::axum::router;
use guestpass::http::{MAX_BODY_BYTES, Page, Pages, PlainPages};
use http::Request;
use http::header::{CONNECTION, CONTENT_LENGTH, ORIGIN};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::http::site::{Browser, ORIGIN_URL, PASSWORD, Site, form, get, with};
use crate::support::run;

/// Pages that panic while they are told to.
#[derive(Clone, Debug, Default)]
struct Moody(Arc<AtomicBool>);

impl Pages for Moody {
    fn html(&self, page: &Page<'_>) -> String {
        if self.0.load(Ordering::SeqCst) {
            // As a panic does, but without a word on standard error.
            resume_unwind(Box::new("a page panics"));
        }
        PlainPages.html(page)
    }
}

impl Moody {
    fn panic_from_now_on(&self, panics: bool) {
        self.0.store(panics, Ordering::SeqCst);
    }
}

/// A server on one thread, which a panic that is not contained would take with it.
fn server(site: &Site) -> (Runtime, SocketAddr) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let service = router(site.http.clone()).into_make_service_with_connect_info::<SocketAddr>();
    runtime.spawn(async move { serve(listener, service).await });
    (runtime, address)
}

/// A connection to the server.
struct Line(TcpStream);

impl Line {
    fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self(stream)
    }

    fn say(&mut self, request: &Request<Vec<u8>>) {
        let (path, length) = (request.uri(), request.body().len());
        let mut text = format!("{} {path} HTTP/1.1\r\nhost: localhost\r\n", request.method());
        for (name, value) in request.headers() {
            write!(text, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
        }
        write!(text, "{CONTENT_LENGTH}: {length}\r\n\r\n").unwrap();
        self.0.write_all(text.as_bytes()).unwrap();
        self.0.write_all(request.body()).unwrap();
    }

    /// All that comes until the other end hangs up.
    fn hear(mut self) -> String {
        let mut heard = Vec::new();
        self.0.read_to_end(&mut heard).unwrap();
        String::from_utf8(heard).unwrap()
    }
}

/// What a request is answered with on a connection of its own.
fn asked(address: SocketAddr, request: Request<Vec<u8>>) -> String {
    let mut line = Line::to(address);
    line.say(&with(request, CONNECTION.as_str(), "close"));
    line.hear()
}

#[test]
fn a_page_that_panics_ends_its_connection_and_nothing_else() {
    let pages = Moody::default();
    let site = Site::new();
    let site = Site { http: site.http.clone().with_pages(pages.clone()), ..site };
    run(site.regular("ada@example.com"));
    let mut browser = Browser::new(&site);
    let guest = run(browser.become_guest());
    let wanted = [("response_type", "none"), ("x_page", "signup")];
    let sign_up = run(browser.authorize(&wanted)).replace(ORIGIN_URL, "");
    let log_in = sign_up.replace("/signup", "/login");
    let filled_in = |page: &str, email: &str, password: &str| {
        let request = form(page, &[("email", email), ("password", password)]);
        browser.dress(with(request, ORIGIN.as_str(), ORIGIN_URL))
    };
    let long = "x".repeat(MAX_BODY_BYTES);
    let mut strange = browser.cookies.clone();
    strange.retain(|name, _| name == "session");
    let from_elsewhere = Browser { site: &site, cookies: strange };
    let all: [(&str, Request<Vec<u8>>, &str); 8] = [
        ("the sign-up page", browser.dress(get(&sign_up)), "200 OK"),
        ("the log-in page", browser.dress(get(&log_in)), "200 OK"),
        ("a refused sign-up", filled_in(&sign_up, "bob@example.com", "short"), "400 Bad Request"),
        ("a taken name", filled_in(&sign_up, "ada@example.com", PASSWORD), "409 Conflict"),
        ("a refused log-in", filled_in(&log_in, "ada@example.com", PASSWORD), "409 Conflict"),
        ("a question", from_elsewhere.dress(get("/oauth2/end_session")), "200 OK"),
        ("a problem", get("/oauth2/signup?flow=0123456789abcdef"), "400 Bad Request"),
        ("a long form", filled_in(&sign_up, &long, PASSWORD), "413 Payload Too Large"),
    ];
    let (runtime, address) = server(&site);
    // Somebody else's connection, which outlives them all.
    let mut other = Line::to(address);
    for (what, request, status) in &all {
        pages.panic_from_now_on(true);
        for _ in 0..3 {
            assert_eq!(asked(address, request.clone()), "", "{what}");
        }
        other.say(&get("/oauth2/jwks"));
        pages.panic_from_now_on(false);
        let answer = asked(address, request.clone());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{what}: {answer}");
    }
    other.say(&with(get("/oauth2/jwks"), CONNECTION.as_str(), "close"));
    assert_eq!(other.hear().matches("HTTP/1.1 200 OK").count(), all.len() + 1);
    drop(runtime);

    // Nothing was done behind a page that nobody saw, and what was begun can be finished.
    assert_eq!(run(browser.sub()), guest);
    run(browser.submit(&sign_up, "bob@example.com", PASSWORD)).location();
    assert_eq!(run(browser.sub()), guest);
    assert_eq!(run(browser.userinfo()).json()["email"], "bob@example.com");
    drop(browser);
    drop(from_elsewhere);
    drop(site);
    assert_eq!(Arc::strong_count(&pages.0), 1, "a request that panicked keeps the endpoints");
}
