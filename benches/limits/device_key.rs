//! Signing in with a device key: a challenge, a signature over it, a session.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use futures_executor::block_on;
use guestpass::credential::{Action, KeyHeader, SignedRequest, device_key};
use guestpass::model::{DeviceKey, KeyId, PublicKey, SessionKind};
use guestpass::store::sqlite::Durability;
use guestpass::{Engine, Open};
use rusqlite::params;

use crate::bench::Bench;
use crate::flight::fly;
use crate::guests::Guest;
use crate::measure::{ROUNDS, Rounds, Share, race};
use crate::raw::{Raw, SIGNED_IN};
use crate::report::Line;
use crate::wal::commits;
use crate::{Outcome, fill};

pub(crate) fn lines(bench: &Bench) -> Outcome<Vec<Line>> {
    let mut lines = Vec::new();
    if bench.args.wants("device_key.memory") {
        lines.push(memory(bench)?);
    }
    if bench.args.wants("device_key.full.64") {
        lines.push(durable(bench)?);
    }
    Ok(lines)
}

fn memory(bench: &Bench) -> Outcome<Line> {
    let engine = &bench.in_memory()?.engine;
    let devices = Device::crowd(engine)?;
    let mut ours = || {
        let start = Instant::now();
        let challenges = challenges(engine, TURN)?;
        let issuing = start.elapsed();
        let requests = sign(engine, &devices, &challenges);
        let share = Share::of(TURN, || {
            requests.iter().try_for_each(|request| block_on(sign_in(engine, &request.text)))
        })?;
        Ok(Share { time: issuing + share.time, ..share })
    };
    let requests = sign(engine, &devices, &challenges(engine, TURN)?);
    let mut limit = || Share::of(TURN, || requests.iter().try_for_each(Signed::verify));
    let race = race(ROUNDS, &mut ours, &mut limit)?;
    let words = (
        "challenge, signed request, session: log in with a device key, in memory",
        "verify one Ed25519 signature strictly",
    );
    Ok(Line::of_race("device_key.memory", words, race, 0.85))
}

/// The limit is the slower of two: one core verifies every signature, or another writes every row. To do
/// both takes at least as long, however well they overlap, unless a third core helps to verify; and on the
/// two cores on which the goal was set there is none.
fn durable(bench: &Bench) -> Outcome<Line> {
    let (path, raw) = (bench.path("device_key.ours"), bench.path("device_key.raw"));
    let engine = bench.engine_on(&path, Durability::Full)?;
    let raw = Raw::open(&raw, Durability::Full)?;
    let devices = Device::crowd(&engine)?;
    check_one_write(&path, &engine, &devices)?;
    let mut ours = || {
        let requests = sign(&engine, &devices, &challenges(&engine, FLIGHT)?);
        let (requests, engine) = (Arc::new(requests), engine.clone());
        let operation = move |number: usize| {
            let (requests, engine) = (Arc::clone(&requests), engine.clone());
            async move { sign_in(&engine, &requests[number].text).await }
        };
        fly(&bench.runtime, IN_FLIGHT, FLIGHT, operation).map(|(share, _)| share)
    };
    let same = sign(&engine, &devices, &challenges(&engine, FLIGHT)?);
    let mut numbers = 0..u64::MAX;
    let mut limit = || {
        let guest = |number| Guest::new("device_key", number, bench.now);
        let guests: Vec<Guest> =
            numbers.by_ref().take(FLIGHT).map(guest).collect::<Outcome<_>>()?;
        let writing = Share::of(FLIGHT, || {
            guests.chunks(IN_FLIGHT).try_for_each(|group| log_in(&raw, group))
        })?;
        let verifying = Share::of(FLIGHT, || same.iter().try_for_each(Signed::verify))?;
        Ok(if writing.time < verifying.time { verifying } else { writing })
    };
    let race = race(Rounds { rounds: 9, turns: 2 }, &mut ours, &mut limit)?;
    let words = (
        "log in with a device key, durable, 64 in flight",
        "raw transactions of 64, or verifying as many signatures: the slower",
    );
    Ok(Line::of_race("device_key.full.64", words, race, 0.75).note("one durable write each"))
}

