//! The settings of the auth engine: the site's own, and what an operator changes in a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use guestpass::Policy;
use guestpass::rules::PolicyError;
use toml::Table;

/// An operator's file that was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    policy: Policy,
    has_origin: bool,
    has_on_conflict: bool,
}

/// An operator's file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("cannot read {path}: {cause}", path = .path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error("{path}: {cause}", path = .path.display())]
    Policy { path: PathBuf, cause: PolicyError },
    #[error("`public_origin`: {0}")]
    Origin(PolicyError),
    #[error(
        "the site's own `Log in` needs a client `web` with the redirect URI `{redirect_uri}` among \
         the `[[clients]]`"
    )]
    NoWeb { redirect_uri: String },
    #[error(
        "the site's own `Log in` needs `application_type` of the client `web` to be `spa`, \
         `traditional_webapp` or `native`: others may not act for people"
    )]
    WebMayNotAct,
}

impl Settings {
    /// Reads the operator's file.
    pub(crate) fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = fs::read_to_string(path)
            .map_err(|cause| SettingsError::Read { path: path.to_owned(), cause })?;
        let policy = Policy::from_toml(&text)
            .map_err(|cause| SettingsError::Policy { path: path.to_owned(), cause })?;
        // The policy does not tell what was written from what is its default.
        let written: Table = text.parse().unwrap_or_default();
        let anonymous = written.get("anonymous").and_then(toml::Value::as_table);
        Ok(Self {
            policy,
            has_origin: written.contains_key("public_origin"),
            has_on_conflict: anonymous.is_some_and(|keys| keys.contains_key("on_conflict")),
        })
    }

    /// The policy of a site that is reached at `origin`, unless the operator's file names another.
    pub(crate) fn policy(self, origin: &str) -> Result<Policy, SettingsError> {
        let Self { mut policy, has_origin, has_on_conflict } = self;
        if !has_origin {
            policy.public_origin = origin.into();
        }
        let built_in = built_in(policy.public_origin.as_str()).map_err(SettingsError::Origin)?;
        if !has_on_conflict {
            policy.anonymous.on_conflict = built_in.anonymous.on_conflict;
        }
        if policy.clients.is_empty() {
            policy.clients = built_in.clients;
        }
        // Else the site would start, and whoever wants to log in would find out.
        let redirect_uri = format!("{}/after-promote", policy.public_origin.as_str());
        match policy.client("web") {
            Some(web) if !web.redirect_uris.contains(&redirect_uri) => {
                Err(SettingsError::NoWeb { redirect_uri })
            }
            None => Err(SettingsError::NoWeb { redirect_uri }),
            Some(web) if !web.is_first_party_public() => Err(SettingsError::WebMayNotAct),
            Some(_) => Ok(policy),
        }
    }
}

/// The site's own settings. A person who writes as a guest and then logs in is one person, so the
/// guest is merged into the account.
fn built_in(origin: &str) -> Result<Policy, PolicyError> {
    Policy::from_toml(&BUILT_IN.replace("ORIGIN", origin))
}

const BUILT_IN: &str = r#"
public_origin = "ORIGIN"

[anonymous]
on_conflict = "login"

[[clients]]
client_id = "web"
application_type = "spa"
redirect_uris = ["ORIGIN/after-promote", "ORIGIN/sdk", "ORIGIN/"]
post_logout_redirect_uris = ["ORIGIN/", "ORIGIN/sdk"]

[[clients]]
client_id = "native"
application_type = "native"
redirect_uris = ["com.example.guestbook://callback"]
"#;

#[cfg(test)]
mod tests {
    use guestpass::rules::OnConflict;

    use super::*;

    fn read(text: &str) -> Result<Settings, SettingsError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, text).unwrap();
        Settings::read(file.path())
    }

    #[test]
    fn without_a_file_the_sites_own_settings_hold() {
        let policy = Settings::default().policy("http://localhost:4000").unwrap();
        assert_eq!(policy.anonymous.on_conflict, OnConflict::Login);
        let web = policy.client("web").unwrap();
        assert_eq!(web.redirect_uris[0], "http://localhost:4000/after-promote");
    }

    #[test]
    fn what_the_file_says_holds_and_what_it_leaves_out_is_the_sites_own() {
        let settings = read("public_origin = \"https://book.example\"").unwrap();
        let policy = settings.policy("http://localhost:4000").unwrap();
        assert_eq!(policy.public_origin.as_str(), "https://book.example");
        assert_eq!(policy.anonymous.on_conflict, OnConflict::Login);
        assert_eq!(
            policy.client("web").unwrap().redirect_uris[0],
            "https://book.example/after-promote"
        );
        let settings = read("[anonymous]\non_conflict = \"error\"").unwrap();
        let policy = settings.policy("http://localhost:4000").unwrap();
        assert_eq!(policy.anonymous.on_conflict, OnConflict::Error);
        assert_eq!(policy.public_origin.as_str(), "http://localhost:4000");
    }

    #[test]
    fn clients_without_the_sites_own_are_refused() {
        let client = |id: &str, uri: &str| {
            format!(
                "[[clients]]\nclient_id = \"{id}\"\napplication_type = \"spa\"\n\
                 redirect_uris = [\"http://localhost:4000{uri}\"]\n"
            )
        };
        let policy = |text: &str| read(text).unwrap().policy("http://localhost:4000");
        assert!(policy(&client("web", "/after-promote")).is_ok());
        for other in [client("mine", "/after-promote"), client("web", "/elsewhere")] {
            let refused = policy(&other).unwrap_err().to_string();
            assert!(refused.contains("`http://localhost:4000/after-promote`"), "{refused}");
        }
    }

    /// The site started, and refused everybody who wanted to log in.
    #[test]
    fn a_client_that_may_not_act_for_people_is_refused() {
        let policy = |kind: &str| {
            let client = format!(
                "[[clients]]\nclient_id = \"web\"\napplication_type = \"{kind}\"\n\
                 redirect_uris = [\"http://localhost:4000/after-promote\"]\n"
            );
            read(&client).unwrap().policy("http://localhost:4000")
        };
        for kind in ["spa", "traditional_webapp", "native"] {
            assert!(policy(kind).is_ok(), "{kind}");
        }
        for kind in ["third_party_app", "confidential"] {
            let refused = policy(kind).unwrap_err().to_string();
            assert!(refused.contains("`application_type`"), "{refused}");
        }
    }

    #[test]
    fn an_unknown_key_is_named() {
        let refused = read("[anonymous]\non_conflit = \"error\"").unwrap_err().to_string();
        assert!(refused.contains("on_conflit"), "{refused}");
    }
}
