//! What a signed request says.

use std::time::Duration;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

use crate::credential::strict_json::some;
use crate::model::Timestamp;

/// What a device asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// To be signed up or signed in.
    Auth,
    /// To be promoted.
    Promote,
}

/// A derived reader would take `{"auth":null}` for `"auth"` as well.
impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "auth" => Ok(Self::Auth),
            "promote" => Ok(Self::Promote),
            _ => Err(D::Error::custom("not an action")),
        }
    }
}

/// The claims that mean anything to us.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Claims {
    pub(crate) challenge: String,
    pub(crate) action: Action,
    #[serde(default, deserialize_with = "some")]
    iat: Option<NumericDate>,
    #[serde(default, deserialize_with = "some")]
    exp: Option<NumericDate>,
    #[serde(default, deserialize_with = "some")]
    nbf: Option<NumericDate>,
}

impl Claims {
    /// Whether all times that are there allow `now` (RFC 7519 section 4.1), by a clock that is up to
    /// [`SKEW`] off.
    pub(crate) fn count_at(&self, now: Timestamp) -> bool {
        let is_past = |date: &NumericDate| date.0 <= now.plus(SKEW);
        self.exp.as_ref().is_none_or(|exp| now < exp.0.plus(SKEW))
            && self.nbf.as_ref().is_none_or(is_past)
            && self.iat.as_ref().is_none_or(is_past)
    }
}

/// Seconds since 1970, perhaps with a fraction (RFC 7519 section 2), up to the year 9999.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NumericDate(Timestamp);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        if !(0.0..=MAX_SECONDS).contains(&seconds) {
            return Err(D::Error::custom("not a date"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "the range was just checked")]
        let milliseconds = (seconds * 1000.0) as i64;
        Ok(Self(Timestamp::from_millis(milliseconds)))
    }
}

/// How far the clock of a device may be off.
pub const SKEW: Duration = Duration::from_secs(5 * 60);

const MAX_SECONDS: f64 = 253_402_300_799.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(times: &str) -> Option<Claims> {
        serde_json::from_str(&format!(r#"{{"challenge":"c","action":"auth"{times}}}"#)).ok()
    }

    #[test]
    fn attack_27_times_count_within_the_skew() {
        let now = Timestamp::from_millis(1_000_000_000);
        let cases = [
            ("", true),
            (r#","exp":999701"#, true),
            (r#","exp":999700"#, false),
            (r#","exp":999700.5"#, true),
            (r#","iat":1000300"#, true),
            (r#","iat":1000301"#, false),
            (r#","nbf":1000300"#, true),
            (r#","nbf":1000301"#, false),
            (r#","iat":1000000,"exp":1000060"#, true),
            (r#","iat":0,"exp":253402300799"#, true),
        ];
        for (times, counts) in cases {
            assert_eq!(claims(times).unwrap().count_at(now), counts, "{times}");
        }
    }

    #[test]
    fn attack_26_what_is_no_date_is_refused() {
        for wrong in ["null", "-1", "1e400", "99999999999999999999", "253402300800", "\"1\"", "[]"]
        {
            assert_eq!(claims(&format!(r#","exp":{wrong}"#)), None, "{wrong}");
        }
    }

    #[test]
    fn an_action_is_one_of_two() {
        let wrong =
            [r#""Auth""#, r#""""#, r#""login""#, r#""auth ""#, r#"{"auth":null}"#, "0", "null"];
        for wrong in wrong {
            let json = format!(r#"{{"challenge":"c","action":{wrong}}}"#);
            assert!(serde_json::from_str::<Claims>(&json).is_err(), "{wrong}");
        }
    }
}
