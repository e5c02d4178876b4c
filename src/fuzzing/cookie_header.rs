//! `Cookie` headers.

use http::{HeaderMap, Request};

use crate::fuzzing::input::Input;
use crate::fuzzing::site::{ORIGIN, Site, policy, set};

/// A session is found in cookies if and only if exactly one of them is its cookie.
pub fn cookie_header(data: &[u8]) {
    let mut input = Input::new(data);
    let mut policy = policy();
    policy.http.cookie_prefix.push_str(input.pick(&["", "app_"]));
    let name = format!("__Host-{}session", policy.http.cookie_prefix);
    let site = Site::new(policy);
    let door = input.byte();
    let mut headers = HeaderMap::new();
    for line in site.fill(input.rest()).split(|&byte| byte == b'\n') {
        set(&mut headers, "cookie", line);
    }
    let token = site.issued(b"{s}");
    let is_session = sessions(&headers, &name) == [token.as_bytes()];
    let found = site.http.session_token(&headers);
    let is_found = found.is_some_and(|found| *found.reveal() == token);
    assert_eq!(is_found, is_session, "read in another way");

    match door % 4 {
        0 => {
            let response = site.respond(ask(Request::get("/oauth2/userinfo"), &headers, ""));
            assert_eq!(response.status() == 200, is_session);
        }
        1 => {
            let json = r#"{"session_type":"cookie"}"#;
            let request = Request::post("/api/anonymous_user/promotion_code");
            let request = request.header("content-type", "application/json");
            let response = site.respond(ask(request.header("origin", ORIGIN), &headers, json));
            assert_eq!(response.status() == 200, is_session);
        }
        2 => {
            let query =
                site.fill(b"client_id=web&redirect_uri={u}&response_type=none&scope=openid");
            let path = format!("/oauth2/authorize?{}", String::from_utf8_lossy(&query));
            let response = site.respond(ask(Request::get(path), &headers, ""));
            assert_eq!(response.status(), 303);
        }
        _ => {
            let path = format!("/oauth2/login?flow={}", site.issued(b"{f}"));
            site.respond(ask(Request::get(path), &headers, ""));
        }
    }
}

fn ask(request: http::request::Builder, headers: &HeaderMap, body: &str) -> Request<Vec<u8>> {
    let mut request = request.body(body.as_bytes().to_vec()).expect("a path of ours");
    request.headers_mut().extend(headers.clone());
    request
}

/// The values of all cookies of this name, byte by byte as RFC 6265, section 5.2, strips and compares
/// them: what is a part of the name to a browser is one here.
fn sessions<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    let mut values = Vec::new();
    for line in headers.get_all("cookie") {
        for crumb in line.as_bytes().split(|&byte| byte == b';') {
            let Some(at) = crumb.iter().position(|&byte| byte == b'=') else { continue };
            let is_text = std::str::from_utf8(crumb).is_ok();
            if is_text && stripped(&crumb[..at]) == name.as_bytes() {
                values.push(stripped(&crumb[at + 1..]));
            }
        }
    }
    values
}

/// Without the spaces and tabs at both ends.
fn stripped(bytes: &[u8]) -> &[u8] {
    let is_part = |byte: &u8| !b" \t".contains(byte);
    let Some(first) = bytes.iter().position(is_part) else { return &[] };
    let last = bytes.iter().rposition(is_part).unwrap_or(first);
    &bytes[first..=last]
}
