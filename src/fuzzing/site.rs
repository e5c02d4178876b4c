//! A small site in memory, with a guest, a user and everything that was issued to them; and what every
//! answer of it must be like.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{HeaderMap, HeaderName, LOCATION};
use http::{Request, StatusCode};
use sha2::{Digest, Sha256};

use crate::credential::{Action, KeyHeader};
use crate::engine::{CodeRequest, Credential, Engine, Open, Opened, SignedIn};
use crate::fuzzing::world::{CountingEntropy, Device, NOW, block_on, hasher, keyring};
use crate::http::{Http, Response};
use crate::model::{ClientId, LoginId, LoginIdType, ManualClock, SessionKind};
use crate::rules::{ApplicationType, ClientPolicy, OnConflict, Policy};
use crate::store::memory::MemoryBackend;

/// The site, and what can stand in a request for what it has issued: `{r}` for a refresh token and so
/// on, see [`Site::fill`].
pub(super) struct Site {
    pub(super) http: Http,
    issued: Vec<(&'static [u8], String)>,
    /// What the names of cookies begin with.
    prefix: String,
}

impl Site {
    pub(super) fn new(policy: Policy) -> Self {
        let prefix = format!("__Host-{}", policy.http.cookie_prefix);
        let engine = Engine::builder(MemoryBackend::new(), keyring(0), policy)
            .clock(ManualClock::at(NOW))
            .entropy(CountingEntropy::default())
            .hasher(hasher())
            .build()
            .expect("a policy of ours");
        let mut site = Self { http: Http::new(engine), issued: Vec::new(), prefix };
        block_on(site.issue());
        site
    }

    /// The text of what was issued under `name`.
    pub(super) fn issued(&self, name: &[u8]) -> &str {
        let found = self.issued.iter().find(|(other, _)| *other == name);
        found.map_or("", |(_, text)| text)
    }

    async fn issue(&mut self) {
        let engine = self.http.engine();
        let web = ClientId::parse("web").expect("short");
        let cookie = || Open::Session(SessionKind::Cookie);
        let refresh = || Open::Session(SessionKind::Refresh(web.clone()));

        let guest = engine.sign_up_anonymously(cookie(), None).await.expect("a guest");
        let (guest_cookie, _) = guest.into_session().expect("a session");
        let other = engine.sign_up_anonymously(refresh(), None).await.expect("another");
        let (refresh_token, caller) = other.into_session().expect("a session");
        let access = engine.access_token(&caller).expect("a token");
        let id_token = engine.id_token(&caller, &web, None).expect("a token");
        let promotion = engine.promotion_code(&guest_cookie).await.expect("a code");

        let verifier = "v".repeat(43);
        let request = CodeRequest {
            client: web.clone(),
            redirect_uri: REDIRECT_URIS[0].to_owned(),
            code_challenge: URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier)),
            nonce: None,
        };
        let challenge = request.code_challenge.clone();
        let email = LoginId::parse(LoginIdType::Email, EMAIL).expect("an address");
        let credential = Credential::password(email, PASSWORD);
        let user = engine.sign_up(credential, Open::Code(request), None).await.expect("a user");
        let SignedIn { opened: Opened::Code(code), .. } = user else { panic!("a code") };

        let device = Device::new(0);
        let signed = |action| {
            let challenge = engine.challenge().expect("a challenge").text;
            device.sign(&challenge, action, KeyHeader::Jwk, NOW)
        };
        let sign_in = signed(Action::Auth);
        let known = signed(Action::Auth);
        engine.sign_in_with_device_key(&known, refresh(), None).await.expect("a guest with a key");
        let promote = signed(Action::Promote);

        self.issued = vec![
            (b"{s}", guest_cookie.reveal().to_string()),
            (b"{r}", refresh_token.reveal().to_string()),
            (b"{a}", access.text),
            (b"{i}", id_token),
            (b"{p}", promotion.text),
            (b"{c}", code.text),
            (b"{v}", verifier),
            (b"{h}", challenge),
            (b"{j}", sign_in),
            (b"{k}", promote),
            (b"{u}", "https%3A%2F%2Fapp.example%2Fafter".to_owned()),
            (b"{l}", "https%3A%2F%2Fauthgear.com%2Flogin_hint%3Ftype%3Danonymous%26".to_owned()),
        ];
        self.open_flow().await;
    }

    /// A page in the guest's browser, to be submitted.
    async fn open_flow(&mut self) {
        let query = self.fill(
            b"client_id=web&redirect_uri={u}&response_type=none&scope=openid\
              &login_hint={l}promotion_code%3D{p}",
        );
        let path = format!("/oauth2/authorize?{}", String::from_utf8_lossy(&query));
        let cookie = format!("{}session={}", self.prefix, self.issued(b"{s}"));
        let request = Request::get(path).header("cookie", cookie).body(Vec::new()).expect("plain");
        let response = self.http.respond(request, None).await;
        let cookies = response.headers().get_all("set-cookie");
        let flow = cookies.iter().filter_map(|line| line.to_str().ok()).find_map(|line| {
            let (id, rest) =
                line.strip_prefix(&self.prefix)?.strip_prefix("flow_")?.split_once('=')?;
            Some((id.to_owned(), rest.split(';').next()?.to_owned()))
        });
        let (id, ticket) = flow.expect("a flow");
        self.issued.push((b"{f}", id));
        self.issued.push((b"{t}", ticket));
    }

    /// The text with what was issued in the place of its names.
    pub(super) fn fill(&self, text: &[u8]) -> Vec<u8> {
        let mut filled = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            let name = rest.get(..3).and_then(|name| self.issued.iter().find(|one| one.0 == name));
            if let Some((_, text)) = name {
                filled.extend(text.as_bytes());
                rest = &rest[3..];
            } else {
                filled.push(*first);
                rest = after;
            }
        }
        filled
    }

    /// What is answered to `request`, which must be fit to be sent.
    pub(super) fn respond(&self, request: Request<Vec<u8>>) -> Response {
        let length = request.body().len()
            + request.uri().query().map_or(0, str::len)
            + request.headers().values().map(http::HeaderValue::len).sum::<usize>();
        let response = block_on(self.http.respond(request, "192.0.2.7".parse().ok()));
        check(&response, length);
        for line in response.headers().get_all("set-cookie") {
            check_cookie(line.to_str().expect("printable"), &self.prefix);
        }
        response
    }
}

