//! Attack 105: whatever is nearly a registered URI, or leads elsewhere, sends no browser anywhere.

use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::site::{
    Browser, LOGGED_OUT_URI, NATIVE_URI, ORIGIN_URL, PASSWORD, REDIRECT_URI, Site, authorization,
    form, get, with,
};

const WITH_QUERY: &str = "https://app.example.com/cb?a=b";

/// A URI in parts: `scheme`, `://`, `host`, and what follows.
struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    rest: &'a str,
}

fn parts(uri: &str) -> Parts<'_> {
    let (scheme, rest) = uri.split_once("://").unwrap();
    let end = rest.find([':', '/', '?']).unwrap_or(rest.len());
    Parts { scheme, host: &rest[..end], rest: &rest[end..] }
}

/// What is nearly `uri`, or is made to look like it.
fn tricks(uri: &str) -> Vec<String> {
    let Parts { scheme, host, rest } = parts(uri);
    let evil = "evil.example";
    let mut tricks = vec![
        // User information.
        format!("{scheme}://{host}@{evil}{rest}"),
        format!("{scheme}://{host}:80@{evil}{rest}"),
        format!("{scheme}://user@{host}{rest}"),
        format!("{scheme}://user:password@{host}{rest}"),
        format!("{scheme}://@{host}{rest}"),
        format!("{scheme}://{evil}%40{host}{rest}"),
        // Backslashes, which browsers read as slashes.
        format!("{scheme}:\\\\{host}{rest}"),
        format!("{scheme}://{host}\\@{evil}{rest}"),
        format!("{scheme}://{evil}\\{host}{rest}"),
        format!("{scheme}:/\\{host}{rest}"),
        // Slashes and no scheme.
        format!("//{host}{rest}"),
        format!("///{host}{rest}"),
        format!("/\\{host}{rest}"),
        format!("{scheme}:/{host}{rest}"),
        format!("{scheme}:{host}{rest}"),
        format!("{scheme}:///{host}{rest}"),
        format!("//{evil}/{uri}"),
        // Dots and slashes, also encoded.
        format!("{uri}/.."),
        format!("{uri}/."),
        format!("{uri}%2e%2e"),
        format!("{uri}/%2e%2e/%2e%2e/"),
        format!("{uri}/..%2f"),
        format!("{uri}//"),
        format!("{scheme}://{host}/..{rest}"),
        format!("{scheme}://{host}/%2e{rest}"),
        // Names that look like the host.
        format!("{scheme}://{host}.{rest}"),
        format!("{scheme}://{host}.{evil}{rest}"),
        format!("{scheme}://{evil}.{host}{rest}"),
        format!("{scheme}://{evil}#{host}{rest}"),
        format!("{scheme}://{evil}?{host}{rest}"),
        format!("{scheme}://{evil}/{host}{rest}"),
        format!("{scheme}://xn--{host}{rest}"),
        format!("{scheme}://{}{rest}", host.replacen('a', "а", 1).replacen('o', "ο", 1)),
        format!("{scheme}://{}{rest}", host.replacen(['l', 'p'], "%6c", 1)),
        format!("{scheme}://{}{rest}", host.replace(['c', 'e'], "ｅ")),
        format!("{scheme}://{host}\u{3002}{evil}{rest}"),
        format!("{scheme}://[::1]{rest}"),
        format!("{scheme}://127.0.0.1{rest}"),
        format!("{scheme}://2130706433{rest}"),
        format!("{scheme}://0{rest}"),
        format!("{scheme}://{host}:1{rest}"),
        format!("{scheme}://{host}:{rest}"),
        format!("{scheme}://{host}:80{rest}"),
        format!("{scheme}://{host}:443{rest}"),
        // Letters of another case.
        format!("{}://{host}{rest}", scheme.to_uppercase()),
        format!("{scheme}://{}{rest}", host.to_uppercase()),
        format!("{scheme}://{host}{}", rest.to_uppercase()),
        // Queries and fragments.
        format!("{uri}#"),
        format!("{uri}#x"),
        format!("{uri}?"),
        format!("{uri}?x=y"),
        format!("{uri}&x=y"),
        format!("{uri};x"),
        uri.split('?').next().unwrap().to_owned() + "?",
        // Other schemes.
        format!("javascript://{host}{rest}"),
        format!("javascript:alert(1)//{uri}"),
        format!("data:text/html,{uri}"),
        format!("x{uri}"),
        format!("view-source:{uri}"),
        format!("blob:{uri}"),
        format!("com.evil.app://{host}{rest}"),
        // What is left out, trimmed or cut off by some reader.
        format!(" {uri}"),
        format!("{uri} "),
        format!("{uri}\t"),
        format!("{uri}\0"),
        format!("{uri}\r\nSet-Cookie: session=evil"),
        format!("\u{feff}{uri}"),
        format!("{uri}\u{200b}"),
        format!("{uri},https://{evil}"),
        format!("{uri} https://{evil}"),
        utf8_percent_encode(uri, NON_ALPHANUMERIC).to_string(),
        uri.replace('/', "%2F"),
        uri.replace("://", "%3A//"),
        uri[..uri.len() - 1].to_owned(),
        String::from("*"),
        String::from("null"),
    ];
    // Where a trick finds nothing to change it is none.
    tricks.retain(|trick| trick != uri);
    tricks.sort_unstable();
    tricks.dedup();
    tricks
}

