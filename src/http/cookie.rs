//! The cookies that are set and read.

use cookie::{Cookie, SameSite, time::Duration};
use http::header::{COOKIE, HeaderMap, HeaderValue};

use super::limits::MAX_COOKIE_SECONDS;
use crate::credential::SessionToken;
use crate::rules::Policy;

/// How cookies are named and flagged here.
#[derive(Debug)]
pub(super) struct Cookies {
    place: Place,
    is_secure: bool,
    session_seconds: Option<u64>,
    /// Where a session cookie may be from before the domain was made wider.
    narrower: Vec<Place>,
}

/// What a browser tells cookies of one path apart by.
#[derive(Debug)]
struct Place {
    prefix: String,
    domain: Option<String>,
}

/// What a request has under a cookie's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    Nothing,
    One(&'a str),
    /// Somebody on a neighbouring host or path has set a cookie of the same name; which of them is
    /// ours cannot be told.
    Several,
}

impl Cookies {
    pub(super) fn new(policy: &Policy) -> Self {
        let is_secure = policy.public_origin.is_https();
        let place = |domain: Option<&str>| {
            let guard = match (is_secure, domain) {
                // A browser takes such a cookie from this host over TLS and from nobody else.
                (true, None) => "__Host-",
                // From any host of the domain, but not from whoever sits on a line without TLS.
                (true, Some(_)) => "__Secure-",
                (false, _) => "",
            };
            let prefix = format!("{guard}{}", policy.http.cookie_prefix);
            Place { prefix, domain: domain.map(str::to_owned) }
        };
        let lasts = !policy.session.use_session_cookie;
        let narrower = policy.narrower_cookie_domains().take(MAX_NARROWER).map(place);
        Self {
            place: place(policy.http.cookie_domain.as_deref()),
            is_secure,
            session_seconds: lasts.then_some(policy.session.lifetime_seconds),
            narrower: narrower.collect(),
        }
    }

    /// The cookies of a new session, which takes the place of any other.
    pub(super) fn of_session(&self, token: &SessionToken) -> Vec<HeaderValue> {
        let lasting = self.session_seconds;
        // A browser has what is narrower by its name alone in the same place if our host is an address or
        // `localhost`. So what comes last must be the cookie that is to stay.
        self.removals().chain(self.pair(&self.place, &token.reveal(), "true", lasting)).collect()
    }

    /// What removes the cookies of a session.
    pub(super) fn no_session(&self) -> Vec<HeaderValue> {
        self.pair(&self.place, "", "", Some(0)).chain(self.removals()).collect()
    }

    /// With two of one name, none would be known for ours.
    fn removals(&self) -> impl Iterator<Item = HeaderValue> {
        self.narrower.iter().flat_map(|place| self.pair(place, "", "", Some(0)))
    }

    fn pair(
        &self,
        place: &Place,
        session: &str,
        strict: &str,
        seconds: Option<u64>,
    ) -> impl Iterator<Item = HeaderValue> + use<> {
        let session = self.build(place, SESSION, session, SameSite::Lax, seconds);
        let strict = self.build(place, SAME_SITE_STRICT, strict, SameSite::Strict, seconds);
        [session, strict].into_iter().flatten()
    }

    /// The cookie of a flow.
    pub(super) fn of_flow(&self, id: &str, ticket: &str, seconds: u64) -> Option<HeaderValue> {
        self.build(&self.place, &format!("{FLOW}{id}"), ticket, SameSite::Lax, Some(seconds))
    }

    /// What removes the cookie of a flow.
    pub(super) fn no_flow(&self, id: &str) -> Option<HeaderValue> {
        self.build(&self.place, &format!("{FLOW}{id}"), "", SameSite::Lax, Some(0))
    }

