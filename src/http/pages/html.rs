//! Our own pages, as HTML.

use std::borrow::Cow;

use super::{Alert, FormField, FormPage, Page, Problem, SignOutPage};
use crate::http::route::Endpoint;

/// The HTML of a page.
pub(super) fn page(page: &Page<'_>) -> String {
    match page {
        Page::SignUp(form) => {
            let rule = format!("At least {} characters.", form.password_least);
            document("Sign up", &credential(form, &SIGN_UP, Some(&rule)))
        }
        Page::LogIn(form) => document("Log in", &credential(form, &LOG_IN, None)),
        Page::SignOut(form) => document("Log out", &sign_out(form)),
        Page::Problem(one) => document("This page cannot be shown", &problem(one)),
    }
}

/// What differs between the two forms.
struct Words {
    button: &'static str,
    password: &'static str,
    question: &'static str,
    other: &'static str,
}

const SIGN_UP: Words = Words {
    button: "Sign up",
    password: "new-password",
    question: "Do you have an account?",
    other: "Log in",
};

const LOG_IN: Words = Words {
    button: "Log in",
    password: "current-password",
    question: "Are you new here?",
    other: "Sign up",
};

fn document(title: &str, body: &str) -> String {
    let style = Endpoint::Style.path();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"{style}\">\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn credential(form: &FormPage<'_>, words: &Words, rule: Option<&str>) -> String {
    let alert = form.alert.map(|alert| {
        format!("<p class=\"alert\" role=\"alert\" id=\"alert\">{}</p>\n", escape(&alert.text()))
    });
    if form.alert.is_some_and(Alert::is_final) {
        return alert.unwrap_or_default() + WAY_ON;
    }
    let note = form.guest.text();
    let note = note.map(|note| format!("<p class=\"note\">{}</p>\n", escape(note)));
    let rule = rule.map(|rule| format!("<p class=\"rule\" id=\"rule\">{}</p>\n", escape(rule)));
    let on_email = attributes(form, FormField::Email, "");
    let on_password =
        attributes(form, FormField::Password, if rule.is_some() { "rule" } else { "" });
    let Words { button, password, question, other } = words;
    format!(
        "{alert}{note}<form method=\"post\" action=\"{action}\">\n\
         <label for=\"email\">Email</label>\n\
         <input id=\"email\" name=\"email\" type=\"email\" inputmode=\"email\" autocomplete=\"username\" \
         autocapitalize=\"none\" spellcheck=\"false\" required{on_email} value=\"{email}\">\n\
         <label for=\"password\">Password</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"{password}\" \
         required{on_password}>\n\
         {rule}{choice}\
         <button type=\"submit\">{button}</button>\n</form>\n\
         <p class=\"other\">{question} <a href=\"{other_page}\">{other}</a></p>\n",
        alert = alert.unwrap_or_default(),
        note = note.unwrap_or_default(),
        rule = rule.unwrap_or_default(),
        choice = choice(form),
        action = escape(form.action),
        email = escape(form.email),
        other_page = escape(form.other_page),
    )
}

/// The box to tick for whoever leaves a guest; the browser does not send the form without.
fn choice(form: &FormPage<'_>) -> String {
    let Some(label) = form.guest.choice() else { return String::new() };
    let checked = if form.leaves_guest { " checked" } else { "" };
    format!(
        "<p class=\"choice\"><input id=\"leave_guest\" name=\"leave_guest\" type=\"checkbox\" \
         value=\"true\" required{checked}>\n<label for=\"leave_guest\">{}</label></p>\n",
        escape(label)
    )
}

/// What says where the keyboard starts, which field is at fault, and where a field is described: in the
/// alert too, unless that is about the other one.
fn attributes(form: &FormPage<'_>, field: FormField, rule: &str) -> String {
    let focus = if form.starts_at() == field { " autofocus" } else { "" };
    let at_fault = form.at_fault();
    let invalid = if at_fault == Some(field) { " aria-invalid=\"true\"" } else { "" };
    let is_told = form.alert.is_some() && at_fault.is_none_or(|fault| fault == field);
    let alert = if is_told { "alert" } else { "" };
    let described = match (alert, rule) {
        ("", "") => String::new(),
        ("", one) | (one, "") => format!(" aria-describedby=\"{one}\""),
        (alert, rule) => format!(" aria-describedby=\"{alert} {rule}\""),
    };
    format!("{focus}{invalid}{described}")
}

fn sign_out(form: &SignOutPage<'_>) -> String {
    let hidden = |name: &str, value: Option<&str>| {
        let input = value.map(|value| {
            format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", escape(value))
        });
        input.unwrap_or_default()
    };
    let warning = if form.loses_guest {
        "<p class=\"note\">You have no account here yet. Nothing can let you in again as this guest.</p>\n"
    } else {
        ""
    };
    format!(
        "<p>Do you want to log out?</p>\n{warning}<form method=\"post\" action=\"{action}\">\n\
         <input type=\"hidden\" name=\"confirm\" value=\"true\">\n{uri}{state}\
         <button type=\"submit\">Log out</button>\n</form>\n<p class=\"other\"><a href=\"/\">Stay</a></p>\n",
        action = escape(form.action),
        uri = hidden("post_logout_redirect_uri", form.post_logout_redirect_uri),
        state = hidden("state", form.state),
    )
}