fn check_one_write(path: &std::path::Path, engine: &Engine, devices: &[Device]) -> Outcome {
    let requests = sign(engine, devices, &challenges(engine, 1)?);
    let before = commits(path)?;
    requests.iter().try_for_each(|request| block_on(sign_in(engine, &request.text)))?;
    match commits(path)? - before {
        1 => Ok(()),
        writes => Err(format!("device_key: a login is {writes} durable writes, not one").into()),
    }
}

/// The rows of a login: the nonce that is spent, the session and the event.
fn log_in(raw: &Raw, guests: &[Guest]) -> Outcome {
    raw.run("BEGIN IMMEDIATE")?;
    for Guest { user, session } in guests {
        let sql = "INSERT INTO spent (nonce, until) VALUES (?, ?)";
        let values = params![session.id.as_bytes(), session.ends_at.as_millis()];
        raw.connection.prepare_cached(sql)?.execute(values)?;
        fill::insert_session(&raw.connection, session)?;
        let detail = [&[2], session.id.as_bytes().as_slice()].concat();
        raw.append_event(user.id, session.created_at, SIGNED_IN, Some(&detail))?;
    }
    raw.run("COMMIT")
}

fn challenges(engine: &Engine, count: usize) -> Outcome<Vec<String>> {
    (0..count).map(|_| Ok(engine.challenge()?.text)).collect()
}

/// What the devices do, which is no work of ours.
fn sign(engine: &Engine, devices: &[Device], challenges: &[String]) -> Vec<Signed> {
    let of_device = challenges.iter().zip(devices.iter().cycle());
    of_device.map(|(challenge, device)| device.answer(engine, challenge, KeyHeader::Kid)).collect()
}

async fn sign_in(engine: &Engine, request: &str) -> Outcome {
    let open = Open::Session(SessionKind::Cookie);
    black_box(engine.sign_in_with_device_key(request, open, None).await?);
    Ok(())
}

/// Somebody's device.
struct Device {
    secret: SigningKey,
    key: DeviceKey,
}

/// A request, and the parts that bare verification takes.
struct Signed {
    text: String,
    input: String,
    signature: [u8; 64],
    key: [u8; 32],
}

impl Device {
    /// Devices that the engine knows already.
    fn crowd(engine: &Engine) -> Outcome<Vec<Self>> {
        let devices: Vec<Self> = (0..DEVICES).map(Self::new).collect::<Outcome<_>>()?;
        for device in &devices {
            let request = device.answer(engine, &engine.challenge()?.text, KeyHeader::Jwk);
            block_on(sign_in(engine, &request.text))?;
        }
        Ok(devices)
    }

    fn new(number: u8) -> Outcome<Self> {
        let secret = SigningKey::from_bytes(&[number; 32]);
        let public = PublicKey::Ed25519(secret.verifying_key().to_bytes());
        let kid = KeyId::parse(&format!("device-{number:03}")).ok_or("no name of a key")?;
        Ok(Self { key: device_key::name(public, kid)?, secret })
    }

    fn answer(&self, engine: &Engine, challenge: &str, header: KeyHeader) -> Signed {
        let (action, now) = (Action::Auth, engine.now());
        let input = SignedRequest::signing_input(challenge, action, &self.key, header, now);
        let signature = self.secret.sign(input.as_bytes()).to_bytes();
        let text = SignedRequest::assemble(&input, &signature);
        Signed { text, input, signature, key: self.secret.verifying_key().to_bytes() }
    }
}

impl Signed {
    /// The limit: from the bytes of the key, as a store keeps it.
    fn verify(&self) -> Outcome {
        let key = VerifyingKey::from_bytes(&self.key)?;
        key.verify_strict(self.input.as_bytes(), &Signature::from_bytes(&self.signature))?;
        Ok(())
    }
}

const DEVICES: u8 = 200;
/// Logins of one turn: some ten milliseconds.
const TURN: usize = 200;
const IN_FLIGHT: usize = 64;
/// Logins of one turn where they are durable.
const FLIGHT: usize = 16 * IN_FLIGHT;
