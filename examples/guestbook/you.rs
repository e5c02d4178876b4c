//! The card that says who the visitor is, with what they can do about it.

use crate::account::log_in_url;
use crate::page::{Text, log_out_form, mark};
use crate::person::Look;
use crate::site::Site;
use crate::visitor::Visitor;

/// The card.
pub(crate) fn card(site: &Site, visitor: &Visitor, look: Option<&Look>) -> String {
    let content = match (visitor, look) {
        (Visitor::Known(caller), Some(look)) if caller.user.is_anonymous() => guest(site, look),
        (Visitor::Known(_), Some(look)) => member(look),
        (Visitor::Former, _) => former(site),
        (Visitor::New | Visitor::Known(_), _) => new(site),
    };
    format!("<section class=\"card you\" aria-labelledby=\"you\">\n{content}</section>\n")
}

fn new(site: &Site) -> String {
    format!(
        "<h2 id=\"you\">Be our guest</h2>
<p>Write something, and you are part of it. There is nothing to fill in first.</p>
<p class=\"controls\"><a class=\"button quiet\" href=\"{log_in}\">Log in</a></p>
",
        log_in = Text(&log_in_url(site)),
    )
}

fn former(site: &Site) -> String {
    format!(
        "<h2 id=\"you\">Your session is over</h2>
<p>Log in to go on as who you were, or write as a new guest.</p>
<p class=\"controls\"><a class=\"button\" href=\"{log_in}\">Log in</a></p>
",
        log_in = Text(&log_in_url(site)),
    )
}

fn guest(site: &Site, look: &Look) -> String {
    format!(
        "<h2 id=\"you\">{mark} You are a guest</h2>
<p>Others see you as <bdi class=\"name {colour}\">{name}</bdi>. Only this browser knows that this is \
         you. With an account, everything you wrote stays yours wherever you are.</p>
<div class=\"controls\">
<form method=\"post\" action=\"/sign-up\"><button>Sign up to keep this</button></form>
</div>
<div class=\"controls plain\">
<a class=\"button\" href=\"/preferences\">Preferences</a>
<a class=\"button\" href=\"{log_in}\">Log in</a>
{log_out}</div>
",
        mark = mark(look),
        colour = look.colour.name(),
        name = Text(&look.name),
        log_in = Text(&log_in_url(site)),
        log_out = log_out_form(),
    )
}

fn member(look: &Look) -> String {
    format!(
        "<h2 id=\"you\">{mark} <bdi class=\"name {colour}\">{name}</bdi></h2>
<p>You have an account, and everything you wrote is kept in it.</p>
<div class=\"controls plain\">
<a class=\"button\" href=\"/preferences\">Preferences</a>
<a class=\"button\" href=\"/account\">Account</a>
{log_out}</div>
",
        mark = mark(look),
        colour = look.colour.name(),
        name = Text(&look.name),
        log_out = log_out_form(),
    )
}
