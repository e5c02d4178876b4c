//! What an operator relies on: starting, stopping, crashes, several processes, many people at once.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use guestpass::store::Backend as _;
use guestpass::store::sqlite::SqliteBackend;
use guestpass::{Engine, Policy, keyring_for};

use super::browser::{Browser, answer};
use super::{Folder, NO_LIMIT, PASSWORD, begin_log_in, begin_sign_up, enter, post, process, sub};

#[test]
fn fifty_promotions_at_the_same_moment_are_all_answered() {
    const PEOPLE: usize = 50;
    let folder = Folder::new();
    let site = folder.start_with(NO_LIMIT);
    let together = Barrier::new(PEOPLE);
    thread::scope(|scope| {
        for number in 0..PEOPLE {
            let (site, together) = (&site, &together);
            scope.spawn(move || {
                let mut browser = Browser::at(site);
                post(&mut browser, &format!("message {number}"));
                let guest = sub(&mut browser);
                let page = begin_sign_up(&mut browser);
                together.wait();
                let page = enter(&mut browser, &page, &format!("p{number}@example.com"), PASSWORD);
                assert_eq!(page.status, 200, "{page:?}");
                assert!(page.body.contains("You have an account"), "{page:?}");
                assert_eq!(sub(&mut browser), guest);
            });
        }
    });
}

#[test]
fn a_stop_waits_for_the_request_in_flight() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    post(&mut browser, "before");
    let body = "message=in+flight";
    let headers = [
        ("origin", site.origin.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
        ("expect", "100-continue"),
    ];
    let head = browser.head("POST", "/", &headers, body.len());
    let mut stream = TcpStream::connect(site.address()).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    // This is how the site says that it has begun to read the body.
    let mut go_on = [0; GO_ON.len()];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, GO_ON);
    site.terminate();
    thread::sleep(Duration::from_millis(300));
    stream.write_all(body.as_bytes()).unwrap();
    assert_eq!(answer(stream).status, 303);
    assert_eq!(site.wait().code(), Some(0));

    let site = folder.start();
    assert_eq!(browser.reopened_at(&site).open("/").own_messages(), ["in flight", "before"]);
}

/// Somebody the site has acknowledged.
struct Acknowledged {
    browser: Browser,
    text: String,
    /// The address of whoever signed up; guests have none.
    email: Option<String>,
}

/// Writes as a guest, and signs up; notes what was acknowledged, until the site is gone.
fn write_until_gone(
    start: &Browser,
    name: &str,
    acknowledged: &Mutex<Vec<Acknowledged>>,
) -> io::Result<()> {
    let note = |browser: &Browser, text: &str, email| {
        let one = Acknowledged { browser: browser.clone(), text: text.to_owned(), email };
        acknowledged.lock().unwrap().push(one);
    };
    for number in 0.. {
        let mut browser = start.clone();
        let text = format!("message {number} of {name}");
        let wall = browser.try_request("GET", "/", &[], "")?;
        let posted = browser.try_send(&wall.form("/"), &[("message", &text)])?;
        assert_eq!(posted.status, 303, "{posted:?}");
        if number % 2 == 0 {
            note(&browser, &text, None);
            continue;
        }
        let wall = browser.try_request("GET", "/", &[], "")?;
        let mut page = browser.try_send(&wall.form("/sign-up"), &[])?;
        while let Some(location) = page.header("location").map(ToOwned::to_owned) {
            page = browser.try_request("GET", &location, &[], "")?;
        }
        let email = format!("{name}-{number}@example.com");
        let form = page.password_form();
        let fields = form.filled(&email, PASSWORD);
        let fields = fields.each_ref().map(|(name, value)| (name.as_str(), *value));
        let promoted = browser.try_send(&form, &fields)?;
        assert_eq!(promoted.status, 303, "{promoted:?}");
        note(&browser, &text, Some(email));
    }
    Ok(())
}

/// Every message, page by page.
fn whole_wall(browser: &mut Browser) -> BTreeSet<String> {
    let mut messages = BTreeSet::new();
    let mut path = "/".to_owned();
    loop {
        let page = browser.open(&path);
        messages.extend(page.messages().into_iter().map(ToOwned::to_owned));
        if !page.body.contains(">Older messages</a>") {
            return messages;
        }
        path = page.link("Older messages");
    }
}