fn all_tricks() -> Vec<String> {
    let mut all: Vec<String> = [REDIRECT_URI, WITH_QUERY, NATIVE_URI, LOGGED_OUT_URI]
        .into_iter()
        .flat_map(tricks)
        .collect();
    // What one client has registered, or one endpoint goes to, is a trick at another.
    all.push(ORIGIN_URL.to_owned());
    all.push(format!("{ORIGIN_URL}/"));
    all.push(format!("{ORIGIN_URL}/oauth2/authorize"));
    assert!(250 < all.len(), "{}", all.len());
    all
}

#[tokio::test]
async fn attack_105_the_authorization_endpoint_goes_to_no_uri_that_is_nearly_registered() {
    let site = Site::new();
    let registered = [("web", REDIRECT_URI), ("web", WITH_QUERY), ("native", NATIVE_URI)];
    for (client, uri) in registered {
        let asked = authorization(&[("client_id", client), ("redirect_uri", uri)]);
        assert_eq!(site.get(&asked).await.status, StatusCode::SEE_OTHER, "{uri}");
    }
    let others = [LOGGED_OUT_URI, NATIVE_URI].map(str::to_owned);
    for trick in all_tricks().into_iter().chain(others) {
        let asked = authorization(&[("redirect_uri", &trick)]);
        let posted = form("/oauth2/authorize", &[("client_id", "web"), ("redirect_uri", &trick)]);
        for answer in [site.get(&asked).await, site.ask(posted).await] {
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{trick:?}");
            assert_eq!(answer.header("location"), None, "{trick:?}");
            assert_eq!(answer.set_cookies(), Vec::<&str>::new());
        }
    }
}

#[tokio::test]
async fn attack_105_logging_out_goes_home_instead() {
    let site = Site::new();
    let home = format!("{ORIGIN_URL}/");
    let asked = |uri: &str| {
        let uri = utf8_percent_encode(uri, NON_ALPHANUMERIC);
        format!("/oauth2/end_session?state=s&post_logout_redirect_uri={uri}")
    };
    let registered = site.get(&asked(LOGGED_OUT_URI)).await;
    assert_eq!(registered.location(), format!("{LOGGED_OUT_URI}?state=s"));
    let others = [REDIRECT_URI, WITH_QUERY, NATIVE_URI].map(str::to_owned);
    for trick in all_tricks().into_iter().chain(others) {
        assert_eq!(site.get(&asked(&trick)).await.location(), home, "{trick:?}");
        let posted = form("/oauth2/end_session", &[("post_logout_redirect_uri", trick.as_str())]);
        assert_eq!(site.ask(posted).await.location(), home, "{trick:?}");
    }
    // Somebody who is signed in and asked first is sent nowhere else either.
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    browser.cookies.remove("same_site_strict");
    for trick in all_tricks() {
        let page = browser.get(&asked(&trick)).await;
        let policy = page.header("content-security-policy").unwrap();
        assert!(!policy.contains("evil"), "{trick:?}: {policy}");
    }
    let fields = [("confirm", "true"), ("post_logout_redirect_uri", "https://evil.example")];
    let confirmed = with(form("/oauth2/end_session", &fields), "origin", ORIGIN_URL);
    assert_eq!(browser.ask(confirmed).await.location(), home);
}

#[tokio::test]
async fn attack_105_a_page_leads_where_its_flow_was_begun_for() {
    let site = Site::new();
    site.regular("ada@example.com").await;
    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[]).await;
    let page = page.strip_prefix(ORIGIN_URL).unwrap();
    for trick in all_tricks() {
        let encoded = utf8_percent_encode(&trick, NON_ALPHANUMERIC);
        let shown =
            browser.get(&format!("{page}&redirect_uri={encoded}&return_to={encoded}")).await;
        assert_eq!(shown.status, StatusCode::OK, "{trick:?}");
        let policy = shown.header("content-security-policy").unwrap();
        let goes_to = policy.split(';').find(|part| part.contains("form-action")).unwrap();
        assert_eq!(goes_to.trim(), "form-action 'self' http://localhost:3000", "{trick:?}");
        assert!(!shown.body.contains("evil.example"), "{trick:?}");
    }
    let fields = [
        ("email", "ada@example.com"),
        ("password", PASSWORD),
        ("redirect_uri", "https://evil.example"),
        ("return_to", "https://evil.example"),
    ];
    let path = format!("{page}&redirect_uri=https%3A%2F%2Fevil.example");
    let done = browser.ask(with(form(&path, &fields), "origin", ORIGIN_URL)).await;
    assert!(done.location().starts_with(&format!("{REDIRECT_URI}?code=")), "{}", done.location());
}

#[tokio::test]
async fn attack_105_a_code_is_redeemed_for_exactly_the_uri_that_it_went_to() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    let page = browser.authorize(&[]).await.replace("/login", "/signup");
    let done = browser.submit(&page, "ada@example.com", PASSWORD).await;
    let code = done.parameter("code").unwrap();
    let others = [WITH_QUERY, NATIVE_URI, LOGGED_OUT_URI, ""].map(str::to_owned);
    for trick in all_tricks().into_iter().chain(others) {
        let refused = site.redeem("web", &trick, &code).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{trick:?}");
    }
    // None of the tries has spent it.
    assert_eq!(site.redeem("web", REDIRECT_URI, &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn attack_105_only_the_registered_origins_may_read() {
    let site = Site::new();
    for trick in all_tricks() {
        let Ok(value) = http::HeaderValue::from_str(&trick) else { continue };
        let mut request = get("/oauth2/userinfo");
        request.headers_mut().insert("origin", value);
        let answer = site.ask(request).await;
        let allowed = answer.header("access-control-allow-origin");
        assert!(allowed.is_none_or(|one| one == ORIGIN_URL), "{trick:?}: {allowed:?}");
    }
}