    /// The value of the session cookie, be it from before there was a domain.
    pub(super) fn session<'a>(&self, headers: &'a HeaderMap) -> Found<'a> {
        match self.find(headers, SESSION) {
            Found::Nothing => self.of_our_host(headers).map_or(Found::Nothing, Found::One),
            found @ (Found::One(_) | Found::Several) => found,
        }
    }

    /// The values of all session cookies.
    pub(super) fn sessions<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        self.values(headers, SESSION).chain(self.of_our_host(headers))
    }

    /// A session cookie that only our own host can have set, which has another name where there is a
    /// domain.
    fn of_our_host<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let place = self.narrower.iter().find(|place| place.prefix.starts_with("__Host-"))?;
        // Or it is another program's on our host, which was kept apart by the domain.
        named(headers, &place.prefix, SESSION).find(|text| SessionToken::parse(text).is_some())
    }

    /// Whether the browser says that it came here from our own site.
    pub(super) fn is_same_site(&self, headers: &HeaderMap) -> bool {
        self.find(headers, SAME_SITE_STRICT) == Found::One("true")
    }

    /// The ticket of a flow.
    pub(super) fn flow<'a>(&self, headers: &'a HeaderMap, id: &str) -> Found<'a> {
        self.find(headers, &format!("{FLOW}{id}"))
    }

    /// IDs and tickets of all flows in this browser.
    pub(super) fn flows<'a>(&self, headers: &'a HeaderMap) -> Vec<(&'a str, &'a str)> {
        let named = |(name, ticket): (&'a str, &'a str)| {
            Some((name.strip_prefix(self.place.prefix.as_str())?.strip_prefix(FLOW)?, ticket))
        };
        pairs(headers).filter_map(named).collect()
    }

    fn values<'a>(&self, headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
        named(headers, &self.place.prefix, name)
    }

    fn find<'a>(&self, headers: &'a HeaderMap, name: &str) -> Found<'a> {
        let mut values = self.values(headers, name);
        match (values.next(), values.next()) {
            (None, _) => Found::Nothing,
            (Some(value), None) => Found::One(value),
            (Some(_), Some(_)) => Found::Several,
        }
    }

    fn build(
        &self,
        place: &Place,
        name: &str,
        value: &str,
        same_site: SameSite,
        seconds: Option<u64>,
    ) -> Option<HeaderValue> {
        let mut cookie = Cookie::build((format!("{}{name}", place.prefix), value))
            .path("/")
            .http_only(true)
            .secure(self.is_secure)
            .same_site(same_site);
        if let Some(domain) = &place.domain {
            cookie = cookie.domain(domain.clone());
        }
        if let Some(seconds) = seconds {
            let seconds = i64::try_from(seconds.min(MAX_COOKIE_SECONDS)).unwrap_or_default();
            cookie = cookie.max_age(Duration::seconds(seconds));
        }
        HeaderValue::try_from(cookie.build().to_string()).ok()
    }
}

/// The values of a request's cookies of this name.
fn named<'a>(headers: &'a HeaderMap, prefix: &str, name: &str) -> impl Iterator<Item = &'a str> {
    let is_named = move |other: &str| other.strip_prefix(prefix) == Some(name);
    pairs(headers).filter(move |(other, _)| is_named(other)).map(|(_, value)| value)
}

/// Names and values of a request's cookies. Those that are not text are not ours, nor those whose name is
/// no token (RFC 6265, section 4.1.1).
///
/// Only what browsers strip is stripped. They take any other white space for a part of the name, so that
/// `__Host-` behind it is no prefix to them, and a neighbouring host may set the cookie.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let crumbs = headers.get_all(COOKIE).iter().flat_map(|header| {
        header.as_bytes().split(|&byte| byte == b';').filter_map(|crumb| str::from_utf8(crumb).ok())
    });
    crumbs
        .filter_map(|crumb| crumb.split_once('='))
        .map(|(name, value)| (name.trim_matches(WHITE_SPACE), value.trim_matches(WHITE_SPACE)))
        .filter(|(name, _)| name.bytes().all(is_token))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 6265, section 5.2.
const WHITE_SPACE: [char; 2] = [' ', '\t'];

