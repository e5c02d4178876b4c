//! A browser without scripts: cookies, redirects, plain HTML forms.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use url::form_urlencoded;

use super::process::Guestbook;

/// A browser at a guestbook. Clones have the same cookies, and go their own ways.
#[derive(Clone)]
pub(super) struct Browser {
    address: SocketAddr,
    origin: String,
    /// By name and path.
    cookies: BTreeMap<(String, String), String>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

/// A form of a page.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) action: String,
    html: String,
}

impl Browser {
    pub(super) fn at(site: &Guestbook) -> Self {
        let cookies = BTreeMap::new();
        Self { address: site.address(), origin: site.origin.clone(), cookies }
    }

    /// The same browser, closed and opened again, perhaps at another process of the site.
    pub(super) fn reopened_at(&self, site: &Guestbook) -> Self {
        Self { cookies: self.cookies.clone(), ..Self::at(site) }
    }

    pub(super) fn has_cookies(&self) -> bool {
        !self.cookies.is_empty()
    }

    /// Loads a page and follows redirects.
    pub(super) fn open(&mut self, path: &str) -> Page {
        let page = self.request("GET", path, &[], "");
        self.follow(page)
    }

    /// Sends a form and follows redirects.
    pub(super) fn submit(&mut self, form: &Form, fields: &[(&str, &str)]) -> Page {
        let page = self.send(form, fields);
        self.follow(page)
    }

    /// Sends a form; the answer may be a redirect.
    pub(super) fn send(&mut self, form: &Form, fields: &[(&str, &str)]) -> Page {
        self.try_send(form, fields).unwrap()
    }

    /// Sends a form, perhaps to a site that is being killed.
    pub(super) fn try_send(&mut self, form: &Form, fields: &[(&str, &str)]) -> io::Result<Page> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form.hidden())
            .extend_pairs(fields)
            .finish();
        let origin = self.origin.clone();
        let headers = [
            ("origin", origin.as_str()),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.try_request("POST", &form.action, &headers, &body)
    }

    fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..MAX_REDIRECTS {
            let Some(location) = page.header("location").map(ToOwned::to_owned) else {
                return page;
            };
            page = self.request("GET", &location, &[], "");
        }
        panic!("too many redirects, last to {}", page.path);
    }

    /// Sends one request.
    pub(super) fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Page {
        self.try_request(method, target, headers, body).unwrap()
    }

    /// Sends one request, perhaps to a site that is being killed.
    pub(super) fn try_request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Page> {
        let path = target.strip_prefix(&self.origin).unwrap_or(target);
        assert!(path.starts_with('/'), "not a page of the site: {target}");
        let head = self.head(method, path, headers, body.len());
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(LONGEST_ANSWER))?;
        stream.write_all(format!("{head}{body}").as_bytes())?;
        let page = read_answer(stream, path)?;
        self.keep_cookies(&page);
        Ok(page)
    }

    /// The head of a request, as it is sent.
    pub(super) fn head(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        length: usize,
    ) -> String {
        let host = self.origin.trim_start_matches("http://");
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        let place = path.split('?').next().unwrap();
        let cookies = self.cookies.iter().filter(|((_, under), _)| is_under(place, under));
        let cookies: Vec<String> =
            cookies.map(|((name, _), value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            write!(head, "cookie: {}\r\n", cookies.join("; ")).unwrap();
        }
        write!(head, "content-length: {length}\r\n\r\n").unwrap();
        head
    }

    fn keep_cookies(&mut self, page: &Page) {
        let lines = page.headers.iter().filter(|(name, _)| name == "set-cookie");
        for (_, line) in lines {
            let mut parts = line.split(';').map(str::trim);
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let attributes: BTreeMap<String, &str> = parts
                .map(|part| part.split_once('=').unwrap_or((part, "")))
                .map(|(name, value)| (name.to_ascii_lowercase(), value))
                .collect();
            let path = attributes.get("path").copied().unwrap_or("/").to_owned();
            if attributes.get("max-age") == Some(&"0") {
                self.cookies.remove(&(name.to_owned(), path));
            } else {
                self.cookies.insert((name.to_owned(), path), value.to_owned());
            }
        }
    }
}