#[test]
fn what_was_acknowledged_is_there_after_a_crash() {
    let folder = Folder::new();
    let site = folder.start_with(NO_LIMIT);
    let start = Browser::at(&site);
    let acknowledged = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for name in ["ada", "bea", "cleo", "dora"] {
            let (start, acknowledged) = (&start, &acknowledged);
            scope.spawn(move || write_until_gone(start, name, acknowledged).unwrap_err());
        }
        thread::sleep(Duration::from_secs(2));
        site.kill();
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.iter().any(|one| one.email.is_some()), "nobody was fast enough");

    let site = folder.start_with(NO_LIMIT);
    let wall = whole_wall(&mut Browser::at(&site));
    for Acknowledged { browser, text, email } in acknowledged {
        let mut browser = browser.reopened_at(&site);
        let user = sub(&mut browser);
        assert!(user.is_some(), "the session of whoever wrote {text}");
        assert!(wall.contains(&text), "{text} is gone");
        let Some(email) = email else { continue };
        let mut elsewhere = Browser::at(&site);
        let page = begin_log_in(&mut elsewhere);
        let page = enter(&mut elsewhere, &page, &email, PASSWORD);
        assert_eq!(page.status, 200, "{page:?}");
        assert_eq!(sub(&mut elsewhere), user, "the account of {email}");
    }
}

#[test]
fn two_processes_share_one_database() {
    let folder = Folder::new();
    let sites = [folder.start_with(NO_LIMIT), folder.start_with(NO_LIMIT)];
    thread::scope(|scope| {
        for (writer, site) in (0..4).zip(sites.iter().cycle()) {
            scope.spawn(move || {
                for number in 0..10 {
                    let mut browser = Browser::at(site);
                    let page = post(&mut browser, &format!("message {writer}-{number}"));
                    assert_eq!(page.status, 200, "{page:?}");
                    let page = begin_sign_up(&mut browser);
                    let email = format!("w{writer}-{number}@example.com");
                    let page = enter(&mut browser, &page, &email, PASSWORD);
                    assert!(page.body.contains("You have an account"), "{page:?}");
                }
            });
        }
    });
    let mut browser = Browser::at(&sites[0]);
    post(&mut browser, "here");
    let mut there = browser.reopened_at(&sites[1]);
    assert_eq!(there.open("/").own_messages(), ["here"]);
    assert_eq!(sub(&mut there), sub(&mut browser));
}

/// The operator's own tool is another process with the same database and keys.
async fn engine_beside(folder: &Folder) -> Engine {
    let backend = SqliteBackend::open(folder.database()).unwrap();
    let keys = folder.database().with_extension("keyring");
    let keyring = keyring_for(backend.users(), keys).await.unwrap();
    Engine::builder(backend, keyring, Policy::default()).build().unwrap()
}

#[tokio::test]
async fn somebody_who_is_locked_out_can_do_nothing_until_let_in_again() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    let form = post(&mut browser, "before").form("/");
    let guest = sub(&mut browser).unwrap().parse().unwrap();
    let engine = engine_beside(&folder).await;

    engine.disable(guest).await.unwrap();
    let page = browser.submit(&form, &[("message", "meanwhile")]);
    assert_eq!(page.status, 403);
    assert!(page.alert().unwrap().contains("closed your account"), "{page:?}");
    let closed = browser.open("/");
    assert_eq!(closed.status, 403);
    let warning = browser.submit(&closed.form("/log-out"), &[]);
    assert!(warning.body.contains("Leave this guest behind?"), "{warning:?}");

    engine.enable(guest).await.unwrap();
    assert_eq!(browser.open("/").own_messages(), ["before"]);
}

#[tokio::test]
async fn nothing_of_a_deleted_user_stays_on_the_wall() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    let form = post(&mut browser, "before").form("/");
    post(&mut Browser::at(&site), "by somebody else");
    let guest = sub(&mut browser).unwrap().parse().unwrap();

    engine_beside(&folder).await.delete(guest).await.unwrap();
    assert_eq!(browser.submit(&form, &[("message", "after")]).status, 401);
    let since = Instant::now();
    while browser.open("/").messages() != ["by somebody else"] {
        assert!(since.elapsed() < LONGEST_NEWS, "the site does not hear of it");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn wrong_flags_are_named() {
    for (flags, named) in [
        (vec!["--port", "3000"], "`--port`"),
        (vec!["--db"], "`--db` needs a value"),
        (vec!["--listen", "everywhere"], "`everywhere`"),
        (vec!["--config", "/nowhere/at-all.toml"], "/nowhere/at-all.toml"),
        (vec!["--db", ""], "`--db`"),
        (vec!["--db", "book.keyring"], "`book.keyring`"),
    ] {
        let output = process::run(&flags);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        assert!(message.contains(named), "{message}");
        assert!(output.stdout.is_empty());
    }
    let output = process::run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("--listen"));
}

