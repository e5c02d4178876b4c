//! What the operator decides: lifetimes, limits, clients.

mod client;

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

pub use client::{ApplicationType, ClientPolicy};

/// What the operator decides, with Authgear's names and defaults.
///
/// Made in code from [`Policy::default`], or from TOML by [`Policy::from_toml`]. The engine checks it
/// when it is built.
///
/// ```
/// let mut policy = guestpass::Policy::default();
/// policy.public_origin = "https://example.com".into();
/// policy.session.idle_timeout_seconds = 7 * 24 * 3600;
/// assert!(policy.check().is_ok());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Where the endpoints are reached: scheme, host and, if it is not the scheme's own, port. Nothing
    /// that a request says about its host is believed. `http://localhost:3000` if not given.
    pub public_origin: PublicOrigin,
    /// What concerns HTTP alone.
    pub http: HttpPolicy,
    /// Anonymous users.
    pub anonymous: AnonymousPolicy,
    /// The cookie session.
    pub session: SessionPolicy,
    /// What passwords may be.
    pub password: PasswordRules,
    /// Which login IDs need proof of control.
    pub verification: VerificationPolicy,
    /// How often something may be tried.
    pub rate_limits: RateLimits,
    /// The applications that may ask for tokens.
    pub clients: Vec<ClientPolicy>,
}

/// A scheme, host and port without a path; see [`Policy::public_origin`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct PublicOrigin(String);

impl PublicOrigin {
    /// The text of the origin, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the origin is reached over TLS.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl Default for PublicOrigin {
    fn default() -> Self {
        Self("http://localhost:3000".to_owned())
    }
}

impl<T: Into<String>> From<T> for PublicOrigin {
    fn from(origin: T) -> Self {
        Self(origin.into())
    }
}

/// What concerns HTTP alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpPolicy {
    /// Addresses or networks (`10.0.0.0/8`) whose `X-Forwarded-For` is believed. Everybody behind a proxy
    /// that is not among them is one client to the limits by address.
    pub trusted_proxies: Vec<String>,
    /// Origins, beside our own and those of the redirect URIs of clients that may act for people, whose
    /// pages may use cookies at the endpoints under `/api` and at a host's own, and read answers.
    pub allowed_origins: Vec<String>,
    /// The `Domain` of cookies: the host of `public_origin` or a parent domain of it. Without it they go
    /// to our own host only, which is safer.
    pub cookie_domain: Option<String>,
    /// Put before the names of cookies.
    pub cookie_prefix: String,
}

/// Anonymous users.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnonymousPolicy {
    /// Whether anybody may be anonymous. Switched off, who is anonymous already stays so.
    pub enabled: bool,
    /// What happens when a guest turns out to be an existing user.
    pub on_conflict: OnConflict,
}

impl Default for AnonymousPolicy {
    fn default() -> Self {
        Self { enabled: true, on_conflict: OnConflict::Error }
    }
}

/// What happens when an anonymous user promotes itself with an identity that is another user's, or
/// signs in as another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// It is refused; nothing changes, and the guest stays usable.
    Error,
    /// The person proves to be the other user, is signed in as that one, and the guest is merged into
    /// it.
    Login,
}

/// The cookie session.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionPolicy {
    /// How long a session lasts at most, in seconds. 52 weeks if not given.
    pub lifetime_seconds: u64,
    /// Whether a session also ends when it is not used.
    pub idle_timeout_enabled: bool,
    /// How long a session may go unused, in seconds. 30 days if not given.
    pub idle_timeout_seconds: u64,
    /// Whether the cookie goes with the browser's own session instead of having a `Max-Age`.
    pub use_session_cookie: bool,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self {
            lifetime_seconds: WEEKS_52,
            idle_timeout_enabled: true,
            idle_timeout_seconds: DAYS_30,
            use_session_cookie: false,
        }
    }
}

/// What new passwords may be. Existing ones keep working when this becomes stricter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordRules {
    /// Fewest characters (code points) of a new password; 8 to 64. 8 if not given.
    pub min_length: u32,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self { min_length: 8 }
    }
}

/// Which login IDs need proof of control before they are attached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerificationPolicy {
    /// E-mail addresses.
    pub email: Verification,
    /// Phone numbers.
    pub phone: Verification,
}