impl Page {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// What the page says has gone wrong.
    pub(super) fn alert(&self) -> Option<&str> {
        let (_, rest) = self.body.split_once("role=\"alert\"")?;
        Some(rest.split_once('>')?.1.split_once('<')?.0)
    }

    /// The form that is sent to `action`.
    pub(super) fn form(&self, action: &str) -> Form {
        let forms = self.forms();
        let of_action = |form: &Form| form.action == action;
        forms
            .into_iter()
            .find(of_action)
            .unwrap_or_else(|| panic!("no form to {action}: {self:#?}"))
    }

    /// The form with a password in it.
    pub(super) fn password_form(&self) -> Form {
        let has_password = |form: &Form| form.html.contains("type=\"password\"");
        let forms = self.forms();
        forms.into_iter().find(has_password).unwrap_or_else(|| panic!("no password: {self:#?}"))
    }

    fn forms(&self) -> Vec<Form> {
        let parts = self.body.split("<form").skip(1);
        let forms = parts.map(|part| {
            let html = part.split("</form>").next().unwrap().to_owned();
            let tag = html.split('>').next().unwrap();
            let action = attribute(tag, "action").unwrap_or_else(|| self.path.clone());
            Form { action, html }
        });
        forms.collect()
    }

    /// Where the link with this text leads.
    pub(super) fn link(&self, text: &str) -> String {
        let end = format!(">{text}</a>");
        let (before, _) =
            self.body.split_once(&end).unwrap_or_else(|| panic!("no {text}: {self:#?}"));
        attribute(before.rsplit("<a").next().unwrap(), "href").unwrap()
    }

    /// The texts of the messages on the page, newest first.
    pub(super) fn messages(&self) -> Vec<&str> {
        let parts = self.body.split("<p class=\"text\" dir=\"auto\">").skip(1);
        parts.map(|part| part.split_once("</p>").unwrap().0).collect()
    }

    /// The texts of those messages that the visitor wrote.
    pub(super) fn own_messages(&self) -> Vec<&str> {
        let parts = self.body.split("<li class=\"message\">").skip(1);
        let own = parts.filter(|part| part.contains("class=\"own\""));
        own.map(|part| part.split("dir=\"auto\">").last().unwrap().split_once("</p>").unwrap().0)
            .collect()
    }
}

impl Form {
    fn hidden(&self) -> Vec<(String, String)> {
        let inputs = self.html.split("<input").skip(1).map(|part| part.split('>').next().unwrap());
        let hidden = inputs.filter(|tag| tag.contains("type=\"hidden\""));
        hidden
            .map(|tag| {
                (attribute(tag, "name").unwrap(), attribute(tag, "value").unwrap_or_default())
            })
            .collect()
    }

    /// Fills in an e-mail address and a password; submits nothing.
    pub(super) fn filled<'a>(&self, email: &'a str, password: &'a str) -> [(String, &'a str); 2] {
        let inputs = self.html.split("<input").skip(1).map(|part| part.split('>').next().unwrap());
        let shown: Vec<&str> = inputs.filter(|tag| !tag.contains("type=\"hidden\"")).collect();
        let named = |is_password: bool| {
            let fits = |tag: &&&str| tag.contains("type=\"password\"") == is_password;
            attribute(shown.iter().find(fits).unwrap(), "name").unwrap()
        };
        [(named(false), email), (named(true), password)]
    }
}

fn read_answer(mut stream: TcpStream, path: &str) -> io::Result<Page> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8(answer).map_err(io::Error::other)?;
    let cut_off = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(cut_off)?;
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let page = Page { status, path: path.to_owned(), headers, body: body.to_owned() };
    let length = page.header("content-length").and_then(|length| length.parse().ok());
    if length.is_some_and(|length: usize| length != page.body.len()) {
        return Err(cut_off());
    }
    Ok(page)
}

/// Reads the answer to a request that was written by hand.
pub(super) fn answer(stream: TcpStream) -> Page {
    read_answer(stream, "/").unwrap()
}

fn is_under(place: &str, under: &str) -> bool {
    let under = under.trim_end_matches('/');
    place.strip_prefix(under).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let value = rest.split_once('"')?.0;
    Some(value.replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&"))
}

const MAX_REDIRECTS: usize = 10;
const LONGEST_ANSWER: Duration = Duration::from_secs(60);
