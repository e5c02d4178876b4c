//! JSON objects as the API endpoints take them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::limits::{MAX_JSON_DEPTH, MAX_PROPERTIES, MAX_PROPERTY_NAME_BYTES};

/// The properties of a JSON object, in the order in which they came.
pub(super) struct Object(Vec<(String, Value)>);

/// The body is no JSON, nested too deeply, or an object with more or longer names than any of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotJson;

impl Object {
    /// The JSON object that `text` spells; `None` within if it spells something else.
    pub(super) fn parse(text: &[u8]) -> Result<Option<Self>, NotJson> {
        if MAX_JSON_DEPTH < depth(text) {
            return Err(NotJson);
        }
        if text.trim_ascii_start().first() != Some(&b'{') {
            return serde_json::from_slice::<Value>(text).map(|_| None).map_err(|_| NotJson);
        }
        serde_json::from_slice(text).map(Some).map_err(|_| NotJson)
    }

    /// The properties.
    pub(super) fn properties(&self) -> &[(String, Value)] {
        &self.0
    }

    /// The value of a property.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Properties)
    }
}

struct Properties;

impl<'de> Visitor<'de> for Properties {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut properties: Vec<(String, Value)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if properties.len() == MAX_PROPERTIES || MAX_PROPERTY_NAME_BYTES < name.len() {
                return Err(serde::de::Error::custom("no object of ours is as large"));
            }
            // Of two values one program reads the first and the next program the second.
            if properties.iter().any(|(other, _)| *other == name) {
                return Err(serde::de::Error::custom("a property is given more than once"));
            }
            properties.push((name, value));
        }
        Ok(Object(properties))
    }
}

/// How deeply arrays and objects are nested, found without recursion.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for &byte in text {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            (true | false, _) => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_an_object_from_other_json_and_from_none() {
        let object = Object::parse(br#" {"a":"b","c":1} "#).unwrap().unwrap();
        assert_eq!(object.get("a"), Some(&Value::from("b")));
        assert_eq!(object.properties().len(), 2);
        assert!(Object::parse(b"[1]").unwrap().is_none());
        assert!(Object::parse(b"null").unwrap().is_none());
        for wrong in [&b""[..], b"{", b"{}{}", b"{'a':1}", b"\xff", b"{\"a\":1,\"a\":2}"] {
            assert!(Object::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_number_of_properties_and_the_length_of_a_name_have_limits() {
        let object = |count: usize, length: usize| {
            let property = |number| format!("\"{number:0>length$}\":1");
            let properties: Vec<String> = (0..count).map(property).collect();
            Object::parse(format!("{{{}}}", properties.join(",")).as_bytes()).is_ok()
        };
        assert!(object(MAX_PROPERTIES, MAX_PROPERTY_NAME_BYTES));
        assert!(!object(MAX_PROPERTIES + 1, 3));
        assert!(!object(1, MAX_PROPERTY_NAME_BYTES + 1));
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |levels: usize| {
            format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
        };
        assert!(Object::parse(nested(MAX_JSON_DEPTH).as_bytes()).is_ok());
        assert!(Object::parse(nested(MAX_JSON_DEPTH + 1).as_bytes()).is_err());
        assert!(Object::parse("[".repeat(100_000).as_bytes()).is_err());
        assert_eq!(depth(br#"{"[[[\"[[":"]"}"#), 1);
    }
}
