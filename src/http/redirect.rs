//! Redirect URIs: where a browser goes back to, with what.

use form_urlencoded::Serializer;

use super::origin::normal;

/// The URI with parameters added to its query.
pub(super) fn with_query(uri: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    let separator = match uri.split_once('?') {
        _ if query.is_empty() => "",
        None => "?",
        Some((_, "")) => "",
        Some((_, _)) => "&",
    };
    format!("{uri}{separator}{query}")
}

/// The URI as a source of a content security policy: its origin, or the scheme alone where there is no origin
/// or where the grammar has no word for its host (CSP Level 3, section 2.3.1: `_`, IPv6).
///
/// Chromium applies `form-action` also to where a posted form is redirected to.
pub(super) fn csp_source(uri: &str) -> Option<String> {
    let (scheme, _) = uri.split_once(':')?;
    let is_named = |origin: &String| {
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte))
    };
    let source = normal(uri).filter(is_named).unwrap_or_else(|| format!("{scheme}:"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.:/".contains(&byte);
    source.bytes().all(plain).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_cannot_leave_the_query() {
        let state = Some("a&code=x\r\nSet-Cookie: a=b#é");
        assert_eq!(
            with_query("https://a.example/cb", &[("code", Some("1")), ("state", state)]),
            "https://a.example/cb?code=1&state=a%26code%3Dx%0D%0ASet-Cookie%3A+a%3Db%23%C3%A9"
        );
    }

    #[test]
    fn a_query_that_is_there_is_kept() {
        let with = |uri| with_query(uri, &[("state", Some("s"))]);
        assert_eq!(with("https://a.example/?b=c"), "https://a.example/?b=c&state=s");
        assert_eq!(with("https://a.example/?"), "https://a.example/?state=s");
        assert_eq!(with("com.example://cb"), "com.example://cb?state=s");
        assert_eq!(with_query("https://a.example/", &[("state", None)]), "https://a.example/");
    }

    #[test]
    fn a_source_names_an_origin_or_a_scheme() {
        let source = |uri| csp_source(uri);
        assert_eq!(source("http://localhost:3000/cb?a"), Some("http://localhost:3000".to_owned()));
        assert_eq!(source("com.example.app://callback"), Some("com.example.app:".to_owned()));
        // Otherwise a browser would lead nobody back there.
        for uri in
            ["https://a;b.example/", "https://my_app.example.com/cb", "https://[::1]:3000/cb"]
        {
            assert_eq!(source(uri), Some("https:".to_owned()), "{uri}");
        }
        assert_eq!(source("a;b://callback"), None);
    }
}
