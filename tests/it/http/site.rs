//! A site to ask, and browsers that ask it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use ed25519_dalek::{Signer, SigningKey};
use form_urlencoded::Serializer;
use guestpass::credential::{Action, KeyHeader, Keyring, SignedRequest, device_key};
use guestpass::http::Http;
use guestpass::model::{
    DeviceKey, KeyId, LoginId, LoginIdType, ManualClock, PublicKey, SessionKind, SystemEntropy,
    Timestamp,
};
use guestpass::rules::{ApplicationType, ClientPolicy};
use guestpass::store::Backend;
use guestpass::store::memory::MemoryBackend;
use guestpass::{Credential, Engine, Open, Policy};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use http::{Method, Request, StatusCode};
use serde_json::Value;

use crate::support::{Place, World, cookie, in_every_order, interleave, password};

pub(crate) const ORIGIN_URL: &str = "http://localhost:3000";
pub(crate) const REDIRECT_URI: &str = "http://localhost:3000/after-promote";
pub(crate) const NATIVE_URI: &str = "com.example.app://callback";
pub(crate) const LOGGED_OUT_URI: &str = "http://localhost:3000/bye";
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const VERIFIER: &str = "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDE";

/// The endpoints over an engine in memory, with a clock to turn.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) http: Http,
    pub(crate) clock: ManualClock,
}

/// The policy of the tests: three clients, and one that may not act for people.
pub(crate) fn policy() -> Policy {
    let mut web = ClientPolicy::new("web", ApplicationType::Spa);
    web.redirect_uris = vec![REDIRECT_URI.to_owned(), "https://app.example.com/cb?a=b".to_owned()];
    web.post_logout_redirect_uris = vec![LOGGED_OUT_URI.to_owned()];
    let mut native = ClientPolicy::new("native", ApplicationType::Native);
    native.redirect_uris = vec![NATIVE_URI.to_owned()];
    let mut server = ClientPolicy::new("server", ApplicationType::Confidential);
    server.redirect_uris = vec![REDIRECT_URI.to_owned()];
    let mut partner = ClientPolicy::new("partner", ApplicationType::ThirdPartyApp);
    partner.redirect_uris = vec![REDIRECT_URI.to_owned()];
    Policy { clients: vec![web, native, server, partner], ..Policy::default() }
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Policy)) -> Self {
        Self::over(MemoryBackend::new(), change)
    }

    pub(crate) fn over(backend: impl Backend, change: impl FnOnce(&mut Policy)) -> Self {
        let keyring = Keyring::ephemeral(&SystemEntropy).unwrap();
        Self::with_keyring(backend, keyring, change)
    }

    pub(crate) fn with_keyring(
        backend: impl Backend,
        keyring: Keyring,
        change: impl FnOnce(&mut Policy),
    ) -> Self {
        let mut policy = policy();
        change(&mut policy);
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        let engine =
            Engine::builder(backend, keyring, policy).clock(clock.clone()).build().unwrap();
        Self { http: Http::new(engine), clock }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.http.engine()
    }

    pub(crate) async fn ask(&self, request: Request<Vec<u8>>) -> Answer {
        self.ask_from(request, "192.0.2.1").await
    }

    pub(crate) async fn ask_from(&self, request: Request<Vec<u8>>, peer: &str) -> Answer {
        let peer: IpAddr = peer.parse().unwrap();
        let (parts, body) = self.http.respond(request, Some(peer)).await.into_parts();
        Answer { status: parts.status, parts, body: String::from_utf8(body).unwrap() }
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.ask(get(target)).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.ask(json(path, &body.to_string())).await
    }

    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(form(path, fields)).await
    }

    pub(crate) async fn userinfo(&self, access_token: &str) -> Answer {
        self.ask(with_bearer(get("/oauth2/userinfo"), access_token)).await
    }

    pub(crate) async fn refresh(&self, client: &str, refresh_token: &str) -> Answer {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", client),
            ("refresh_token", refresh_token),
        ];
        self.post_form("/oauth2/token", &fields).await
    }

    /// A guest of the web with a refresh token.
    pub(crate) async fn guest(&self) -> Tokens {
        let body = serde_json::json!({ "session_type": "refresh_token", "client_id": "web" });
        let answer = self.post_json("/api/anonymous_user/signup", &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        Tokens::of(&answer.json()["result"])
    }

    /// A regular user with a refresh token.
    pub(crate) async fn regular(&self, email: &str) -> Tokens {
        let kind = SessionKind::Refresh(guestpass::model::ClientId::parse("web").unwrap());
        let credential = Credential::password(login_id(email), PASSWORD);
        let signed_in = self.engine().sign_up(credential, Open::Session(kind), None).await.unwrap();
        let (token, caller) = signed_in.into_session().unwrap();
        let access = self.engine().access_token(&caller).unwrap().text;
        Tokens { access, refresh: token.reveal().to_string() }
    }

    pub(crate) async fn promotion_code(&self, refresh_token: &str) -> String {
        let body = serde_json::json!({
            "session_type": "refresh_token",
            "refresh_token": refresh_token,
        });
        let answer = self.post_json("/api/anonymous_user/promotion_code", &body).await;
        answer.text("promotion_code")
    }

    pub(crate) async fn redeem(&self, client: &str, redirect_uri: &str, code: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("redirect_uri", redirect_uri),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        self.post_form("/oauth2/token", &fields).await
    }
}

