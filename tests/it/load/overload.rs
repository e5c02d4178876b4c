//! Ten times what this machine can serve, offered at that rate whether or not it is answered.
//!
//! A mix of requests, of which one in ten hashes a password as a host does by default and one in ten
//! writes to a disk that is waited for. First one client alone, then as many as are served at best, then
//! ten times that, and then the time until whoever still waits has been answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use guestpass::Policy;
use guestpass::credential::HasherOptions;
use guestpass::store::sqlite::SqliteBackend;
use http::{Request, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;

use super::{address, site};
use crate::http::site::{
    Browser, ORIGIN_URL, PASSWORD, Site, authorization, form, get, json as post, with, with_bearer,
};
use crate::long::Reading;

/// Measures the time to an answer, and that everybody gets one, and the right one.
pub(crate) fn ten_times_as_much(_seed: u64, until: Instant) -> Vec<Reading> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_time().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let backend = SqliteBackend::open(directory.path().join("guestpass.db")).unwrap();
    let site = Arc::new(site(backend, HasherOptions::default(), without_limits));
    // The fourth part is for those who wait at the end.
    let phase = until.saturating_duration_since(Instant::now()) / 4;
    runtime.block_on(async {
        let offer = Arc::new(Offer::new(&site).await);
        let alone = closed_loop(&site, &offer, 1, phase).await;
        let best = closed_loop(&site, &offer, CLIENTS_AT_BEST, phase).await;
        let loaded = open_loop(&site, &offer, rate(&best) * 10.0, phase).await;
        let mut readings = Vec::new();
        for kind in Kind::ALL {
            let (idle, busy) = (alone.of(kind, true), loaded.of(kind, true));
            let value = format!(
                "{} alone; {} at ten times as much as is served ({} answered)",
                percentile(&idle),
                percentile(&busy),
                busy.len()
            );
            readings.push(Reading { name: format!("99th percentile, {}", kind.name()), value });
        }
        let refused: Vec<Duration> =
            Kind::ALL.iter().flat_map(|kind| loaded.of(*kind, false)).collect();
        let value = format!("{} ({} refused)", percentile(&refused), refused.len());
        readings.push(Reading { name: "99th percentile, refusals".to_owned(), value });
        let [at_best, at_most] = [&best, &loaded].map(|run| run.per_second(Kind::LogIn));
        let value = format!("{at_best:.0} a second at best; {at_most:.0} at ten times as much");
        readings.push(Reading { name: "log-ins served".to_owned(), value });
        let value = format!("{} ms after the last of them was asked", loaded.drained.as_millis());
        readings.push(Reading { name: "all requests answered".to_owned(), value });
        readings
    })
}

fn without_limits(policy: &mut Policy) {
    let limits = &mut policy.rate_limits;
    limits.signup_anonymous.per_ip.enabled = false;
    limits.password.per_login_id.enabled = false;
    limits.password.per_login_id_per_ip.enabled = false;
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Who one is: reads.
    UserInfo,
    /// A guest: writes.
    SignUp,
    /// A password: hashes, and writes.
    LogIn,
}

impl Kind {
    const ALL: [Self; 3] = [Self::UserInfo, Self::SignUp, Self::LogIn];

    /// The kind of the request with this number.
    fn at(number: usize) -> Self {
        match number % 10 {
            0 => Self::LogIn,
            5 => Self::SignUp,
            _ => Self::UserInfo,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::UserInfo => "user info",
            Self::SignUp => "sign-up of a guest",
            Self::LogIn => "log-in by password",
        }
    }
}

/// Requests that can be made any number of times.
#[derive(Debug)]
struct Offer {
    access_token: String,
    page: String,
    cookies: String,
}

impl Offer {
    async fn new(site: &Site) -> Self {
        let ada = site.regular(EMAIL).await;
        let mut browser = Browser::new(site);
        let opened = browser.ask(get(&authorization(&[]))).await;
        let page = opened.location().strip_prefix(ORIGIN_URL).unwrap().to_owned();
        let cookies = browser.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        Self { access_token: ada.access, page, cookies: cookies.collect::<Vec<_>>().join("; ") }
    }

    fn request(&self, kind: Kind) -> Request<Vec<u8>> {
        match kind {
            Kind::UserInfo => with_bearer(get("/oauth2/userinfo"), &self.access_token),
            Kind::SignUp => {
                let body = json!({ "session_type": "refresh_token", "client_id": "web" });
                post("/api/anonymous_user/signup", &body.to_string())
            }
            Kind::LogIn => {
                let filled = form(&self.page, &[("email", EMAIL), ("password", PASSWORD)]);
                with(with(filled, "origin", ORIGIN_URL), "cookie", &self.cookies)
            }
        }
    }

