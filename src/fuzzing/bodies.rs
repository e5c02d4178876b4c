//! Bodies of requests, of all types, at all endpoints that take one.

use http::Request;

use crate::fuzzing::input::Input;
use crate::fuzzing::site::{ORIGIN, Site, policy, set};

/// A form at an endpoint that reads forms is answered, whatever is in it.
pub fn form_body(data: &[u8]) {
    let mut input = Input::new(data);
    let path = input.pick(&[
        "/oauth2/token",
        "/oauth2/signup?flow={f}",
        "/oauth2/login?flow={f}",
        "/oauth2/revoke",
        "/oauth2/authorize",
        "/oauth2/end_session",
        "/oauth2/userinfo",
    ]);
    post(path, &mut input, FORM);
}

/// A JSON text at an endpoint that reads JSON is answered, whatever is in it.
pub fn json_body(data: &[u8]) {
    let mut input = Input::new(data);
    let path = input.pick(&[
        "/api/anonymous_user/signup",
        "/api/anonymous_user/promotion_code",
        "/oauth2/challenge",
    ]);
    post(path, &mut input, JSON);
}

fn post(path: &str, input: &mut Input<'_>, usual: &str) {
    let site = Site::new(policy());
    let kind = input.byte();
    let flags = input.byte();
    let odd = if kind == ODD { input.few() } else { &[] };
    let path = String::from_utf8(site.fill(path.as_bytes())).expect("what we issue is text");
    let body = site.fill(input.rest());
    let mut request = Request::post(path).body(body).expect("a path of ours");
    let headers = request.headers_mut();
    match kind {
        ODD => set(headers, "content-type", odd),
        kind => match kind % 6 {
            0 => set(headers, "content-type", usual.as_bytes()),
            1 => set(headers, "content-type", format!("{usual}; Charset=UTF-8").as_bytes()),
            2 => set(headers, "content-type", if usual == FORM { JSON } else { FORM }.as_bytes()),
            3 => set(headers, "content-type", b"multipart/form-data; boundary=x"),
            4 => {
                set(headers, "content-type", usual.as_bytes());
                set(headers, "content-type", usual.as_bytes());
            }
            _ => {}
        },
    }
    let flow = format!("__Host-flow_{}={}", site.issued(b"{f}"), site.issued(b"{t}"));
    let session = format!("__Host-session={}", site.issued(b"{s}"));
    let bearer = format!("Bearer {}", site.issued(b"{a}"));
    for (bit, name, value) in [
        (1, "cookie", session.as_str()),
        (2, "cookie", &flow),
        (4, "origin", ORIGIN),
        (8, "origin", "https://elsewhere.example"),
        (16, "authorization", &bearer),
        (32, "sec-fetch-site", "same-origin"),
        (64, "cookie", "__Host-same_site_strict=true"),
        (128, "cookie", "__Host-session=AAAA"),
    ] {
        if flags & bit != 0 {
            set(headers, name, value.as_bytes());
        }
    }
    let response = site.respond(request);
    let is_refused = kind % 6 == 2 && kind != ODD && usual == JSON;
    assert!(!is_refused || response.status() == 400, "a form elsewhere can send this");
}

/// The type that says that the type is the input's.
const ODD: u8 = 255;
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
