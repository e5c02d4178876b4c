//! Pages: the frame that all of them have, and the text in it made safe.

use std::fmt::{self, Write as _};

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};

use crate::person::Look;

/// Text that somebody typed, made safe for a page and for the value of an attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => f.write_char(other),
        })
    }
}

/// A page that is being written.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    title: String,
    head: &'static str,
    content: &'static str,
    chip: String,
    body: String,
}

impl Page {
    /// A page with nothing but a heading.
    pub(crate) fn new(title: &str) -> Self {
        let body = format!("<h1>{}</h1>\n", Text(title));
        Self { title: title.to_owned(), head: "", content: "main", chip: String::new(), body }
    }

    /// Shows at the top who the visitor is.
    pub(crate) fn shown_as(mut self, look: Option<&Look>) -> Self {
        if let Some(look) = look {
            self.chip = format!(
                "<a class=\"chip {colour}\" href=\"/preferences\">{mark}\
                 <bdi class=\"name\">{name}</bdi></a>",
                colour = look.colour.name(),
                mark = mark(look),
                name = Text(&look.name),
            );
        }
        self
    }

    /// Loads what stands in `head` too.
    pub(crate) fn with_head(mut self, head: &'static str) -> Self {
        self.head = head;
        self
    }

    /// Says which element people want to skip to who know the rest.
    pub(crate) fn with_content_at(mut self, id: &'static str) -> Self {
        self.content = id;
        self
    }

    /// Adds HTML as it is.
    pub(crate) fn raw(mut self, html: &str) -> Self {
        self.body.push_str(html);
        self
    }

    /// Adds what has gone wrong; readers of the screen are told at once.
    pub(crate) fn alert(self, text: &str) -> Self {
        let html = alert(text);
        self.raw(&html)
    }

    /// Adds the link to the wall.
    pub(crate) fn way_back(self) -> Self {
        self.raw("<p><a class=\"button\" href=\"/\">Back to the wall</a></p>\n")
    }

    /// The page as it is sent.
    pub(crate) fn html(self) -> String {
        let Self { title, head, content, chip, body } = self;
        format!(
            "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<title>{title} · Guestbook</title>
<link rel=\"stylesheet\" href=\"/style.css?v={STYLE_VERSION:x}\">
<link rel=\"icon\" type=\"image/svg+xml\" href=\"/icon.svg\">
{head}</head>
<body>
<a class=\"skip\" href=\"#{content}\">Skip to the content</a>
<header><div class=\"width\"><a class=\"brand\" href=\"/\">Guestbook</a>{chip}</div></header>
<main id=\"main\" class=\"width\">
{body}</main>
<footer class=\"width\">An example of guestpass. The same <a href=\"/sdk\">through the client SDK</a>.
</footer>
</body>
</html>
",
            title = Text(&title),
        )
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        Html(self.html()).into_response()
    }
}

/// What has gone wrong. A page has one alert, and the field at fault says that it is described there.
pub(crate) fn alert(text: &str) -> String {
    format!("<p id=\"alert\" class=\"note bad\" role=\"alert\">{}</p>\n", Text(text))
}

/// What has gone well.
pub(crate) fn status(text: &str) -> String {
    format!("<p class=\"note good\" role=\"status\">{}</p>\n", Text(text))
}

/// The round mark beside a name; it says nothing that the name does not.
pub(crate) fn mark(look: &Look) -> String {
    let colour = look.colour.name();
    format!(
        "<span class=\"mark {colour}\" aria-hidden=\"true\">{initial}</span>",
        initial = Text(&look.initial()),
    )
}

/// The control to log out. A link would do it for whoever gets the visitor to load an address.
pub(crate) fn log_out_form() -> String {
    "<form method=\"post\" action=\"/log-out\"><button class=\"quiet\">Log out</button></form>\n"
        .to_owned()
}

/// The style sheet. Its address changes with what is in it, so browsers may keep it.
pub(crate) async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, FOR_A_YEAR)], STYLE)
}

/// The icon.
pub(crate) async fn icon() -> impl IntoResponse {
    ([(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, FOR_A_DAY)], ICON)
}

/// FNV-1a; it only has to change when the text does.
const fn fingerprint(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}

/// Nothing but what the site itself serves, and scripts only where a page needs one. Nobody may put
/// the site into a frame, where a visitor might click on something else than they see.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src \
     'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("style.css");
const STYLE_VERSION: u64 = fingerprint(STYLE);
const FOR_A_YEAR: &str = "public, max-age=31536000, immutable";
const FOR_A_DAY: &str = "public, max-age=86400";
const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\">\
<rect width=\"32\" height=\"32\" rx=\"8\" fill=\"#1d6b5c\"/>\
<path d=\"M8 11h16M8 16h16M8 21h9\" stroke=\"#fff\" stroke-width=\"2.5\" stroke-linecap=\"round\"/>\
</svg>";