/// Most places where an earlier cookie is looked for; what a host has more of parents than that is unheard of.
const MAX_NARROWER: usize = 8;
const SESSION: &str = "session";
const SAME_SITE_STRICT: &str = "same_site_strict";
const FLOW: &str = "flow_";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SystemEntropy;

    fn cookies(change: impl FnOnce(&mut Policy)) -> Cookies {
        let mut policy = Policy::default();
        change(&mut policy);
        Cookies::new(&policy)
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let values = values.iter().map(|value| (COOKIE, HeaderValue::from_str(value).unwrap()));
        values.collect()
    }

    fn lines(values: Vec<HeaderValue>, token: &SessionToken) -> Vec<String> {
        let line = |value: HeaderValue| value.to_str().unwrap().replace(&*token.reveal(), "TOKEN");
        values.into_iter().map(line).collect()
    }

    #[test]
    fn over_https_a_session_cookie_is_bound_to_the_host() {
        let token = SessionToken::draw(&SystemEntropy).unwrap();
        let cookies = cookies(|policy| policy.public_origin = "https://example.com".into());
        assert_eq!(
            lines(cookies.of_session(&token), &token),
            [
                "__Host-session=TOKEN; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=31449600",
                "__Host-same_site_strict=true; HttpOnly; SameSite=Strict; Secure; Path=/; \
                 Max-Age=31449600",
            ]
        );
        assert_eq!(
            lines(cookies.no_session(), &token)[0],
            "__Host-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"
        );
    }

    #[test]
    fn a_cookie_domain_prefix_and_browser_session_are_the_policy_s() {
        let token = SessionToken::draw(&SystemEntropy).unwrap();
        let cookies = cookies(|policy| {
            policy.public_origin = "https://auth.example.com".into();
            policy.http.cookie_domain = Some("example.com".to_owned());
            policy.http.cookie_prefix = "app_".to_owned();
            policy.session.use_session_cookie = true;
        });
        assert_eq!(
            lines(cookies.of_session(&token), &token).iter().rev().nth(1).unwrap(),
            "__Secure-app_session=TOKEN; HttpOnly; SameSite=Lax; Secure; Path=/; Domain=example.com"
        );
    }

    /// Whoever had a cookie from before met a second one of the same name at the next sign-in, and was let in
    /// by neither; and guests were nobody under the new name.
    #[test]
    fn a_domain_that_is_made_wider_leaves_no_cookie_behind_and_loses_nobody() {
        let token = SessionToken::draw(&SystemEntropy).unwrap();
        let of = |origin: &str, domain: Option<&str>| {
            cookies(|policy| {
                policy.public_origin = origin.into();
                policy.http.cookie_domain = domain.map(str::to_owned);
            })
        };
        let removed = |values: Vec<HeaderValue>| {
            let lines = lines(values, &token).into_iter();
            let removed = lines.filter(|line| line.contains("Max-Age=0"));
            let place = |line: String| {
                let name = line.split('=').next().unwrap().to_owned();
                (
                    name,
                    line.rsplit_once("Domain=")
                        .map(|(_, domain)| domain.replace("; Max-Age=0", "")),
                )
            };
            removed.map(place).filter(|(name, _)| name.ends_with("session")).collect::<Vec<_>>()
        };
        let at = |name: &str, domain: Option<&str>| (name.to_owned(), domain.map(str::to_owned));

        let wide = of("https://a.auth.example.com", Some("example.com"));
        let before = [
            at("__Host-session", None),
            at("__Secure-session", Some("a.auth.example.com")),
            at("__Secure-session", Some("auth.example.com")),
        ];
        assert_eq!(removed(wide.of_session(&token)), before);
        assert_eq!(removed(wide.no_session())[1..], before);
        let old = token.reveal();
        let before = format!("__Host-session={}", &*old);
        assert_eq!(wide.session(&headers(&[&before])), Found::One(&old));
        let both = headers(&[&before, "__Secure-session=new"]);
        assert_eq!(wide.session(&both), Found::One("new"));
        assert!(wide.sessions(&both).eq(["new", &*old]));
        assert_eq!(wide.session(&headers(&["__Host-session=another"])), Found::Nothing);

        let plain = of("http://auth.example.com", Some("auth.example.com"));
        assert_eq!(removed(plain.of_session(&token)), [at("session", None)]);
        // To a browser both are the same cookie.
        let local = of("http://localhost:3000", Some("localhost"));
        let last = lines(local.of_session(&token), &token).pop().unwrap();
        assert!(last.starts_with("same_site_strict=true; "), "{last}");

        let ours = of("https://auth.example.com", None);
        assert_eq!(removed(ours.of_session(&token)), []);
        assert_eq!(ours.session(&headers(&["__Secure-session=old"])), Found::Nothing);
    }

    #[test]
    fn over_https_only_the_prefixed_name_is_read() {
        let cookies = cookies(|policy| policy.public_origin = "https://example.com".into());
        assert_eq!(cookies.session(&headers(&["session=a"])), Found::Nothing);
        let both = headers(&["session=a; __Host-session=b"]);
        assert_eq!(cookies.session(&both), Found::One("b"));
    }

    #[test]
    fn two_cookies_of_one_name_are_neither() {
        let cookies = cookies(|_| {});
        assert_eq!(cookies.session(&headers(&["session=a; session=b"])), Found::Several);
        assert_eq!(cookies.session(&headers(&["session=a", "session=a"])), Found::Several);
        assert_eq!(cookies.session(&headers(&["x=1;session=a; y"])), Found::One("a"));
        assert_eq!(
            cookies.session(&headers(&["=session=a", "Session=a", "session"])),
            Found::Nothing
        );
    }

    #[test]
    fn a_name_that_is_no_token_is_none_of_ours() {
        let cookies = cookies(|_| {});
        let flows = |line: &str| {
            let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            cookies.flows(&HeaderMap::from_iter([(COOKIE, line)])).len()
        };
        assert_eq!(flows("\t flow_ab \t=\t ticket "), 1);
        for name in
            ["flow_a b", "flow_ab\u{a0}", "\u{2000}flow_ab", "flow_é", "flow_\"", "flow_a,b"]
        {
            assert_eq!(flows(&format!("{name}=ticket")), 0, "{name:?}");
        }
    }

    #[test]
    fn no_cookie_outlives_400_days() {
        let token = SessionToken::draw(&SystemEntropy).unwrap();
        let cookies = cookies(|policy| policy.session.lifetime_seconds = u64::MAX);
        assert!(lines(cookies.of_session(&token), &token)[0].ends_with("; Max-Age=34560000"));
    }
}