fn problem(problem: &Problem) -> String {
    let detail = problem.detail();
    let detail = detail.map(|detail| format!("<p class=\"note\">{}</p>\n", escape(detail)));
    format!(
        "<p class=\"alert\" role=\"alert\">{}</p>\n{}{WAY_ON}",
        escape(problem.text()),
        detail.unwrap_or_default()
    )
}

/// Where there is nothing to fill in.
const WAY_ON: &str = "<p><a href=\"/\">Go to the front page</a></p>\n";

/// The text as it stands in an element or in an attribute in double or single quotes.
fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::pages::GuestNote;

    fn form(email: &str) -> FormPage<'_> {
        FormPage {
            action: "/oauth2/signup?flow=ab",
            other_page: "/oauth2/login?flow=ab",
            client_id: "web",
            email,
            leaves_guest: false,
            password_least: 8,
            alert: Some(Alert::EmailInvalid),
            guest: GuestNote::Joins,
        }
    }

    #[test]
    fn what_somebody_typed_stays_text() {
        let hostile = "\"><script>alert('1')</script>&amp;";
        let html = page(&Page::LogIn(form(hostile)));
        assert!(!html.contains("<script"));
        assert!(html.contains(
            "value=\"&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;\""
        ));
        let sign_out = SignOutPage {
            action: "/",
            loses_guest: false,
            post_logout_redirect_uri: Some(hostile),
            state: Some(hostile),
        };
        assert!(!page(&Page::SignOut(sign_out)).contains("<script"));
    }

    #[test]
    fn where_there_is_nothing_to_fill_in_there_is_a_way_on() {
        for problem in [Problem::FlowOver, Problem::NotYourGuest, Problem::InvalidRequest("why")] {
            let html = page(&Page::Problem(&problem));
            assert!(html.contains("<a href=\"/\">"), "{html}");
        }
    }

    /// Whoever had signed up in another tab was shown the form all the same.
    #[test]
    fn there_is_no_form_that_cannot_succeed() {
        for alert in [Alert::GuestGone, Alert::PageOver, Alert::SignedInAlready] {
            let html = page(&Page::SignUp(FormPage { alert: Some(alert), ..form("") }));
            assert!(html.contains(&alert.text()) && html.contains("<a href=\"/\">"), "{html}");
            assert!(!html.contains("<form") && !html.contains("class=\"note\""), "{html}");
        }
    }

    #[test]
    fn a_form_can_be_used_by_everybody() {
        let html = page(&Page::SignUp(form("")));
        for part in [
            "<label for=\"email\">Email</label>",
            "<label for=\"password\">Password</label>",
            "<button type=\"submit\">Sign up</button>",
            "role=\"alert\"",
            "required autofocus aria-invalid=\"true\" aria-describedby=\"alert\"",
            "required aria-describedby=\"rule\"",
            "At least 8 characters.",
            "autocomplete=\"new-password\"",
            "<a href=\"/oauth2/login?flow=ab\">Log in</a>",
            "<html lang=\"en\">",
        ] {
            assert!(html.contains(part), "{part}");
        }
        assert_eq!(html.matches("<button").count(), 1);
        assert!(page(&Page::LogIn(form(""))).contains("autocomplete=\"current-password\""));
    }

    /// After an alert about the e-mail address the keyboard stood in the empty password.
    #[test]
    fn the_keyboard_starts_in_the_field_at_fault() {
        let of = |alert, email| {
            let html = page(&Page::SignUp(FormPage { alert, ..form(email) }));
            let tag = |id: &str| {
                let (_, rest) = html.split_once(&format!("<input id=\"{id}\"")).unwrap();
                let tag = rest.split('>').next().unwrap();
                ["autofocus", "aria-invalid", "\"alert"].map(|part| tag.contains(part))
            };
            [tag("email"), tag("password")]
        };
        let (none, all) = ([false; 3], [true; 3]);
        let long = Alert::PasswordTooLong { most: 256 };
        for alert in [Alert::EmailInvalid, Alert::EmailTaken, Alert::EmailTakenLogIn] {
            assert_eq!(of(Some(alert), "ada@example.com"), [all, none], "{alert:?}");
        }
        for alert in [Alert::PasswordTooShort { least: 8 }, long, Alert::Incomplete] {
            assert_eq!(of(Some(alert), "ada@example.com"), [none, all], "{alert:?}");
        }
        assert_eq!(of(Some(Alert::Incomplete), ""), [all, none]);
        // It is not said which of the two is wrong.
        let either = [[false, false, true], [true, false, true]];
        assert_eq!(of(Some(Alert::Denied), "ada@example.com"), either);
        assert_eq!(of(None, ""), [[true, false, false], none]);
    }
}
