//! The main example, as a visitor and an operator meet it: a process that is spoken to over HTTP.

mod browser;
mod journey;
mod operation;
mod process;
mod refusals;

/// The parts of the example that stand alone, with their own tests; Cargo runs none in examples that
/// it builds as programs.
#[path = "../../examples/guestbook/address.rs"]
mod address;
#[path = "../../examples/guestbook/data.rs"]
#[expect(dead_code, reason = "the rest is used by the example")]
mod data;
#[path = "../../examples/guestbook/options.rs"]
#[expect(dead_code, reason = "the rest is used by the example")]
mod options;
#[path = "../../examples/guestbook/person.rs"]
mod person;
#[path = "../../examples/guestbook/settings.rs"]
mod settings;
#[path = "../../examples/guestbook/text.rs"]
mod text;

use std::fs;
use std::path::PathBuf;

use browser::{Browser, Page};
use process::Guestbook;

/// A folder for one test's database.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("book.db")
    }

    fn start(&self) -> Guestbook {
        Guestbook::start(&self.database(), &[])
    }

    /// Starts the site with the operator's own settings.
    pub(crate) fn start_with(&self, config: &str) -> Guestbook {
        let path = self.0.path().join("config.toml");
        fs::write(&path, config).unwrap();
        Guestbook::start(&self.database(), &["--config", path.to_str().unwrap()])
    }
}

/// Writes a message.
fn post(browser: &mut Browser, text: &str) -> Page {
    let form = browser.open("/").form("/");
    browser.submit(&form, &[("message", text)])
}

/// Signs up a guest, or logs somebody in, on the engine's page that is open.
fn enter(browser: &mut Browser, page: &Page, email: &str, password: &str) -> Page {
    let form = page.password_form();
    let fields = form.filled(email, password);
    browser.submit(&form, &fields.each_ref().map(|(name, value)| (name.as_str(), *value)))
}

/// Presses *Sign up to keep this*; gives the engine's page.
fn begin_sign_up(browser: &mut Browser) -> Page {
    let form = browser.open("/").form("/sign-up");
    browser.submit(&form, &[])
}

/// Follows *Log in*; gives the engine's page.
fn begin_log_in(browser: &mut Browser) -> Page {
    let link = browser.open("/").link("Log in");
    browser.open(&link)
}

/// The `sub` of whoever the browser is.
fn sub(browser: &mut Browser) -> Option<String> {
    let me = browser.request("GET", "/api/me", &[], "");
    (me.status == 200).then(|| {
        let me: serde_json::Value = serde_json::from_str(&me.body).unwrap();
        me["sub"].as_str().unwrap().to_owned()
    })
}

const PASSWORD: &str = "a long enough password";
/// As many guests as the test likes from one address.
const NO_LIMIT: &str = "[rate_limits.signup_anonymous.per_ip]
enabled = false
period_seconds = 60
burst = 60
";
