//! Which origins may read answers and send forms.

use std::collections::{BTreeMap, BTreeSet};

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use url::Url;

use crate::model::ClientId;
use crate::rules::Policy;

/// Our own origin and the others that the policy names.
#[derive(Debug)]
pub(super) struct Origins {
    own: String,
    allowed: BTreeSet<String>,
    /// The origins of each client's redirect URIs.
    of_clients: BTreeMap<String, BTreeSet<String>>,
}

/// Who may read the answers of an endpoint from a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// Any origin, without credentials.
    Everybody,
    /// The origins that the policy names, with credentials.
    Listed,
    /// None: it is for browsers to visit, or for servers.
    Nobody,
}

/// Where a request says it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// On our own origin.
    Own,
    /// On an origin that the policy names.
    Listed,
    /// Elsewhere, or where nobody can tell.
    Foreign,
    /// It does not say: an old browser, or no browser.
    Unknown,
}

impl Origins {
    pub(super) fn new(policy: &Policy) -> Self {
        let own = normal(policy.public_origin.as_str());
        let own = own.unwrap_or_else(|| policy.public_origin.as_str().to_owned());
        // What a client may not do for people, a page of it may not do with their cookies.
        let acting = policy.clients.iter().filter(|client| client.is_first_party_public());
        let origins = |uris: &[String]| uris.iter().filter_map(|uri| normal(uri)).collect();
        let of_clients: BTreeMap<_, BTreeSet<_>> = acting
            .map(|client| (client.client_id.clone(), origins(&client.redirect_uris)))
            .collect();
        let listed = policy.http.allowed_origins.iter().filter_map(|uri| normal(uri));
        let redirects = of_clients.values().flatten().cloned();
        let allowed = listed.chain(redirects).chain([own.clone()]).collect();
        Self { own, allowed, of_clients }
    }

    /// Where the request was made, as far as its headers tell.
    pub(super) fn sender(&self, headers: &HeaderMap) -> Sender {
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (Some(origin), None) => match origin.to_str() {
                Ok(origin) if origin == self.own => Sender::Own,
                Ok(origin) if self.allowed.contains(origin) => Sender::Listed,
                Ok(_) | Err(_) => Sender::Foreign,
            },
            (Some(_), Some(_)) => Sender::Foreign,
            (None, _) => match headers.get(FETCH_SITE).map(HeaderValue::as_bytes) {
                Some(b"same-origin") => Sender::Own,
                // "none" is a person who typed the address.
                Some(b"none") | None => Sender::Unknown,
                Some(_) => Sender::Foreign,
            },
        }
    }

    /// Whether the request was made on our own origin or on a page of the client, which is where it has a
    /// redirect URI, as far as the headers tell.
    pub(super) fn is_of_client(&self, headers: &HeaderMap, client: &ClientId) -> bool {
        match (self.sender(headers), headers.get(ORIGIN)) {
            (Sender::Own | Sender::Unknown, _) => true,
            (Sender::Listed, Some(origin)) => {
                let origins = self.of_clients.get(client.as_str());
                let is_theirs = |text| origins.is_some_and(|origins| origins.contains(text));
                origin.to_str().is_ok_and(is_theirs)
            }
            (Sender::Listed, None) | (Sender::Foreign, _) => false,
        }
    }

    /// Adds what lets scripts of other origins read the response.
    pub(super) fn share(&self, readers: Readers, request: &HeaderMap, response: &mut HeaderMap) {
        match readers {
            Readers::Nobody => {}
            Readers::Everybody => {
                response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Readers::Listed => {
                response.append(VARY, HeaderValue::from_static("Origin"));
                let Some(origin) = self.listed(request) else { return };
                response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
                response.insert(
                    ACCESS_CONTROL_EXPOSE_HEADERS,
                    HeaderValue::from_static("WWW-Authenticate, Retry-After"),
                );
            }
        }
    }

    /// Adds the answer to a preflight request.
    pub(super) fn preflight(
        &self,
        readers: Readers,
        request: &HeaderMap,
        response: &mut HeaderMap,
    ) {
        let may_ask = match readers {
            Readers::Nobody => false,
            Readers::Everybody => true,
            Readers::Listed => self.listed(request).is_some(),
        };
        if !may_ask {
            return;
        }
        for (asked, allowed) in [
            (ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_ALLOW_METHODS),
            (ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_ALLOW_HEADERS),
        ] {
            if let Some(value) = request.get(asked) {
                response.insert(allowed, value.clone());
            }
        }
        response.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
    }

    fn listed<'a>(&self, request: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = request.get(ORIGIN)?;
        match self.sender(request) {
            Sender::Own | Sender::Listed => Some(origin),
            Sender::Foreign | Sender::Unknown => None,
        }
    }
}

