//! A keyring's keys as JSON, the form in which they are kept in a file.

use std::fmt;

use serde::de::{Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::credential::base64url;
use crate::credential::keyring::key::{Chain, Key, KeyLabel, KeySet};
use crate::credential::keyring::{KeyringError, Purpose};
use crate::credential::secret::{Prepare, Secret};
use crate::model::Timestamp;

/// The keys of `keys` as JSON.
pub(crate) fn write(keys: &KeySet) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
    let mut records = Vec::new();
    push(&mut records, Purpose::Ticket, &keys.ticket);
    push(&mut records, Purpose::AccessToken, &keys.access_token);
    push(&mut records, Purpose::IdToken, &keys.id_token);
    push(&mut records, Purpose::Lookup, &keys.lookup);
    // With room for everything from the start, no smaller buffer is left behind with secrets in it.
    let mut json = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
    serde_json::to_writer_pretty(&mut *json, &Records { version: VERSION, keys: records })
        .map_err(|_| KeyringError::Malformed)?;
    json.push(b'\n');
    Ok(json)
}

/// The keys that `json` lists.
pub(crate) fn read(json: &[u8]) -> Result<KeySet, KeyringError> {
    let Head { version } = serde_json::from_slice(json).map_err(|_| KeyringError::Malformed)?;
    if version != VERSION {
        return Err(KeyringError::UnknownVersion(version));
    }
    let mut records =
        serde_json::from_slice::<Records>(json).map_err(|_| KeyringError::Malformed)?.keys;
    let keys = KeySet {
        ticket: take(&mut records, Purpose::Ticket)?,
        access_token: take(&mut records, Purpose::AccessToken)?,
        id_token: take(&mut records, Purpose::IdToken)?,
        lookup: take(&mut records, Purpose::Lookup)?,
    };
    Ok(keys)
}

fn push<P>(records: &mut Vec<Record>, purpose: Purpose, chain: &Chain<P>) {
    let record = |key: &Key<P>, kept_until: Option<Timestamp>| Record {
        purpose,
        id: Label(key.label),
        secret: SecretText(key.secret.clone()),
        created_at: key.created_at.as_millis(),
        kept_until: kept_until.map(Timestamp::as_millis),
    };
    records.push(record(&chain.current, None));
    records.extend(chain.retired.iter().map(|(key, until)| record(key, Some(*until))));
}

/// Takes the keys of one purpose out of `records`. Exactly one of them is in use.
fn take<P: Prepare>(records: &mut Vec<Record>, purpose: Purpose) -> Result<Chain<P>, KeyringError> {
    let mut current = None;
    let mut retired: Vec<(Key<P>, Timestamp)> = Vec::new();
    for record in records.extract_if(.., |record| record.purpose == purpose) {
        let label = record.id.0;
        let is_known = |key: &Key<P>| key.label == label;
        if current.as_ref().is_some_and(is_known) || retired.iter().any(|(key, _)| is_known(key)) {
            return Err(KeyringError::Malformed);
        }
        let created_at = Timestamp::from_millis(record.created_at);
        let key = Key::new(label, record.secret.0, created_at);
        match record.kept_until {
            Some(until) => retired.push((key, Timestamp::from_millis(until))),
            None if current.is_none() => current = Some(key),
            None => return Err(KeyringError::Malformed),
        }
    }
    if Chain::<P>::MAX_RETIRED < retired.len() {
        return Err(KeyringError::TooManyKeys);
    }
    Ok(Chain { current: current.ok_or(KeyringError::Malformed)?, retired })
}

#[derive(Deserialize)]
struct Head {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Records {
    version: u32,
    keys: Vec<Record>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    purpose: Purpose,
    id: Label,
    secret: SecretText,
    /// Milliseconds since 1970.
    created_at: i64,
    /// Milliseconds since 1970; absent while the key is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept_until: Option<i64>,
}

struct Label(KeyLabel);

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(LabelVisitor)
    }
}

struct LabelVisitor;

impl Visitor<'_> for LabelVisitor {
    type Value = Label;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("16 lower-case hexadecimal digits")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Label, E> {
        KeyLabel::parse(text).map(Label).ok_or_else(|| E::custom("not a key ID"))
    }
}

struct SecretText(Secret);

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(base64url::encode(self.0.as_slice()));
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SecretVisitor)
    }
}

struct SecretVisitor;

impl Visitor<'_> for SecretVisitor {
    type Value = SecretText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("32 bytes in unpadded base64url")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretText, E> {
        let mut secret = Zeroizing::new([0; 32]);
        match base64url::decode_into(text, secret.as_mut_slice()) {
            Some(32) => Ok(SecretText(secret)),
            Some(_) | None => Err(E::custom("not a secret")),
        }
    }
}

/// Most bytes of a key file; all keys of all purposes fit in.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, UnitDeserializer};

    use super::*;
    use crate::model::SystemEntropy;

    fn fill<P: Prepare>(chain: &mut Chain<P>) {
        for _ in 0..Chain::<P>::MAX_RETIRED {
            let next = Key::draw(&SystemEntropy, Timestamp::MAX).unwrap();
            chain.rotate(next, Timestamp::MAX, Timestamp::EPOCH);
        }
    }

    #[test]
    fn all_keys_of_all_purposes_fit_into_a_file() {
        let mut keys = KeySet::draw(&SystemEntropy, Timestamp::MAX).unwrap();
        fill(&mut keys.ticket);
        fill(&mut keys.access_token);
        fill(&mut keys.id_token);
        fill(&mut keys.lookup);
        assert_eq!(MAX_BYTES, 65_536);
        let json = write(&keys).unwrap();
        assert!(json.len() <= MAX_BYTES, "{}", json.len());
        assert_eq!(json.capacity(), MAX_BYTES, "no smaller buffer was left behind");
        let read = read(&json).unwrap();
        assert_eq!(read.lookup.retired.len(), Chain::<crate::credential::mac::MacKey>::MAX_RETIRED);
    }

    #[test]
    fn what_is_no_text_is_refused_by_name() {
        let nothing = || -> UnitDeserializer<Error> { ().into_deserializer() };
        let label = Label::deserialize(nothing()).err().map(|error| error.to_string());
        let told = "invalid type: unit value, expected 16 lower-case hexadecimal digits";
        assert_eq!(label.as_deref(), Some(told));
        let secret = SecretText::deserialize(nothing()).err().map(|error| error.to_string());
        let told = "invalid type: unit value, expected 32 bytes in unpadded base64url";
        assert_eq!(secret.as_deref(), Some(told));
    }
}
