//! The guestbook: a small social site that people use before they sign up.
//!
//! ```sh
//! cargo run --release --example guestbook
//! ```
//!
//! starts it on <http://localhost:3000>. Write something: you are a guest now, with a name, and your
//! browser stays that guest. *Sign up to keep this* makes an account of the guest, under the same
//! `sub`, so that nothing has to be moved.
//!
//! # What to copy from here
//!
//! - `main.rs` and `settings.rs`: a backend, a keyring and a policy make an [`Engine`]; an [`Http`]
//!   over it makes the endpoints, and the site's own routes stand beside them in one router.
//! - `visitor.rs`: who is asking, and how a guest is made in process the first time that somebody does
//!   something worth keeping. Never on a mere visit: robots visit too.
//! - `account.rs`: starting a promotion and a sign-in, coming back from them, and signing out.
//! - `hosted.rs`: the engine's sign-up and log-in pages in the look of the site. Without it they have a
//!   look of their own.
//! - `housekeeping.rs`: sweeping, and reading the engine's events, which is how the site learns that a
//!   guest turned out to be somebody with an account, whose the guest's messages then are.
//! - `data.rs`: the site's tables name a person by the `sub` and nothing else, so a promotion does not
//!   touch them.
//! - `api.rs` and `sdk.rs`: the same site for scripts that use the client SDK.
//!
//! The rest is what any small site has: pages, a form, a style sheet.

mod account;
mod address;
mod api;
mod data;
mod hosted;
mod housekeeping;
mod listen;
mod member;
mod options;
mod origin;
mod page;
mod person;
mod preferences;
mod sdk;
mod settings;
mod site;
mod text;
mod trouble;
mod visitor;
mod wall;
mod you;

use std::error::Error;
use std::io::{self, Write as _};
use std::iter;
use std::path::Path;
use std::process::ExitCode;

use guestpass::credential::KeyringError;
use guestpass::engine::KeyringForError;
use guestpass::http::Http;
use guestpass::store::Backend as _;
use guestpass::store::sqlite::SqliteBackend;
use guestpass::{Engine, Policy, keyring_for};

use crate::address::{advice_at, origin_at};
use crate::data::Data;
use crate::hosted::SitePages;
use crate::listen::Listeners;
use crate::options::{Command, HELP, Options, keyring_beside};
use crate::settings::{Settings, SettingsError};
use crate::site::Site;

#[tokio::main]
async fn main() -> ExitCode {
    let command = match Command::parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(error) => return fail(&format!("{error}; `--help` lists the flags"), WRONG_USAGE),
    };
    let options = match command {
        Command::Serve(options) => options,
        Command::Help => {
            say(HELP);
            return ExitCode::SUCCESS;
        }
    };
    let settings = match options.config.as_deref().map(Settings::read).transpose() {
        Ok(settings) => settings.unwrap_or_default(),
        Err(error) => return fail(&error.to_string(), WRONG_USAGE),
    };
    match run(&options, settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = if error.is::<SettingsError>() { WRONG_USAGE } else { CANNOT_RUN };
            fail(&with_causes(error.as_ref()), code)
        }
    }
}

/// Runs the site until it is asked to stop.
async fn run(options: &Options, settings: Settings) -> Result<(), Box<dyn Error>> {
    let Options { listen, database, config: _ } = options;
    let listeners = Listeners::bind(*listen).await.map_err(|error| {
        let is_taken = error.kind() == io::ErrorKind::AddrInUse;
        let advice = if is_taken { "; `--listen` takes another" } else { "" };
        format!("cannot listen on {listen}: {error}{advice}")
    })?;
    let address = listeners.address();
    let origin = origin_at(address);
    let policy = settings.policy(&origin)?;
    let advice = advice_at(address, policy.public_origin.as_str());
    let advice = advice.map(|advice| format!("; {advice}")).unwrap_or_default();
    let engine = open_engine(database, policy).await?;
    let data = Data::open(database)?;
    let pages = SitePages { min_password_length: engine.policy().password.min_length };
    let site = Site::new(Http::new(engine).with_pages(pages), data);
    let stop = listen::stop_on_signals()?;
    let chores = tokio::spawn(housekeeping::keep_house(site.clone(), stop.clone()));
    say(&format!("guestbook: listening on {origin}, database {}{advice}", database.display()));
    listeners.serve(site::router(site), stop).await?;
    chores.abort();
    Ok(())
}

/// The engine over the database at `path`, with its keys beside it.
async fn open_engine(path: &Path, policy: Policy) -> Result<Engine, Box<dyn Error>> {
    let database = path.display();
    let backend = SqliteBackend::open(path)
        .map_err(|error| format!("cannot use {database}: {}", with_causes(&error)))?;
    let keys = keyring_beside(path);
    let keyring = keyring_for(backend.users(), &keys).await.map_err(|error| {
        let is_lost = matches!(error, KeyringForError::Keyring(KeyringError::Absent));
        let advice = if is_lost { KEYS_LOST } else { "" };
        let (keys, error) = (keys.display(), with_causes(&error));
        format!("cannot use {keys}, which keeps the keys of {database}: {error}{advice}")
    })?;
    Ok(Engine::builder(backend, keyring, policy).build()?)
}

fn fail(message: &str, code: u8) -> ExitCode {
    eprintln!("guestbook: {message}");
    ExitCode::from(code)
}

fn say(line: &str) {
    // Nobody may be reading, which is no reason to stop.
    let _ = writeln!(io::stdout(), "{line}");
}

fn with_causes(error: &dyn Error) -> String {
    // What SQLite said is in the text of the error; the cause of that only repeats it in other words.
    let further = |error: &(dyn Error + 'static)| !error.is::<rusqlite::Error>();
    let causes =
        iter::successors(error.source(), |&cause| further(cause).then(|| cause.source()).flatten());
    causes.take(MAX_CAUSES).fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.ends_with(&cause) { text } else { format!("{text}: {cause}") }
    })
}

const KEYS_LOST: &str = ". The file belongs to this database, which has users: put it back from the \
     backup. With new keys no access token would count any more, and nothing that the old ones lock \
     could be opened. For an empty guestbook, name another database";

const CANNOT_RUN: u8 = 1;
const WRONG_USAGE: u8 = 2;
const MAX_CAUSES: usize = 8;
