//! JSON without the liberties of JSON: an object's member names are unique at every depth
//! (RFC 7515 section 4, RFC 7519 section 4).
//!
//! Two readers of `{"alg": "ES256", "alg": "none"}` may each take another one.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The `T` that `json` spells as an object: a derived reader would take an array as well, its elements
/// in the order of the fields.
///
/// Depth is bounded by the reader; length by whoever calls.
pub(crate) fn object<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Option<T> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice::<UniqueNames>(json).ok()?;
    serde_json::from_slice(json).ok()
}

/// For a member that must not be there, whatever its value.
#[derive(Default)]
pub(crate) struct Absent;

impl<'de> Deserialize<'de> for Absent {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("a member is there that must not be"))
    }
}

/// For a field that may be absent but not `null`.
pub(crate) fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// For a field that may be absent, and is an object if it is there.
pub(crate) fn some_object<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let members = serde_json::Map::deserialize(deserializer)?;
    T::deserialize(serde_json::Value::Object(members)).map(Some).map_err(D::Error::custom)
}

/// Any value, if no object in it has two members of one name.
struct UniqueNames;

impl<'de> Deserialize<'de> for UniqueNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for UniqueNames {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON with unique names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a name occurs twice"));
            }
            members.next_value::<Self>()?;
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
        while elements.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_at_every_depth() {
        let right = br#"{"a":{"a":[1,-1,1.5,null,true,"x",{"a":{}}]}}"#;
        assert!(object::<serde_json::Value>(right).is_some());
        let wrong = [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"b":{"a":1,"a":2}}"#,
            r#"{"b":[{"a":1,"a":2}]}"#,
            r#"{"a":1} {}"#,
            r#"{"a":1,}"#,
            "\u{feff}{}",
            "\u{c}{}",
            r#"[{"a":1}]"#,
            "null",
            "",
        ];
        for json in wrong {
            assert!(object::<serde_json::Value>(json.as_bytes()).is_none(), "{json}");
        }
    }

    #[test]
    fn what_no_json_has_is_refused_by_name() {
        let bytes = serde::de::value::BytesDeserializer::<serde::de::value::Error>::new(b"{}");
        let error = UniqueNames::deserialize(bytes).err().map(|error| error.to_string());
        let told = "invalid type: byte array, expected JSON with unique names";
        assert_eq!(error.as_deref(), Some(told));
    }

    #[test]
    fn depth_is_bounded() {
        let json = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(object::<serde_json::Value>(json.as_bytes()).is_none());
    }
}
