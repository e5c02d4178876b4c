//! Promoting a guest by a login ID and a password, and what hashing does to everybody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use futures_executor::block_on;
use guestpass::credential::{Argon2Params, SessionToken};
use guestpass::model::{LoginId, LoginIdType, SessionKind};
use guestpass::store::sqlite::Durability;
use guestpass::{Credential, Engine, Open};

use crate::authenticate::{SQLITE_TURN, Texts};
use crate::bench::Bench;
use crate::guests::token_text;
use crate::measure::{Rounds, Share, quantile, race};
use crate::promote::{Promotion, write};
use crate::raw::Raw;
use crate::report::{Figure, Line};
use crate::{Outcome, fill};

pub(crate) fn lines(bench: &Bench) -> Outcome<Vec<Line>> {
    let [ours, raw] = ["ours", "raw"].map(|side| bench.path(&format!("password.{side}")));
    fill::file(&ours, CROWD, GUESTS, bench.now)?;
    fill::file(&raw, CROWD, GUESTS, bench.now)?;
    let engine = bench.engine_on(&ours, Durability::Full)?;
    let raw = Raw::open(&raw, Durability::Full)?;
    let (mut ours_next, mut raw_next) = (0..GUESTS, 0..GUESTS);
    let mut ours = || {
        let number = ours_next.next().ok_or("no guest is left")?;
        Share::of(1, || block_on(promote(&engine, number)))
    };
    let mut memory = Vec::new();
    let mut limit = || {
        let mut promotions = Promotion::draw(CROWD, raw_next.by_ref().take(1), bench.now)?;
        Share::of(1, || {
            let hash = hash(PASSWORD.as_bytes(), &mut memory)?;
            for promotion in &mut promotions {
                promotion.hash = Some(hash.clone());
            }
            write(&raw, &promotions)
        })
    };
    let race = race(Rounds { rounds: 9, turns: 4 }, &mut ours, &mut limit)?;
    let words = (
        "promote a guest by a password, durable, one at a time",
        "bare Argon2id and one raw transaction",
    );
    Ok(vec![Line::of_race("password", words, race, 0.92).note(beside_hashing(bench)?)])
}

async fn promote(engine: &Engine, number: u64) -> Outcome {
    let token = SessionToken::parse(&token_text(CROWD, number)).ok_or("no session token")?;
    let guest = engine.guest_by_session(&token).await?;
    let email = LoginId::parse(LoginIdType::Email, &format!("guest-{number}@example.com"))?;
    let credential = Credential::password(email, PASSWORD);
    engine.promote(&guest, credential, Open::Session(SessionKind::Cookie), None).await?;
    Ok(())
}

/// Bare Argon2id with our parameters, in memory that is kept, in a text as long as a stored hash.
fn hash(password: &[u8], memory: &mut Vec<Block>) -> Outcome<String> {
    let cost = Argon2Params::default();
    let params = Params::new(cost.memory_kib(), cost.passes(), cost.lanes(), Some(32))?;
    let mut output = [0; 32];
    memory.resize(params.block_count(), Block::default());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(password, &[7; 16], &mut output, memory)?;
    Ok(format!("$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw${:043}", output[0]))
}

/// How long authenticating takes while as many passwords are hashed as may be.
fn beside_hashing(bench: &Bench) -> Outcome<String> {
    let engine = bench.engine_on(bench.large_file()?, Durability::Full)?;
    let idle = tail(bench, &engine)?;
    let is_over = Arc::new(AtomicBool::new(false));
    let hashing: Vec<_> = (0..HASHING)
        .map(|number| {
            let (engine, is_over) = (engine.clone(), Arc::clone(&is_over));
            bench.runtime.spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let name = format!("nobody-{number}@example.com");
                    let nobody = LoginId::parse(LoginIdType::Email, &name)?;
                    let credential = Credential::password(nobody, PASSWORD);
                    let open = Open::Session(SessionKind::Cookie);
                    // Nobody has that password, but the work is done.
                    let refused = engine.sign_in(credential, None, open, None).await;
                    refused.err().ok_or("somebody who is nobody was signed in")?;
                }
                Outcome::Ok(())
            })
        })
        .collect();
    let busy = tail(bench, &engine)?;
    is_over.store(true, Ordering::Relaxed);
    for task in hashing {
        bench.runtime.block_on(task)??;
    }
    Ok(format!("p99 of authenticate while two passwords are hashed: {busy}, idle: {idle}"))
}

fn tail(bench: &Bench, engine: &Engine) -> Outcome<Figure> {
    let mut tokens = Texts::session_tokens(bench.args.guests, SQLITE_TURN);
    let mut times = Vec::new();
    for _ in 0..8 {
        for text in tokens.next() {
            let token = SessionToken::parse(text).ok_or("no session token")?;
            let start = Instant::now();
            block_on(engine.authenticate(&token))?;
            times.push(start.elapsed().as_secs_f64());
        }
    }
    Ok(Figure::Milliseconds(quantile(times, 0.99) * 1e3))
}

const CROWD: &str = "password";
const PASSWORD: &str = "correct horse battery staple";
const GUESTS: u64 = 64;
/// Tasks that ask for hashes: more than the threads that hash.
const HASHING: usize = 8;
