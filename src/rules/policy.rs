//! What the operator decides: lifetimes, limits, clients.

mod client;
mod error;
mod limits;
mod network;
mod origin;

use std::time::Duration;

use serde::Deserialize;

pub use client::{ApplicationType, ClientPolicy};
pub use error::PolicyError;
pub use limits::{AnonymousSignUpLimits, Bucket, PasswordLimits, RateLimits};
pub(crate) use network::parse_network;
pub use origin::PublicOrigin;
use origin::{check_origin, host, is_domain, is_within};

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
    ///
    /// It can be given later, and be made wider: cookies of our own host count on, if it has TLS, and are
    /// replaced at the next sign-in or sign-up, as all narrower ones are. When it is taken away or made narrower, and
    /// when `cookie_prefix` or the scheme of `public_origin` changes, the cookies of before are not read any
    /// more; a guest who has nothing else is lost then. Either way
    /// the sign-ups and log-ins that are under way begin anew.
    pub cookie_domain: Option<String>,
    /// Put before the names of cookies. If it changes, nobody's cookie counts any more.
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
    /// How long a session lasts at most, in seconds. 52 weeks if not given. A browser keeps a cookie for
    /// 400 days at most.
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

impl Policy {
    /// Reads a policy from TOML; what is not given has its default.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the text is not TOML, has an unknown key or a value of another type, or is a
    /// policy that [`check`](Self::check) refuses.
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text)
            .map_err(|error| PolicyError::new("", error.to_string().trim_end()))?;
        policy.check()?;
        Ok(policy)
    }

    /// The client with this ID.
    pub fn client(&self, id: &str) -> Option<&ClientPolicy> {
        self.clients.iter().find(|client| client.client_id == id)
    }

    /// Domains of cookies that were set before `http.cookie_domain` was made as wide as it is.
    #[cfg(feature = "http")]
    pub(crate) fn narrower_cookie_domains(&self) -> impl Iterator<Item = Option<&str>> {
        let domain = self.http.cookie_domain.as_deref().into_iter();
        domain.flat_map(|domain| {
            let hosts = origin::narrower(host(self.public_origin.as_str()), domain);
            std::iter::once(None).chain(hosts.map(Some))
        })
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
        self.rate_limits.check()?;
        for (index, client) in self.clients.iter().enumerate() {
            client.check(index)?;
            if self.clients[..index].iter().any(|other| other.client_id == client.client_id) {
                let key = format!("clients[{index}].client_id");
                return Err(PolicyError::new(&key, "must not be another client's too"));
            }
        }
        Ok(())
    }
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
const MAX_COOKIE_PREFIX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_a_policy() {
        assert_eq!(Policy::default().check(), Ok(()));
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