    /// Asks, and sees to it that what is answered is right.
    async fn ask(&self, site: &Site, number: usize) -> Answered {
        let kind = Kind::at(number);
        let began = Instant::now();
        let response = site.http.respond(self.request(kind), Some(address(number % MOST))).await;
        let took = began.elapsed();
        let done = match kind {
            Kind::UserInfo | Kind::SignUp => StatusCode::OK,
            Kind::LogIn => StatusCode::SEE_OTHER,
        };
        let is_done = response.status() == done;
        if !is_done {
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{kind:?}");
            assert_eq!(response.headers()["retry-after"], "1");
        }
        Answered { kind, is_done, took }
    }
}

#[derive(Clone, Copy, Debug)]
struct Answered {
    kind: Kind,
    is_done: bool,
    took: Duration,
}

/// What came of one phase.
#[derive(Debug)]
struct Run {
    answers: Vec<Answered>,
    lasted: Duration,
    /// The time from the last request to the last answer.
    drained: Duration,
}

impl Run {
    fn of(&self, kind: Kind, is_done: bool) -> Vec<Duration> {
        let answers = self.answers.iter();
        let such = answers.filter(|it| it.kind == kind && it.is_done == is_done);
        such.map(|it| it.took).collect()
    }

    /// How many of a kind were done in a second.
    fn per_second(&self, kind: Kind) -> f64 {
        let done = u32::try_from(self.of(kind, true).len()).unwrap();
        f64::from(done) / (self.lasted + self.drained).as_secs_f64()
    }
}

/// How many requests were done in a second.
fn rate(run: &Run) -> f64 {
    Kind::ALL.iter().map(|kind| run.per_second(*kind)).sum()
}

/// So many clients, each of which asks again when it was answered.
async fn closed_loop(site: &Arc<Site>, offer: &Arc<Offer>, clients: usize, time: Duration) -> Run {
    let began = Instant::now();
    let mut all = JoinSet::new();
    for client in 0..clients {
        let (site, offer) = (Arc::clone(site), Arc::clone(offer));
        all.spawn(async move {
            let mut answers = Vec::new();
            while began.elapsed() < time || answers.len() < LEAST {
                answers.push(offer.ask(&site, client + answers.len()).await);
            }
            answers
        });
    }
    let answers = all.join_all().await.into_iter().flatten().collect();
    Run { answers, lasted: began.elapsed(), drained: Duration::ZERO }
}

/// So many requests a second, whatever becomes of them.
async fn open_loop(site: &Arc<Site>, offer: &Arc<Offer>, rate: f64, time: Duration) -> Run {
    let began = Instant::now();
    let mut all = JoinSet::new();
    let mut answers = Vec::new();
    let mut asked = 0;
    let mut beat = tokio::time::interval(Duration::from_millis(1));
    while began.elapsed() < time || asked < LEAST {
        beat.tick().await;
        let due = began.elapsed().mul_f64(rate).as_secs();
        while asked < MOST && u64::try_from(asked).unwrap() < due {
            let (site, offer) = (Arc::clone(site), Arc::clone(offer));
            let number = asked;
            all.spawn(async move { offer.ask(&site, number).await });
            asked += 1;
        }
        while let Some(answered) = all.try_join_next() {
            answers.push(answered.unwrap());
        }
    }
    let lasted = began.elapsed();
    let last = Instant::now();
    while let Some(answered) = all.join_next().await {
        answers.push(answered.unwrap());
    }
    assert_eq!(answers.len(), asked, "everybody is answered");
    Run { answers, lasted, drained: last.elapsed() }
}

/// The 99th percentile, in words.
fn percentile(of: &[Duration]) -> String {
    let mut sorted = of.to_vec();
    sorted.sort();
    match sorted.get(of.len().saturating_sub(1) * 99 / 100) {
        Some(found) => format!("{:.1} ms", found.as_secs_f64() * 1000.0),
        None => "none".to_owned(),
    }
}

const EMAIL: &str = "ada@example.com";
/// Enough to keep two cores busy, and few enough that nobody is refused.
const CLIENTS_AT_BEST: usize = 16;
/// Fewest requests of a client, or of all, in a phase.
const LEAST: usize = 20;
/// Most requests at once in a phase.
const MOST: usize = 4_000_000;
