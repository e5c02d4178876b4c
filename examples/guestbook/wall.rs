//! The wall: what people wrote, newest first, and the box to write in.

use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::data::{Portion, Posted};
use crate::origin::FromOwnPage;
use crate::page::{self, Page, Text, mark};
use crate::site::Site;
use crate::text::{Message, ago};
use crate::trouble::Trouble;
use crate::visitor::{ClientAddress, ShownTo, Visitor};
use crate::you;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    /// Only messages older than this one.
    before: Option<String>,
    /// The visitor comes back from signing up or logging in.
    welcome: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Draft {
    message: String,
    #[serde(flatten)]
    shown_to: ShownTo,
}

/// Shows the wall.
pub(crate) async fn show(
    State(site): State<Site>,
    visitor: Visitor,
    Query(place): Query<Place>,
) -> Result<Response, Trouble> {
    let page = wall(&site, &visitor, &place, &Draft::default(), None).await?;
    Ok(page.into_response())
}

/// Puts a message on the wall. Somebody new becomes a guest by it.
pub(crate) async fn post(
    State(site): State<Site>,
    _: FromOwnPage,
    visitor: Visitor,
    ClientAddress(address): ClientAddress,
    Form(draft): Form<Draft>,
) -> Result<Response, Trouble> {
    let visitor = visitor.sending(&draft.shown_to);
    if let Err(no_actor) = visitor.expect_sender_of(&draft.shown_to) {
        let status = no_actor.status();
        return refuse(&site, &visitor, &draft, status, no_actor.advice()?).await;
    }
    let message = match Message::parse(&draft.message) {
        Ok(message) => message,
        Err(error) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return refuse(&site, &visitor, &draft, status, &error.to_string()).await;
        }
    };
    let actor = match visitor.actor(&site, address).await {
        Ok(actor) => actor,
        Err(no_actor) => {
            let status = no_actor.status();
            return refuse(&site, &visitor, &draft, status, no_actor.advice()?).await;
        }
    };
    if site.data().post(actor.user, message, site.engine().now()).await?.is_none() {
        return refuse(&site, &visitor, &draft, StatusCode::UNAUTHORIZED, GONE).await;
    }
    // Loading the page again must not write the message again.
    Ok((actor.cookies(), Redirect::to("/")).into_response())
}

/// Shows the wall again, with what was typed and why it is not there.
async fn refuse(
    site: &Site,
    visitor: &Visitor,
    draft: &Draft,
    status: StatusCode,
    problem: &str,
) -> Result<Response, Trouble> {
    let page = wall(site, visitor, &Place::default(), draft, Some(problem)).await?;
    Ok((status, page).into_response())
}

async fn wall(
    site: &Site,
    visitor: &Visitor,
    place: &Place,
    draft: &Draft,
    problem: Option<&str>,
) -> Result<Page, Trouble> {
    let before = place.before.as_ref().and_then(|before| before.parse().ok());
    let portion = site.data().wall(before).await?;
    let look = visitor.look(site).await?;
    let mut page = Page::new("The wall").shown_as(look.as_ref()).with_content_at("stream");
    if let (Some(_), Visitor::Known(caller)) = (&place.welcome, visitor)
        && !caller.user.is_anonymous()
    {
        page = page
            .raw(&page::status("Welcome. All that you write and choose is kept in your account."));
    }
    let you = you::card(site, visitor, look.as_ref());
    let composer = if before.is_none() { composer(visitor, draft, problem) } else { String::new() };
    Ok(page.raw(&format!(
        "<div class=\"columns\">\n{you}<div id=\"stream\" class=\"stream\">\n{composer}{messages}</div>\n\
         </div>\n",
        messages = messages(site, visitor, before.is_some(), &portion),
    )))
}

fn composer(visitor: &Visitor, draft: &Draft, problem: Option<&str>) -> String {
    let (alert, invalid, described) = match problem {
        Some(problem) => (page::alert(problem), " aria-invalid=\"true\"", "alert limit"),
        None => (String::new(), "", "limit"),
    };
    let button = match visitor {
        Visitor::Former => "Post as a new guest",
        Visitor::New | Visitor::Known(_) => "Post",
    };
    format!(
        "<form class=\"card composer\" method=\"post\" action=\"/\">
{alert}<label for=\"message\">Message</label>
<textarea id=\"message\" name=\"message\" rows=\"3\" dir=\"auto\" autocomplete=\"off\" \
         aria-describedby=\"{described}\"{invalid}>\n{text}</textarea>
{shown_to}<div class=\"row\"><p id=\"limit\" class=\"hint\">Up to {limit} characters; everybody can read \
         them.</p>
<button>{button}</button></div>
</form>
",
        text = Text(&draft.message),
        shown_to = ShownTo::fields(visitor),
        limit = Message::MAX_CHARACTERS,
    )
}

fn messages(site: &Site, visitor: &Visitor, is_later_page: bool, portion: &Portion) -> String {
    let items: String =
        portion.messages.iter().map(|posted| message(site, visitor, posted)).collect();
    let list = match (items.is_empty(), is_later_page) {
        (false, _) => format!("<ul class=\"messages\">\n{items}</ul>\n"),
        (true, false) => {
            "<p class=\"hint empty\">Nobody has written yet. Be the first.</p>\n".into()
        }
        (true, true) => "<p class=\"hint empty\">There is nothing older.</p>\n".into(),
    };
    let newest = if is_later_page { "<a href=\"/\">Newest messages</a>\n" } else { "" };
    let older = match portion.messages.last() {
        Some(oldest) if portion.is_followed => {
            format!("<a rel=\"next\" href=\"/?before={}\">Older messages</a>\n", oldest.id)
        }
        Some(_) | None => String::new(),
    };
    if newest.is_empty() && older.is_empty() {
        return list;
    }
    format!("{list}<nav class=\"pager\" aria-label=\"Pages\">\n{newest}{older}</nav>\n")
}

fn message(site: &Site, visitor: &Visitor, posted: &Posted) -> String {
    let is_own = visitor.user() == Some(posted.author);
    let age = ago(site.engine().now().since(posted.at).as_secs());
    format!(
        "<li class=\"message\">{mark}
<div><p class=\"by\"><bdi class=\"name {colour}\">{name}</bdi>{own} <time datetime=\"{at}\">{age}\
         </time></p>
<p class=\"text\" dir=\"auto\">{text}</p></div></li>
",
        mark = mark(&posted.look),
        colour = posted.look.colour.name(),
        name = Text(&posted.look.name),
        own = if is_own { " <span class=\"own\">you</span>" } else { "" },
        at = posted.at.to_rfc3339(),
        text = Text(&posted.text),
    )
}

/// What is said to somebody who is no user any more by the time that the message arrives.
const GONE: &str = "You were deleted while this was on its way, and it is not on the wall.";
