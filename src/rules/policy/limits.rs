//! How often something may be tried.

use serde::{Deserialize, Deserializer};

use crate::rules::PolicyError;
use crate::rules::policy::MAX_LIFETIME_SECONDS;

/// How often something may be tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Sign-ups of anonymous users, and promotions.
    pub signup_anonymous: AnonymousSignUpLimits,
    /// Failed passwords.
    pub password: PasswordLimits,
}

impl RateLimits {
    /// Says which limit cannot be.
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let password = &self.password;
        for (key, bucket) in [
            ("rate_limits.signup_anonymous.per_ip", &self.signup_anonymous.per_ip),
            ("rate_limits.password.per_ip", &password.per_ip),
            ("rate_limits.password.per_login_id_per_ip", &password.per_login_id_per_ip),
            ("rate_limits.password.per_login_id", &password.per_login_id),
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
        Ok(())
    }
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
    /// By login ID and address. 10 an hour if not given: a tenth of what the login ID has, so that one
    /// address does not use up what its owner has.
    #[serde(deserialize_with = "Bucket::or::<_, 3600, 10>")]
    pub per_login_id_per_ip: Bucket,
    /// By login ID, whoever tries. 100 an hour if not given.
    #[serde(deserialize_with = "Bucket::or::<_, 3600, 100>")]
    pub per_login_id: Bucket,
}

impl Default for PasswordLimits {
    fn default() -> Self {
        Self {
            per_ip: Bucket::new(60, 60),
            per_login_id_per_ip: Bucket::new(10, 3600),
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
        #[serde(
            deny_unknown_fields,
            expecting = "a table such as { burst = 10, period_seconds = 60 }"
        )]
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

#[cfg(all(test, feature = "toml"))]
mod tests {
    use super::*;
    use crate::rules::Policy;

    #[test]
    fn who_writes_a_number_for_a_limit_is_told_what_to_write() {
        let error = Policy::from_toml("[rate_limits.password]\nper_ip = 60").unwrap_err();
        let told = "expected a table such as { burst = 10, period_seconds = 60 }";
        assert!(error.to_string().contains(told), "{error}");
    }

    #[test]
    fn a_limit_is_changed_in_one_of_its_values() {
        let text = "[rate_limits.password.per_login_id]\nenabled = false";
        let policy = Policy::from_toml(text).unwrap();
        let expected = Bucket { enabled: false, ..Bucket::new(100, 3600) };
        assert_eq!(policy.rate_limits.password.per_login_id, expected);
        assert_eq!(policy.rate_limits.password.per_ip, Bucket::new(60, 60));
    }
}