/// A site with applications of every kind.
pub(super) fn policy() -> Policy {
    let mut web = ClientPolicy::new("web", ApplicationType::Spa);
    web.redirect_uris = REDIRECT_URIS.map(str::to_owned).to_vec();
    web.post_logout_redirect_uris = AFTER_LOGOUT.map(str::to_owned).to_vec();
    web.max_concurrent_session = 2;
    let mut native = ClientPolicy::new("native", ApplicationType::Native);
    native.redirect_uris = vec![OF_NATIVE.to_owned()];
    native.issue_jwt_access_token = true;
    let mut foreign = ClientPolicy::new("foreign", ApplicationType::ThirdPartyApp);
    foreign.redirect_uris = vec![OF_FOREIGN.to_owned()];
    let mut policy = Policy { clients: vec![web, native, foreign], ..Policy::default() };
    policy.public_origin = ORIGIN.into();
    policy.anonymous.on_conflict = OnConflict::Login;
    policy
}

/// What holds for every answer, to whatever request.
fn check(response: &Response, length: usize) {
    let status = response.status();
    assert!(
        !status.is_server_error(),
        "{status}: {:?}",
        response.extensions().get::<crate::http::Cause>()
    );
    assert!(response.body().len() <= LONGEST_ANSWER + 16 * length, "an answer without bounds");
    for (name, value) in response.headers() {
        assert!(HEADERS.contains(&name.as_str()), "{name} was smuggled in");
        assert!(value.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte)), "{name}");
    }
    assert!(response.headers().contains_key("cache-control"));
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    match response.headers().get("content-type").map(http::HeaderValue::as_bytes) {
        None => assert!(response.body().is_empty()),
        Some(b"application/json") => {
            serde_json::from_slice::<serde_json::Value>(response.body()).expect("JSON");
        }
        Some(kind) if kind.starts_with(b"text/html") => {
            let html = std::str::from_utf8(response.body()).expect("UTF-8");
            check_html(html, response.headers());
        }
        Some(kind) => assert!(kind.starts_with(b"text/css")),
    }
    if status == StatusCode::SEE_OTHER {
        assert!(response.headers().contains_key(LOCATION));
    } else {
        assert!(!response.headers().contains_key(LOCATION));
    }
}

fn check_cookie(line: &str, prefix: &str) {
    let (pair, attributes) = line.split_once("; ").expect("attributes");
    let (name, value) = pair.split_once('=').expect("a pair");
    let name = name.strip_prefix(prefix).expect("bound to the host");
    let is_hex = |id: &str| id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_ours = ["session", "same_site_strict"].contains(&name)
        || name.strip_prefix("flow_").is_some_and(is_hex);
    assert!(is_ours, "{name}");
    assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    let known = |one: &str| {
        one.starts_with("Max-Age=")
            || ["HttpOnly", "SameSite=Lax", "SameSite=Strict", "Secure", "Path=/"].contains(&one)
    };
    assert!(attributes.split("; ").all(known), "{attributes}");
}

/// What somebody typed opens no element and no attribute.
fn check_html(html: &str, headers: &HeaderMap) {
    assert!(headers.contains_key("content-security-policy"));
    for tag in html.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag ends");
        let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap_or_default();
        assert!(TAGS.contains(&name), "<{tag}> was smuggled in");
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        // Outside quotes there are names of attributes only.
        for name in tag.split('"').step_by(2).flat_map(|part| part.split([' ', '='])) {
            assert!(!name.starts_with("on"), "<{tag}> runs script");
        }
    }
}

/// Sets a header from bytes, if they can be one.
pub(super) fn set(headers: &mut HeaderMap, name: &'static str, value: &[u8]) {
    if let Ok(value) = http::HeaderValue::from_bytes(value) {
        headers.append(HeaderName::from_static(name), value);
    }
}

pub(super) const ORIGIN: &str = "https://id.example";
pub(super) const REDIRECT_URIS: [&str; 3] =
    ["https://app.example/after", "https://app.example/other?a=b", "com.example.app://callback"];
pub(super) const AFTER_LOGOUT: [&str; 2] = ["https://app.example/bye", "https://app.example/?bye"];
pub(super) const OF_NATIVE: &str = "com.example.native:/cb";
pub(super) const OF_FOREIGN: &str = "https://foreign.example/cb";
const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";

/// More than our longest page.
const LONGEST_ANSWER: usize = 16 * 1024;
const HEADERS: [&str; 18] = [
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "allow",
    "cache-control",
    "content-security-policy",
    "content-type",
    "location",
    "referrer-policy",
    "retry-after",
    "set-cookie",
    "vary",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
];
const TAGS: [&str; 16] = [
    "!doctype", "html", "head", "meta", "title", "link", "body", "main", "h1", "p", "form",
    "label", "input", "button", "a", "div",
];
