//! The applications that may ask for tokens.

use serde::Deserialize;

use super::{DAYS_30, PolicyError, WEEKS_52, check_lifetime, enabled};
use crate::model::ClientId;

/// An application that may ask for tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientPolicy {
    /// Names the client.
    pub client_id: String,
    /// What the client is.
    pub application_type: ApplicationType,
    /// Where a browser may be sent with a code; compared as exact text.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where a browser may be sent after logging out; compared as exact text.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// How long an access token lasts, in seconds. 30 minutes if not given.
    #[serde(default = "minutes_30")]
    pub access_token_lifetime_seconds: u64,
    /// How long a refresh token lasts at most, in seconds. 52 weeks if not given.
    #[serde(default = "weeks_52")]
    pub refresh_token_lifetime_seconds: u64,
    /// Whether a refresh token also ends when it is not used.
    #[serde(default = "enabled")]
    pub refresh_token_idle_timeout_enabled: bool,
    /// How long a refresh token may go unused, in seconds. 30 days if not given.
    #[serde(default = "days_30")]
    pub refresh_token_idle_timeout_seconds: u64,
    /// Whether a refresh token is replaced when used. Not available yet: refused when the engine is
    /// built.
    #[serde(default)]
    pub refresh_token_rotation_enabled: bool,
    /// How many sessions a user may have with this client; the earliest end first. 0 for some
    /// [`MAX_SESSIONS`](crate::engine::MAX_SESSIONS), which are counted now and again only.
    #[serde(default)]
    pub max_concurrent_session: u32,
    /// Whether access tokens are JWTs that other services can verify by themselves.
    #[serde(default)]
    pub issue_jwt_access_token: bool,
}

/// What a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// A single-page application in a browser.
    Spa,
    /// A web application rendered on a server.
    TraditionalWebapp,
    /// A native application.
    Native,
    /// A server with a secret. It may not act for people here.
    Confidential,
    /// Somebody else's application. It may not act for people here.
    ThirdPartyApp,
}

impl ClientPolicy {
    /// A client with the default lifetimes.
    pub fn new(client_id: impl Into<String>, application_type: ApplicationType) -> Self {
        Self {
            client_id: client_id.into(),
            application_type,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            access_token_lifetime_seconds: minutes_30(),
            refresh_token_lifetime_seconds: WEEKS_52,
            refresh_token_idle_timeout_enabled: true,
            refresh_token_idle_timeout_seconds: DAYS_30,
            refresh_token_rotation_enabled: false,
            max_concurrent_session: 0,
            issue_jwt_access_token: false,
        }
    }

    /// Whether the client is the operator's own and keeps no secret, so that it may act for people.
    pub fn is_first_party_public(&self) -> bool {
        match self.application_type {
            ApplicationType::Spa | ApplicationType::TraditionalWebapp | ApplicationType::Native => {
                true
            }
            ApplicationType::Confidential | ApplicationType::ThirdPartyApp => false,
        }
    }

    pub(super) fn check(&self, index: usize) -> Result<(), PolicyError> {
        let key = |name: &str| format!("clients[{index}].{name}");
        let wrong = |name: &str, problem: &str| Err(PolicyError::new(&key(name), problem));
        if ClientId::parse(&self.client_id).is_none() {
            return wrong("client_id", "must be 1 to 128 printable ASCII characters without space");
        }
        check_lifetime(&key("access_token_lifetime_seconds"), self.access_token_lifetime_seconds)?;
        check_lifetime(
            &key("refresh_token_lifetime_seconds"),
            self.refresh_token_lifetime_seconds,
        )?;
        check_lifetime(
            &key("refresh_token_idle_timeout_seconds"),
            self.refresh_token_idle_timeout_seconds,
        )?;
        if self.refresh_token_rotation_enabled {
            return wrong("refresh_token_rotation_enabled", "can only be false in this version");
        }
        if MAX_CONCURRENT_SESSION < self.max_concurrent_session {
            return wrong("max_concurrent_session", "must be at most 100");
        }
        for (name, uris) in [
            ("redirect_uris", &self.redirect_uris),
            ("post_logout_redirect_uris", &self.post_logout_redirect_uris),
        ] {
            if !uris.iter().all(|uri| is_redirect_uri(uri)) {
                return wrong(
                    name,
                    "must be absolute URIs without a fragment, at most 1024 bytes each",
                );
            }
        }
        Ok(())
    }
}

/// An absolute URI of printable ASCII without a fragment; not one that runs as script.
fn is_redirect_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let scheme_fits = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte)
        });
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"#\\\"<>'".contains(&byte);
    let is_web = scheme == "http" || scheme == "https";
    let has_host =
        rest.strip_prefix("//").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    scheme_fits
        && (has_host || !is_web)
        && !["javascript", "data", "vbscript", "blob", "file"].contains(&scheme)
        && !rest.is_empty()
        && uri.len() <= MAX_REDIRECT_URI
        && uri.bytes().all(plain)
}

fn minutes_30() -> u64 {
    30 * 60
}

fn weeks_52() -> u64 {
    WEEKS_52
}

fn days_30() -> u64 {
    DAYS_30
}

const MAX_REDIRECT_URI: usize = 1024;
const MAX_CONCURRENT_SESSION: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_uri_is_absolute_and_runs_nothing() {
        for good in ["http://localhost:3000/after", "com.example.app://callback", "https://a/?b=c"]
        {
            assert!(is_redirect_uri(good), "{good}");
        }
        for wrong in [
            "/after",
            "javascript:alert(1)",
            "https://a/#b",
            "https://a/ b",
            "https://ä/",
            "x:",
            "http:foo",
            "https:///a",
        ] {
            assert!(!is_redirect_uri(wrong), "{wrong}");
        }
    }
}