pub(crate) fn login_id(email: &str) -> LoginId {
    LoginId::parse(LoginIdType::Email, email).unwrap()
}

/// What the token endpoints gave.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    pub(crate) fn of(body: &Value) -> Self {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

/// A response, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) parts: http::response::Parts,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// A text in the result of an API call.
    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> String {
        let text = self.json()["result"][name].as_str().map(str::to_owned);
        text.unwrap_or_else(|| panic!("no {name}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        let values = self.parts.headers.get_all(SET_COOKIE).iter();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.parts.headers[LOCATION].to_str().unwrap()
    }

    /// A parameter of the address that a redirect leads to.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        parameter(self.location(), name)
    }

    /// Name and reason of an API error.
    pub(crate) fn reason(&self) -> (StatusCode, String, String) {
        let error = &self.json()["error"];
        assert_eq!(error["code"], self.status.as_u16(), "{}", self.body);
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        (self.status, text("name"), text("reason"))
    }

    /// Code and description of an OAuth error.
    pub(crate) fn error(&self) -> (StatusCode, String, String) {
        let body = self.json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        (self.status, text("error"), text("error_description"))
    }

    /// What the page says in its alert.
    pub(crate) fn alert(&self) -> Option<&str> {
        let (_, rest) = self.body.split_once("role=\"alert\"")?;
        let (_, rest) = rest.split_once('>')?;
        rest.split_once('<').map(|(alert, _)| alert)
    }
}

pub(crate) fn parameter(uri: &str, name: &str) -> Option<String> {
    let (_, query) = uri.split_once('?')?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
}

pub(crate) fn get(target: &str) -> Request<Vec<u8>> {
    Request::get(target).body(Vec::new()).unwrap()
}

pub(crate) fn json(path: &str, body: &str) -> Request<Vec<u8>> {
    let request = Request::post(path).header(CONTENT_TYPE, "application/json");
    request.body(body.as_bytes().to_vec()).unwrap()
}

pub(crate) fn form(path: &str, fields: &[(&str, &str)]) -> Request<Vec<u8>> {
    let body = Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    request.body(body.into_bytes()).unwrap()
}

pub(crate) fn with(
    mut request: Request<Vec<u8>>,
    name: &'static str,
    value: &str,
) -> Request<Vec<u8>> {
    request.headers_mut().append(name, value.parse().unwrap());
    request
}