#[test]
fn a_setting_that_there_is_not_is_named() {
    let folder = Folder::new();
    let config = folder.0.path().join("config.toml");
    fs::write(&config, "[session]\nlifetime_secs = 5\n").unwrap();
    let output = process::run(&["--config", config.to_str().unwrap()]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(message.contains("lifetime_secs"), "{message}");
}

#[test]
fn clients_that_the_site_cannot_use_are_refused_before_anything_is_made() {
    let folder = Folder::new();
    let (config, database) = (folder.0.path().join("config.toml"), folder.database());
    let client = "[[clients]]\nclient_id = \"mine\"\napplication_type = \"spa\"\n\
                  redirect_uris = [\"http://localhost/\"]\n";
    fs::write(&config, client).unwrap();
    let [config, path] = [&config, &database].map(|path| path.to_str().unwrap());
    let output = process::run(&["--listen", "127.0.0.1:0", "--config", config, "--db", path]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("`web`") && message.contains("/after-promote`"), "{message}");
    assert!(!database.exists());
}

#[test]
fn what_is_wrong_with_the_database_is_said_once() {
    let folder = Folder::new();
    let path = folder.0.path().join("taken.db");
    fs::create_dir(&path).unwrap();
    let flags = ["--listen", "127.0.0.1:0", "--db", path.to_str().unwrap()];
    let message = String::from_utf8(process::run(&flags).stderr).unwrap();
    assert!(message.contains("taken.db"), "{message}");
    assert!(message.to_lowercase().matches("open database file").count() <= 1, "{message}");
    assert!(!message.contains("Error code"), "{message}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = Folder::new();
    let database = folder.database();
    let output = process::run(&["--db", database.to_str().unwrap(), "--listen", &address]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(message.contains(&address), "{message}");
    assert!(message.contains("`--listen` takes another"), "{message}");
}

/// Whoever read was told that something is broken, and whoever wrote that the site was busy, and to try again.
#[test]
fn a_damaged_database_is_not_taken_for_a_busy_one() {
    let folder = Folder::new();
    let site = folder.start();
    let mut browser = Browser::at(&site);
    let form = browser.open("/").form("/");
    browser.clone().submit(&form, &[("message", "before")]);
    let database = folder.database();
    for file in [database.clone(), database.with_extension("db-wal")] {
        let length = fs::metadata(&file).unwrap().len();
        // In place: a file that was replaced is something else.
        let mut file = fs::File::options().write(true).open(&file).unwrap();
        file.write_all(&vec![0xa5; usize::try_from(length).unwrap()]).unwrap();
    }
    // The second time the connection that failed is opened again.
    for _ in 0..2 {
        let page = browser.send(&form, &[("message", "after")]);
        assert_eq!(page.status, 500, "{page:?}");
        assert!(page.body.contains("Something broke"), "{page:?}");
    }
}

#[test]
fn a_database_without_its_keys_is_not_given_new_ones() {
    let folder = Folder::new();
    let site = folder.start();
    post(&mut Browser::at(&site), "hello");
    site.terminate();
    assert_eq!(site.wait().code(), Some(0));
    let keys = folder.database().with_extension("keyring");
    fs::remove_file(&keys).unwrap();
    let database = folder.database();
    let flags = ["--db", database.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    let output = process::run(&flags);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("book.keyring"), "{message}");
    assert!(message.contains("put it back from the backup"), "{message}");
    assert!(!keys.exists(), "a second start must not find new keys either");
}

#[test]
fn the_site_says_that_it_can_serve() {
    let folder = Folder::new();
    let site = folder.start();
    let page = Browser::at(&site).open("/healthz");
    assert_eq!((page.status, page.body.as_str()), (200, "ok\n"));
}

const GO_ON: &[u8; 25] = b"HTTP/1.1 100 Continue\r\n\r\n";
const LONGEST_NEWS: Duration = Duration::from_secs(20);