/// Whether a login ID needs proof of control.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// Before it is attached. Not available yet: refused when the engine is built.
    Required,
    /// At any time after. Not available yet: refused when the engine is built.
    Optional,
    /// Never; it is attached as unproven.
    #[default]
    Off,
}

/// How often something may be tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Sign-ups of anonymous users, and promotions.
    pub signup_anonymous: AnonymousSignUpLimits,
    /// Failed passwords.
    pub password: PasswordLimits,
}

/// Sign-ups of anonymous users, and promotions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnonymousSignUpLimits {
    /// By address; IPv6 by its first 64 bits. 60 a minute if not given.
    #[serde(deserialize_with = "Bucket::or::<_, 60, 60>")]
    pub per_ip: Bucket,
}

impl Default for AnonymousSignUpLimits {
    fn default() -> Self {
        Self { per_ip: Bucket::new(60, 60) }
    }
}

/// Failed passwords; what succeeds is not counted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordLimits {
    /// By address, whoever is tried; IPv6 by its first 64 bits. 60 a minute if not given.
    #[serde(deserialize_with = "Bucket::or::<_, 60, 60>")]
    pub per_ip: Bucket,
    /// By login ID and address. 10 a minute if not given.
    #[serde(deserialize_with = "Bucket::or::<_, 60, 10>")]
    pub per_login_id_per_ip: Bucket,
    /// By login ID, whoever tries. 100 an hour if not given.
    #[serde(deserialize_with = "Bucket::or::<_, 3600, 100>")]
    pub per_login_id: Bucket,
}

impl Default for PasswordLimits {
    fn default() -> Self {
        Self {
            per_ip: Bucket::new(60, 60),
            per_login_id_per_ip: Bucket::new(10, 60),
            per_login_id: Bucket::new(100, 3600),
        }
    }
}

/// A token bucket: `burst` tries at once, and as many again spread over each period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Whether there is a limit at all.
    pub enabled: bool,
    /// How long it takes for an empty bucket to be full, in seconds.
    pub period_seconds: u64,
    /// How many tries a full bucket holds.
    pub burst: u32,
}

impl Bucket {
    /// A limit of `burst` in `period_seconds`.
    pub const fn new(burst: u32, period_seconds: u64) -> Self {
        Self { enabled: true, period_seconds, burst }
    }

    /// Reads a bucket; what is not given is as in the default of this one.
    fn or<'de, D: Deserializer<'de>, const PERIOD_SECONDS: u64, const BURST: u32>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, rename = "rate limit")]
        struct Given {
            enabled: Option<bool>,
            period_seconds: Option<u64>,
            burst: Option<u32>,
        }
        let given = Given::deserialize(deserializer)?;
        Ok(Self {
            enabled: given.enabled.unwrap_or(true),
            period_seconds: given.period_seconds.unwrap_or(PERIOD_SECONDS),
            burst: given.burst.unwrap_or(BURST),
        })
    }
}