/// The origin of a URI as browsers write it; none for schemes that have none.
pub(super) fn normal(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    match url.scheme() {
        "http" | "https" => Some(url.origin().ascii_serialization()),
        _ => None,
    }
}

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const ACCESS_CONTROL_EXPOSE_HEADERS: HeaderName =
    HeaderName::from_static("access-control-expose-headers");
/// How long a browser may remember the answer to a preflight request.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("900");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{ApplicationType, ClientPolicy};

    fn origins() -> Origins {
        let mut client = ClientPolicy::new("web", ApplicationType::Spa);
        client.redirect_uris = vec![
            "https://app.example.com:443/after".to_owned(),
            "com.example.app://callback".to_owned(),
        ];
        let mut policy = Policy {
            public_origin: "https://auth.example.com".into(),
            clients: vec![client],
            ..Policy::default()
        };
        policy.http.allowed_origins = vec!["http://localhost:8080".to_owned()];
        Origins::new(&policy)
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair =
            |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn an_origin_is_compared_as_a_whole() {
        let sender = |origin| origins().sender(&headers(&[("origin", origin)]));
        assert_eq!(sender("https://auth.example.com"), Sender::Own);
        assert_eq!(sender("https://app.example.com"), Sender::Listed);
        assert_eq!(sender("http://localhost:8080"), Sender::Listed);
        for foreign in [
            "null",
            "",
            "https://auth.example.com.evil.example",
            "https://evilauth.example.com",
            "https://example.com",
            "http://auth.example.com",
            "https://auth.example.com:8443",
            "https://AUTH.example.com",
            "https://auth.example.com/",
            "com.example.app://",
            "com.example.app://callback",
            "https://auth.example.com https://evil.example",
        ] {
            assert_eq!(sender(foreign), Sender::Foreign, "{foreign}");
        }
        let mut twice = headers(&[("origin", "https://auth.example.com")]);
        twice.append(ORIGIN, HeaderValue::from_static("https://auth.example.com"));
        assert_eq!(origins().sender(&twice), Sender::Foreign);
    }

    #[test]
    fn without_an_origin_the_browser_s_word_on_the_site_counts() {
        let sender = |site| origins().sender(&headers(&[("sec-fetch-site", site)]));
        assert_eq!(sender("same-origin"), Sender::Own);
        assert_eq!(sender("none"), Sender::Unknown);
        assert_eq!(sender("same-site"), Sender::Foreign);
        assert_eq!(sender("cross-site"), Sender::Foreign);
        assert_eq!(origins().sender(&HeaderMap::new()), Sender::Unknown);
        let both = [("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")];
        assert_eq!(origins().sender(&headers(&both)), Sender::Foreign);
    }

    #[test]
    fn a_script_elsewhere_reads_nothing() {
        let shared = |readers, origin| {
            let mut response = HeaderMap::new();
            origins().share(readers, &headers(&[("origin", origin)]), &mut response);
            let allowed = response.get(ACCESS_CONTROL_ALLOW_ORIGIN);
            let credentials = response.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS);
            (allowed.map(|value| value.to_str().unwrap().to_owned()), credentials)
        };
        let listed = "https://app.example.com";
        assert_eq!(shared(Readers::Listed, listed), (Some(listed.to_owned()), true));
        assert_eq!(shared(Readers::Listed, "https://evil.example"), (None, false));
        assert_eq!(shared(Readers::Listed, "null"), (None, false));
        assert_eq!(shared(Readers::Everybody, listed), (Some("*".to_owned()), false));
        assert_eq!(shared(Readers::Nobody, listed), (None, false));
    }
}