/// Asks with the cookie of a guest that is promoted meanwhile, in every order of the store calls.
pub(crate) fn while_its_guest_is_promoted(
    ask: impl Fn() -> Request<Vec<u8>>,
    mut check: impl FnMut(Answer),
) {
    in_every_order(|schedule| {
        let world = World::new(Place::Memory);
        let site = Site::over(Arc::clone(&world.backend), |_| {});
        let guest = world.guest();
        let proof = world.by_session(&guest);
        world.script.step();
        let request = with(ask(), "cookie", &format!("session={}", *guest.token.reveal()));
        let promoted = world.engine.promote(&proof, password("ada"), cookie(), None);
        let (answer, promoted) = interleave(schedule, site.ask(request), promoted);
        world.script.rest();
        promoted.unwrap();
        check(answer);
    });
}

pub(crate) fn with_bearer(request: Request<Vec<u8>>, token: &str) -> Request<Vec<u8>> {
    with(request, AUTHORIZATION.as_str(), &format!("Bearer {token}"))
}

/// A browser: it keeps cookies, and says where a form was sent from.
#[derive(Debug)]
pub(crate) struct Browser<'a> {
    pub(crate) site: &'a Site,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(site: &'a Site) -> Self {
        Self { site, cookies: BTreeMap::new() }
    }

    pub(crate) async fn ask(&mut self, request: Request<Vec<u8>>) -> Answer {
        let request = self.dress(request);
        let answer = self.site.ask(request).await;
        self.keep(&answer);
        answer
    }

    /// Keeps the cookies that an answer sets.
    pub(crate) fn keep(&mut self, answer: &Answer) {
        for line in answer.set_cookies() {
            let (pair, flags) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if flags.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The request with this browser's cookies.
    pub(crate) fn dress(&self, request: Request<Vec<u8>>) -> Request<Vec<u8>> {
        let cookies = self.cookies.iter().fold(String::new(), |mut line, (name, value)| {
            let separator = if line.is_empty() { "" } else { "; " };
            write!(line, "{separator}{name}={value}").unwrap();
            line
        });
        if cookies.is_empty() { request } else { with(request, COOKIE.as_str(), &cookies) }
    }

    pub(crate) async fn get(&mut self, target: &str) -> Answer {
        self.ask(get(target.strip_prefix(ORIGIN_URL).unwrap_or(target))).await
    }

    pub(crate) async fn post_json(&mut self, path: &str, body: &Value) -> Answer {
        self.ask(with(json(path, &body.to_string()), ORIGIN.as_str(), ORIGIN_URL)).await
    }

    /// Sends the form of a page of ours.
    pub(crate) async fn submit(&mut self, page: &str, email: &str, password: &str) -> Answer {
        let path = page.strip_prefix(ORIGIN_URL).unwrap_or(page);
        let request = form(path, &[("email", email), ("password", password)]);
        self.ask(with(request, ORIGIN.as_str(), ORIGIN_URL)).await
    }

    /// Becomes a guest with a cookie; answers with its `sub`.
    pub(crate) async fn become_guest(&mut self) -> String {
        let body = serde_json::json!({ "session_type": "cookie", "client_id": "web" });
        let answer = self.post_json("/api/anonymous_user/signup", &body).await;
        assert_eq!(
            (answer.status, answer.json()),
            (StatusCode::OK, serde_json::json!({"result": {}}))
        );
        self.sub().await
    }

    pub(crate) async fn userinfo(&mut self) -> Answer {
        self.get("/oauth2/userinfo").await
    }

    pub(crate) async fn sub(&mut self) -> String {
        self.userinfo().await.json()["sub"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn promotion_code(&mut self) -> String {
        let body = serde_json::json!({ "session_type": "cookie" });
        let answer = self.post_json("/api/anonymous_user/promotion_code", &body).await;
        answer.text("promotion_code")
    }

    /// Opens the authorization endpoint, and answers with where it leads to.
    pub(crate) async fn authorize(&mut self, parameters: &[(&str, &str)]) -> String {
        self.get(&authorization(parameters)).await.location().to_owned()
    }
}

/// The address of an authorization request with these parameters; those of the same name replace the
/// usual ones, and an empty value leaves one out.
pub(crate) fn authorization(parameters: &[(&str, &str)]) -> String {
    let challenge = code_challenge();
    let mut all = BTreeMap::from([
        ("client_id", "web"),
        ("redirect_uri", REDIRECT_URI),
        ("response_type", "code"),
        ("scope", "openid offline_access https://authgear.com/scopes/full-access"),
        ("code_challenge_method", "S256"),
        ("code_challenge", challenge.as_str()),
        ("state", "the app's"),
        ("prompt", "login"),
    ]);
    all.extend(parameters.iter().copied());
    all.retain(|_, value| !value.is_empty());
    format!("/oauth2/authorize?{}", Serializer::new(String::new()).extend_pairs(all).finish())
}

pub(crate) fn code_hint(code: &str) -> String {
    format!("https://authgear.com/login_hint?type=anonymous&promotion_code={code}")
}

pub(crate) fn key_hint(request: &str) -> String {
    format!("https://authgear.com/login_hint?type=anonymous&jwt={request}")
}

/// The S256 challenge of [`VERIFIER`].
pub(crate) fn code_challenge() -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(VERIFIER))
}

/// A phone with an Ed25519 key.
#[derive(Debug)]
pub(crate) struct Device {
    secret: SigningKey,
    key: DeviceKey,
}

impl Device {
    pub(crate) fn new(number: u8) -> Self {
        let secret = SigningKey::from_bytes(&[number; 32]);
        let public = PublicKey::Ed25519(secret.verifying_key().to_bytes());
        let kid = KeyId::parse(&format!("device-{number:03}")).unwrap();
        Self { secret, key: device_key::name(public, kid).unwrap() }
    }

    /// A device with another's key ID and its own key.
    pub(crate) fn posing_as(&self, other: &Self) -> Self {
        Self { secret: self.secret.clone(), key: other.key.clone() }
    }

    pub(crate) fn sign(
        &self,
        site: &Site,
        challenge: &str,
        action: Action,
        header: KeyHeader,
    ) -> String {
        let now = site.engine().now();
        let input = SignedRequest::signing_input(challenge, action, &self.key, header, now);
        SignedRequest::assemble(&input, &self.secret.sign(input.as_bytes()).to_bytes())
    }

    pub(crate) async fn request(&self, site: &Site, action: Action, header: KeyHeader) -> String {
        self.sign(site, &challenge(site).await, action, header)
    }

    /// Signs up or in with the key.
    pub(crate) async fn enter(&self, site: &Site, header: KeyHeader) -> Answer {
        present(site, &self.request(site, Action::Auth, header).await).await
    }
}

/// A new challenge.
pub(crate) async fn challenge(site: &Site) -> String {
    let body = serde_json::json!({ "purpose": "anonymous_request" });
    let answer = site.post_json("/oauth2/challenge", &body).await;
    answer.text("token")
}

/// Presents a signed request at the token endpoint.
pub(crate) async fn present(site: &Site, request: &str) -> Answer {
    let fields = [
        ("grant_type", "urn:authgear:params:oauth:grant-type:anonymous-request"),
        ("client_id", "native"),
        ("jwt", request),
    ];
    site.post_form("/oauth2/token", &fields).await
}

pub(crate) fn sub_of(answer: &Answer) -> String {
    answer.json()["sub"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

pub(crate) fn bare(method: Method, path: &str) -> Request<Vec<u8>> {
    Request::builder().method(method).uri(path).body(Vec::new()).unwrap()
}

pub(crate) const IS_ANONYMOUS: &str = "https://authgear.com/claims/user/is_anonymous";
pub(crate) const IS_VERIFIED: &str = "https://authgear.com/claims/user/is_verified";
pub(crate) const CAN_REAUTHENTICATE: &str = "https://authgear.com/claims/user/can_reauthenticate";