impl Policy {
    /// Reads a policy from TOML; what is not given has its default.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the text is not TOML, has an unknown key or a value of another type, or is a
    /// policy that [`check`](Self::check) refuses.
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text).map_err(|error| PolicyError {
            key: String::new(),
            problem: error.to_string().trim_end().to_owned(),
        })?;
        policy.check()?;
        Ok(policy)
    }

    /// The client with this ID.
    pub fn client(&self, id: &str) -> Option<&ClientPolicy> {
        self.clients.iter().find(|client| client.client_id == id)
    }

    /// Says which value cannot be.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] for the first value that is out of its range or not available yet.
    pub fn check(&self) -> Result<(), PolicyError> {
        check_origin("public_origin", self.public_origin.as_str())?;
        for origin in &self.http.allowed_origins {
            check_origin("http.allowed_origins", origin)?;
        }
        for proxy in &self.http.trusted_proxies {
            parse_network(proxy).ok_or_else(|| {
                PolicyError::new("http.trusted_proxies", "must be addresses or networks")
            })?;
        }
        if !self.http.cookie_prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            || MAX_COOKIE_PREFIX < self.http.cookie_prefix.len()
        {
            let problem = "must be at most 32 letters, digits and underscores";
            return Err(PolicyError::new("http.cookie_prefix", problem));
        }
        if let Some(domain) = &self.http.cookie_domain
            && !is_domain(domain)
        {
            return Err(PolicyError::new("http.cookie_domain", "must be a host name"));
        }
        if let Some(domain) = &self.http.cookie_domain
            && !is_within(host(self.public_origin.as_str()), domain)
        {
            let problem =
                "must be the host of public_origin, or a parent domain of it with a dot in it";
            return Err(PolicyError::new("http.cookie_domain", problem));
        }
        check_lifetime("session.lifetime_seconds", self.session.lifetime_seconds)?;
        check_lifetime("session.idle_timeout_seconds", self.session.idle_timeout_seconds)?;
        if !(8..=64).contains(&self.password.min_length) {
            return Err(PolicyError::new("password.min_length", "must be 8 to 64"));
        }
        for (key, value) in [
            ("verification.email", self.verification.email),
            ("verification.phone", self.verification.phone),
        ] {
            match value {
                Verification::Off => {}
                Verification::Required | Verification::Optional => {
                    return Err(PolicyError::new(key, "can only be \"off\" in this version"));
                }
            }
        }
        for (key, bucket) in [
            ("rate_limits.signup_anonymous.per_ip", &self.rate_limits.signup_anonymous.per_ip),
            ("rate_limits.password.per_ip", &self.rate_limits.password.per_ip),
            (
                "rate_limits.password.per_login_id_per_ip",
                &self.rate_limits.password.per_login_id_per_ip,
            ),
            ("rate_limits.password.per_login_id", &self.rate_limits.password.per_login_id),
        ] {
            if bucket.period_seconds == 0
                || MAX_LIFETIME_SECONDS < bucket.period_seconds
                || bucket.burst == 0
            {
                let problem =
                    "must have a period of 1 second to 10 years and a burst of at least 1";
                return Err(PolicyError::new(key, problem));
            }
        }
        for (index, client) in self.clients.iter().enumerate() {
            client.check(index)?;
            if self.clients[..index].iter().any(|other| other.client_id == client.client_id) {
                let key = format!("clients[{index}].client_id");
                return Err(PolicyError {
                    key,
                    problem: "must not be another client's too".to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// A value of the policy cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    key: String,
    problem: String,
}

impl PolicyError {
    fn new(key: &str, problem: &str) -> Self {
        Self { key: key.to_owned(), problem: problem.to_owned() }
    }

    /// The key of the value, as in `session.lifetime_seconds`; empty if the text as a whole is wrong.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl std::fmt::Display for PolicyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.key.is_empty() {
            return f.write_str(&self.problem);
        }
        write!(f, "{} {}", self.key, self.problem)
    }
}

impl std::error::Error for PolicyError {}

/// A network as an address and the number of bits that count.
pub(crate) fn parse_network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address.parse().ok()?, Some(bits.parse::<u8>().ok()?)),
        None => (text.parse::<IpAddr>().ok()?, None),
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some((address, bits))
}

fn check_origin(key: &str, origin: &str) -> Result<(), PolicyError> {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"/?#@\\\"'<>".contains(&byte);
    match host {
        Some(host)
            if has_host_and_port(host)
                && origin.len() <= MAX_ORIGIN
                && host.bytes().all(plain)
                && origin == origin.to_ascii_lowercase() =>
        {
            Ok(())
        }
        Some(_) | None => Err(PolicyError::new(
            key,
            "must be http:// or https://, a host in lower case and perhaps a port, without a path",
        )),
    }
}

/// A host, which may be an IPv6 address in brackets, and perhaps a port.
fn has_host_and_port(authority: &str) -> bool {
    let after_address = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[after_address..].find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(after_address + colon);
            (host, Some(&port[1..]))
        }
        None => (authority, None),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| 0 < port);
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => is_domain(host),
    };
    is_host && port.is_none_or(is_port)
}

fn is_domain(domain: &str) -> bool {
    let fits = (1..=253).contains(&domain.len());
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    fits && domain.split('.').all(is_label)
}

/// The host of an origin that was checked, without its port.
fn host(origin: &str) -> &str {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((name, _)) if !host.ends_with(']') => name,
        Some(_) | None => host,
    }
}

/// Whether a browser takes a cookie with this `Domain` from `host`, which it otherwise drops without
/// a word (RFC 6265, section 5.1.3).
fn is_within(host: &str, domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    let is_parent = host.strip_suffix(&domain).is_some_and(|below| below.ends_with('.'));
    // An address has no parents, and no host may set cookies for a domain as wide as `com`.
    host == domain || is_parent && domain.contains('.') && host.parse::<IpAddr>().is_err()
}

