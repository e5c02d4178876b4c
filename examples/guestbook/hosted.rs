//! The engine's pages in the look of the site: a host brings its own, with the words it likes.

use guestpass::http::{FormField, FormPage, Page as Hosted, Pages, Problem, SignOutPage};

use crate::page::{Page, Text, alert};

/// The pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SitePages {
    /// Fewest characters of a new password.
    pub(crate) min_password_length: u32,
}

impl Pages for SitePages {
    fn html(&self, page: &Hosted<'_>) -> String {
        let page = match page {
            Hosted::SignUp(form) => {
                let hint = format!("At least {} characters.", self.min_password_length);
                credential(form, &SIGN_UP, &hint)
            }
            Hosted::LogIn(form) => credential(form, &LOG_IN, ""),
            Hosted::SignOut(form) => sign_out(form),
            Hosted::Problem(one) => problem(one),
        };
        page.html()
    }
}

/// What differs between the two forms.
struct Words {
    title: &'static str,
    password: &'static str,
    question: &'static str,
    other: &'static str,
}

const SIGN_UP: Words = Words {
    title: "Sign up",
    password: "new-password",
    question: "Do you have an account?",
    other: "Log in",
};

const LOG_IN: Words = Words {
    title: "Log in",
    password: "current-password",
    question: "Are you new here?",
    other: "Sign up",
};

fn credential(form: &FormPage<'_>, words: &Words, hint: &str) -> Page {
    let Words { title, password, question, other } = words;
    if let Some(problem) = form.alert.filter(|problem| problem.is_final()) {
        return Page::new(title).alert(&problem.text()).way_back();
    }
    let problem = form.alert.map(|problem| alert(&problem.text())).unwrap_or_default();
    let note = form.guest.text().map(|note| format!("<p class=\"note good\">{}</p>\n", Text(note)));
    let on_email = attributes(form, FormField::Email, "");
    let on_password = attributes(form, FormField::Password, "hint");
    Page::new(title).raw(&format!(
        "<form class=\"card narrow\" method=\"post\" action=\"{action}\">
{problem}{note}<p class=\"field\"><label for=\"email\">Email</label>
<input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"username\" autocapitalize=\"none\" \
         spellcheck=\"false\" required{on_email} value=\"{email}\"></p>
<p class=\"field\"><label for=\"password\">Password</label>
<input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"{password}\" required\
         {on_password}>
<span id=\"hint\" class=\"hint\">{hint}</span></p>
{choice}<button class=\"wide\">{title}</button>
<p class=\"hint\">{question} <a href=\"{other_page}\">{other}</a></p>
</form>
<p><a href=\"/\">Back to the wall</a></p>
",
        action = Text(form.action),
        note = note.unwrap_or_default(),
        email = Text(form.email),
        choice = choice(form),
        other_page = Text(form.other_page),
    ))
}

/// The box to tick for whoever leaves a guest behind.
fn choice(form: &FormPage<'_>) -> String {
    let Some(label) = form.guest.choice() else { return String::new() };
    let checked = if form.leaves_guest { " checked" } else { "" };
    format!(
        "<p class=\"choice\"><input id=\"leave_guest\" name=\"leave_guest\" type=\"checkbox\" \
         value=\"true\" required{checked}>
<label for=\"leave_guest\">{}</label></p>
",
        Text(label)
    )
}

/// Where the keyboard starts, which field is at fault, and where a field is described.
fn attributes(form: &FormPage<'_>, field: FormField, hint: &str) -> String {
    let focus = if form.starts_at() == field { " autofocus" } else { "" };
    let (invalid, described) = match (form.at_fault() == Some(field), hint) {
        (true, "") => (" aria-invalid=\"true\"", "alert".to_owned()),
        (true, hint) => (" aria-invalid=\"true\"", format!("alert {hint}")),
        (false, "") => return focus.to_owned(),
        (false, hint) => ("", hint.to_owned()),
    };
    format!("{focus}{invalid} aria-describedby=\"{described}\"")
}

fn sign_out(form: &SignOutPage<'_>) -> Page {
    let hidden = |name: &str, value: Option<&str>| {
        let input =
            |value| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", Text(value));
        value.map(input).unwrap_or_default()
    };
    let question = if form.loses_guest {
        "Leave this guest behind? What you wrote stays on the wall, but nothing can let you back in as this \
         guest."
    } else {
        "Do you want to log out?"
    };
    Page::new("Log out").raw(&format!(
        "<form class=\"card narrow\" method=\"post\" action=\"{action}\">
<p>{question}</p>
<input type=\"hidden\" name=\"confirm\" value=\"true\">
{uri}{state}<div class=\"controls\"><button>Log out</button>
<a class=\"button quiet\" href=\"/\">Stay</a></div>
</form>
",
        action = Text(form.action),
        uri = hidden("post_logout_redirect_uri", form.post_logout_redirect_uri),
        state = hidden("state", form.state),
    ))
}

fn problem(problem: &Problem) -> Page {
    let detail = problem.detail().map(|detail| format!("<p class=\"hint\">{}</p>\n", Text(detail)));
    let page = Page::new("This cannot be shown").alert(problem.text());
    page.raw(&detail.unwrap_or_default()).way_back()
}
