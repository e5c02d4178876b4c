//! Where a browser is sent.

use http::Request;
use http::header::LOCATION;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use crate::fuzzing::input::{Input, mutate};
use crate::fuzzing::site::{
    AFTER_LOGOUT, OF_FOREIGN, OF_NATIVE, ORIGIN, REDIRECT_URIS, Site, policy, set,
};

/// A browser goes to a registered URI, with nothing of a stranger's but the state, or stays with us.
pub fn redirect_uri(data: &[u8]) {
    let mut input = Input::new(data);
    let site = Site::new(policy());
    let form = match input.byte() % 4 {
        0 => plain(&site, input.rest()),
        1 => near(&site, &mut input, "client_id=web&redirect_uri=", &REDIRECT_URIS),
        2 => near(&site, &mut input, "client_id=native&redirect_uri=", &[OF_NATIVE, OF_FOREIGN]),
        _ => return leave(&site, &mut input),
    };
    let Some(request) = form else { return };
    let sent = request.body().clone();
    let response = site.respond(request);
    let Some(location) = response.headers().get(LOCATION) else {
        assert!(!response.status().is_redirection());
        return;
    };
    let location = location.to_str().expect("printable");
    let value = |name: &str| field(&sent, name).unwrap_or_default();
    let own: &[&str] = match value("client_id").as_str() {
        "web" => &REDIRECT_URIS,
        "native" => &[OF_NATIVE],
        "foreign" => &[OF_FOREIGN],
        other => panic!("{other} has no redirect URI"),
    };
    // Neither at once nor at the end of a flow that starts here.
    let asked = value("redirect_uri");
    assert!(own.contains(&asked.as_str()), "{asked} is not registered");
    match location.strip_prefix(ORIGIN) {
        Some(page) => {
            let flow = ["/oauth2/signup?flow=", "/oauth2/login?flow="];
            let id = flow.iter().find_map(|flow| page.strip_prefix(flow)).expect("a page of ours");
            assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{location}");
        }
        None => added(location, &asked, &value("state"), &["error", "error_description", "state"]),
    }
}

/// Logging out leads to a registered URI or home.
fn leave(site: &Site, input: &mut Input<'_>) {
    let session = format!("__Host-session={}", site.issued(b"{s}"));
    let cookies = input.byte();
    let Some(mut request) = near(site, input, "post_logout_redirect_uri=", &AFTER_LOGOUT) else {
        return;
    };
    *request.uri_mut() = http::Uri::from_static("/oauth2/end_session");
    if cookies & 1 != 0 {
        set(request.headers_mut(), "cookie", session.as_bytes());
    }
    if cookies & 2 != 0 {
        set(request.headers_mut(), "cookie", b"__Host-same_site_strict=true");
    }
    let sent = request.body().clone();
    let response = site.respond(request);
    let Some(location) = response.headers().get(LOCATION) else { return };
    let location = location.to_str().expect("printable");
    if location == format!("{ORIGIN}/") {
        return;
    }
    let asked = field(&sent, "post_logout_redirect_uri").unwrap_or_default();
    assert!(AFTER_LOGOUT.contains(&asked.as_str()), "{asked} is not registered");
    added(location, &asked, &field(&sent, "state").unwrap_or_default(), &["state"]);
}

/// The location is the URI with our parameters, the state unchanged.
fn added(location: &str, uri: &str, state: &str, ours: &[&str]) {
    let rest = location.strip_prefix(uri).expect("exactly the URI that was asked for");
    assert!(!rest.contains(['#', '\r', '\n']));
    let Some(query) = rest.strip_prefix(if uri.contains('?') { '&' } else { '?' }) else {
        assert_eq!(rest, "", "{location}");
        return;
    };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        assert!(ours.contains(&&*name), "{name} was smuggled in");
        assert!(name != "state" || value == state, "the state came back as another one");
    }
}

fn plain(site: &Site, form: &[u8]) -> Option<Request<Vec<u8>>> {
    let request = Request::post("/oauth2/authorize");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    request.body(site.fill(form)).ok()
}

/// A registered URI, or one that is nearly one, with other parameters behind.
fn near(
    site: &Site,
    input: &mut Input<'_>,
    before: &str,
    registered: &[&str],
) -> Option<Request<Vec<u8>>> {
    let uri = input.pick(registered);
    let uri = if input.flag() { mutate(uri, input) } else { uri.to_owned() };
    let mut form = before.as_bytes().to_vec();
    form.extend(percent_encode(uri.as_bytes(), NON_ALPHANUMERIC).to_string().bytes());
    form.push(b'&');
    form.extend(input.rest());
    plain(site, &form)
}

/// The first field of this name, as a program without our limits reads it.
///
/// A character may come in part as it is and in part escaped, so what is text shows only once all is
/// decoded.
fn field(form: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(form).find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}
