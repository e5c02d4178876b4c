//! The `login_hint` that brings a guest along.

use crate::http::fields::Fields;

/// What proves who the guest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// A code that the guest's session has asked for.
    PromotionCode(String),
    /// A request that the guest's device key has signed.
    SignedRequest(String),
}

impl Hint {
    /// The hint that `text` spells; `None` for any other than those for anonymous users.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fields = Fields::parse(text.strip_prefix(PREFIX)?.as_bytes()).ok()?;
        if fields.get("type") != Some("anonymous") {
            return None;
        }
        match (fields.get("promotion_code"), fields.get("jwt")) {
            (Some(code), None) => Some(Self::PromotionCode(code.to_owned())),
            (None, Some(request)) => Some(Self::SignedRequest(request.to_owned())),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }
}

/// Taken literally; it is no address that anybody visits.
const PREFIX: &str = "https://authgear.com/login_hint?";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_guests_come_with_a_hint() {
        let with = |rest: &str| Hint::parse(&format!("{PREFIX}{rest}"));
        let code = Hint::PromotionCode("abc".to_owned());
        assert_eq!(with("type=anonymous&promotion_code=abc"), Some(code));
        let request = Hint::SignedRequest("a.b.c".to_owned());
        assert_eq!(with("jwt=a.b.c&type=anonymous"), Some(request));
        for wrong in [
            "",
            "promotion_code=abc",
            "type=anonymous",
            "type=anonymous&promotion_code=",
            "type=anonymous&promotion_code=a&jwt=b",
            "type=anonymous&promotion_code=a&promotion_code=b",
            "type=login_id&email=a",
            "type=app_session_token&app_session_token=a",
        ] {
            assert_eq!(with(wrong), None, "{wrong}");
        }
        for foreign in [
            "",
            "https://authgear.com/login_hint",
            "https://example.com/login_hint?type=anonymous&jwt=a",
        ] {
            assert_eq!(Hint::parse(foreign), None, "{foreign}");
        }
    }
}
