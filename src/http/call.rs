//! One request, as the endpoints see it.

use std::net::IpAddr;

use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Method};

use super::fields::{Fields, FieldsError};

/// A request whose size was checked.
pub(super) struct Call {
    pub(super) parts: Parts,
    pub(super) body: Vec<u8>,
    /// The client's address.
    pub(super) address: Option<IpAddr>,
}

/// Why a body is no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormError {
    NotAForm,
    Fields(FieldsError),
}

impl FormError {
    /// The error as a sentence that may be shown to anybody.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::NotAForm => "the content type is not application/x-www-form-urlencoded",
            Self::Fields(error) => error.message(),
        }
    }
}

impl Call {
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    pub(super) fn is_post(&self) -> bool {
        self.parts.method == Method::POST
    }

    /// The fields of the query.
    pub(super) fn query(&self) -> Result<Fields, FieldsError> {
        Fields::parse(self.parts.uri.query().unwrap_or_default().as_bytes())
    }

    /// The fields of the body.
    pub(super) fn form(&self) -> Result<Fields, FormError> {
        if !self.has_type("application/x-www-form-urlencoded") {
            return Err(FormError::NotAForm);
        }
        Fields::parse(&self.body).map_err(FormError::Fields)
    }

    /// The fields of the query, or with POST those of the body.
    pub(super) fn fields(&self) -> Result<Fields, FormError> {
        if self.is_post() { self.form() } else { self.query().map_err(FormError::Fields) }
    }

    /// Whether the body says that it is of this type, in UTF-8 if it says that too.
    pub(super) fn has_type(&self, expected: &str) -> bool {
        let mut values = self.headers().get_all(CONTENT_TYPE).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let Ok(value) = value.to_str() else { return false };
        let mut parts = value.split(';').map(str::trim);
        let is_type = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(expected));
        is_type
            && parts.all(|parameter| {
                ["charset=utf-8", "charset=\"utf-8\""]
                    .iter()
                    .any(|utf8| parameter.eq_ignore_ascii_case(utf8))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_utf_8_of_the_right_type_is_read() {
        let has_type = |value: &str| {
            let request = http::Request::post("/").header(CONTENT_TYPE, value).body(()).unwrap();
            let call = Call { parts: request.into_parts().0, body: Vec::new(), address: None };
            call.has_type("application/json")
        };
        assert!(has_type("application/json"));
        assert!(has_type("Application/JSON; charset=UTF-8"));
        assert!(!has_type("text/plain"));
        assert!(!has_type("application/json; charset=latin1"));
        assert!(!has_type("application/jsonp"));
        assert!(!has_type("text/plain; application/json"));
    }
}