fn check_lifetime(key: &str, seconds: u64) -> Result<(), PolicyError> {
    if seconds == 0 || MAX_LIFETIME_SECONDS < seconds {
        return Err(PolicyError::new(key, "must be 1 second to 10 years"));
    }
    Ok(())
}

fn enabled() -> bool {
    true
}

/// `seconds` as a duration.
pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const WEEKS_52: u64 = 52 * 7 * 24 * 3600;
const DAYS_30: u64 = 30 * 24 * 3600;
const MAX_LIFETIME_SECONDS: u64 = 10 * 365 * 24 * 3600;
const MAX_ORIGIN: usize = 255;
const MAX_COOKIE_PREFIX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_a_policy() {
        assert_eq!(Policy::default().check(), Ok(()));
    }

    #[test]
    fn a_network_has_no_more_bits_than_its_address() {
        assert_eq!(parse_network("10.0.0.0/8"), Some(([10, 0, 0, 0].into(), 8)));
        assert_eq!(parse_network("10.0.0.0/33"), None);
        assert!(parse_network("::1").is_some());
        assert_eq!(parse_network("localhost"), None);
    }

    #[test]
    fn an_origin_is_no_url() {
        for wrong in [
            "",
            "example.com",
            "https://",
            "https://a/b",
            "https://A",
            "https://u@h",
            "ftp://x",
            "http://a:port",
            "http://a:99999",
            "http://a:0",
            "http://::::",
            "http://a..b",
            "http://[1]",
        ] {
            assert!(check_origin("public_origin", wrong).is_err(), "{wrong}");
        }
        for right in
            ["http://localhost:3000", "https://a.example", "http://[::1]:80", "http://127.0.0.1"]
        {
            assert!(check_origin("public_origin", right).is_ok(), "{right}");
        }
    }

    #[cfg(feature = "toml")]
    #[test]
    fn a_limit_is_changed_in_one_of_its_values() {
        let text = "[rate_limits.password.per_login_id]\nenabled = false";
        let policy = Policy::from_toml(text).unwrap();
        let expected = Bucket { enabled: false, ..Bucket::new(100, 3600) };
        assert_eq!(policy.rate_limits.password.per_login_id, expected);
        assert_eq!(policy.rate_limits.password.per_ip, Bucket::new(60, 60));
    }

    /// Browsers drop every cookie with a `Domain` that the answering host is not in, and say nothing.
    #[test]
    fn a_cookie_domain_is_our_host_or_a_parent_of_it() {
        let check = |origin: &str, domain: &str| {
            let http = HttpPolicy { cookie_domain: Some(domain.to_owned()), ..<_>::default() };
            let policy = Policy { public_origin: origin.into(), http, ..Policy::default() };
            policy.check().map_err(|error| error.key().to_owned())
        };
        let origin = "https://auth.example.com:8443";
        for right in ["auth.example.com", "example.com", "Example.COM"] {
            assert_eq!(check(origin, right), Ok(()), "{right}");
        }
        assert_eq!(check("http://localhost:3000", "localhost"), Ok(()));
        assert_eq!(check("http://10.0.0.1", "10.0.0.1"), Ok(()));
        for (origin, wrong) in [
            (origin, "other.example"),
            (origin, "www.auth.example.com"),
            (origin, "ample.com"),
            (origin, "example.com."),
            (origin, "com"),
            ("http://app.localhost:3000", "localhost"),
            ("http://localhost:3000", "example.com"),
            ("http://10.0.0.1", "0.0.1"),
            ("http://[::1]:3000", "1"),
        ] {
            let refused = Err("http.cookie_domain".to_owned());
            assert_eq!(check(origin, wrong), refused, "{origin} {wrong}");
        }
    }

    #[cfg(feature = "toml")]
    #[test]
    fn refuses_what_it_does_not_know_by_name() {
        for (text, named) in [
            ("sesion = 1", "sesion"),
            ("[session]\nlifetime = 5", "lifetime"),
            ("[session]\nlifetime_seconds = \"long\"", "lifetime_seconds"),
            ("[session]\nlifetime_seconds = 0", "session.lifetime_seconds"),
            ("[verification]\nemail = \"required\"", "verification.email"),
            (
                "[[clients]]\nclient_id = \"a\"\napplication_type = \"spa\"\n\
                 refresh_token_rotation_enabled = true",
                "clients[0].refresh_token_rotation_enabled",
            ),
        ] {
            let error = Policy::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
