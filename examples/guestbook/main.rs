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
mod api;
mod data;
mod hosted;
mod housekeeping;
mod listen;
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

use guestpass::http::Http;
use guestpass::store::Backend as _;
use guestpass::store::sqlite::SqliteBackend;
use guestpass::{Engine, Policy, keyring_for};

use crate::data::Data;
use crate::hosted::SitePages;
use crate::listen::Listeners;
use crate::options::{Command, HELP, Options};
use crate::settings::Settings;
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
        Err(error) => fail(&with_causes(error.as_ref()), CANNOT_RUN),
    }
}

/// Runs the site until it is asked to stop.
async fn run(options: &Options, settings: Settings) -> Result<(), Box<dyn Error>> {
    let Options { listen, database, config: _ } = options;
    let listeners = Listeners::bind(*listen)
        .await
        .map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let origin = listeners.origin();
    let policy = settings.policy(&origin)?;
    let engine = open_engine(database, policy).await?;
    let data = Data::open(database)?;
    let pages = SitePages { min_password_length: engine.policy().password.min_length };
    let site = Site::new(Http::new(engine).with_pages(pages), data);
    let stop = listen::stop_on_signals()?;
    let chores = tokio::spawn(housekeeping::keep_house(site.clone(), stop.clone()));
    say(&format!("guestbook: listening on {origin}, database {}", database.display()));
    listeners.serve(site::router(site), stop).await?;
    chores.abort();
    Ok(())
}

/// The engine over the database at `path`, with its keys beside it.
async fn open_engine(path: &Path, policy: Policy) -> Result<Engine, Box<dyn Error>> {
    let database = path.display();
    let backend = SqliteBackend::open(path)
        .map_err(|error| format!("cannot use {database}: {}", with_causes(&error)))?;
    let keys = path.with_extension("keyring");
    let keyring = keyring_for(backend.users(), &keys).await.map_err(|error| {
        let (keys, error) = (keys.display(), with_causes(&error));
        format!("cannot use {keys}, which keeps the keys of {database}: {error}")
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
    let causes = iter::successors(error.source(), |&cause| cause.source());
    causes.take(MAX_CAUSES).fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

const CANNOT_RUN: u8 = 1;
const WRONG_USAGE: u8 = 2;
const MAX_CAUSES: usize = 8;
