//! What people do with their account: see its address, change its password, delete it.

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use guestpass::axum::{RegularUser, UserRejection};
use guestpass::credential::Password;
use guestpass::http::Refusal;
use guestpass::model::UserId;
use guestpass::{Caller, Error, Rejection};
use serde::Deserialize;

use crate::account::log_in_url;
use crate::housekeeping;
use crate::origin::FromOwnPage;
use crate::page::{self, Page, Text};
use crate::person::Look;
use crate::site::Site;
use crate::trouble::Trouble;
use crate::visitor::{ClientAddress, ShownTo, set_cookies};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Seen {
    changed: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Passwords {
    old: String,
    new: String,
    #[serde(flatten)]
    shown_to: ShownTo,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Ending {
    sure: Option<String>,
    #[serde(flatten)]
    shown_to: ShownTo,
}

/// Shows a member the account. Whoever has none is led to where one begins.
pub(crate) async fn show(
    State(site): State<Site>,
    user: Result<RegularUser, UserRejection>,
    Query(seen): Query<Seen>,
) -> Result<Response, Trouble> {
    let caller = match user {
        Ok(RegularUser(caller)) => caller,
        Err(rejection) => return Ok(elsewhere(&site, rejection)),
    };
    let note = match seen.changed {
        Some(_) => page::status("Your password is changed. Other devices have to log in with it."),
        None => String::new(),
    };
    Ok(account(&site, &caller, &note).await?.into_response())
}

/// Changes the password for whoever knows the old one.
pub(crate) async fn change_password(
    State(site): State<Site>,
    _: FromOwnPage,
    user: Result<RegularUser, UserRejection>,
    headers: HeaderMap,
    ClientAddress(address): ClientAddress,
    Form(passwords): Form<Passwords>,
) -> Result<Response, Trouble> {
    let caller = match user {
        Ok(RegularUser(caller)) => caller,
        Err(rejection) => return Ok(elsewhere(&site, rejection)),
    };
    let Some(token) = site.http().session_token(&headers) else {
        return Ok(Redirect::to(&log_in_url(&site)).into_response());
    };
    let Passwords { shown_to, old, new } = passwords;
    if !shown_to.names(caller.user.id) {
        return somebody_else(&site, &caller).await;
    }
    let least = site.engine().policy().password.min_length;
    let (status, why) = match site.engine().change_password(&token, &old, &new, address).await {
        Ok(()) => return Ok(Redirect::to("/account?changed").into_response()),
        Err(Error::Rejected(Rejection::Denied)) => {
            (StatusCode::FORBIDDEN, "The old password is wrong.".to_owned())
        }
        Err(Error::Rejected(Rejection::PasswordTooShort)) => {
            let why = format!("The new password is too short: use at least {least} characters.");
            (StatusCode::UNPROCESSABLE_ENTITY, why)
        }
        Err(Error::Rejected(Rejection::PasswordTooLong)) => {
            let most = Password::MAX_LENGTH;
            let why = format!("The new password is too long: use at most {most} characters.");
            (StatusCode::UNPROCESSABLE_ENTITY, why)
        }
        Err(Error::Rejected(Rejection::LimitReached)) => {
            let why = "Too many attempts. Try again in some minutes.";
            (StatusCode::TOO_MANY_REQUESTS, why.to_owned())
        }
        Err(error) => return Err(error.into()),
    };
    let page = account(&site, &caller, &page::alert(&why)).await?;
    Ok((status, page).into_response())
}

/// Deletes the account for whoever has said twice that it shall be so.
pub(crate) async fn delete(
    State(site): State<Site>,
    _: FromOwnPage,
    user: Result<RegularUser, UserRejection>,
    Form(ending): Form<Ending>,
) -> Result<Response, Trouble> {
    let caller = match user {
        Ok(RegularUser(caller)) => caller,
        Err(rejection) => return Ok(elsewhere(&site, rejection)),
    };
    if !ending.shown_to.names(caller.user.id) {
        return somebody_else(&site, &caller).await;
    }
    if ending.sure.is_none() {
        return Ok(last_warning(caller.user.id).into_response());
    }
    site.engine().delete(caller.user.id).await?;
    // What the person wrote shall be gone when the wall is shown, and not a second later.
    housekeeping::catch_up(&site).await?;
    let cookies = set_cookies(site.http().clear_session_cookies());
    Ok((cookies, Redirect::to("/")).into_response())
}

/// Where somebody belongs who is no member.
fn elsewhere(site: &Site, rejection: UserRejection) -> Response {
    if rejection.refusal() == Refusal::NoSession {
        return Redirect::to(&log_in_url(site)).into_response();
    }
    if rejection.refusal() == Refusal::Anonymous {
        return Redirect::to("/").into_response();
    }
    rejection.into_response()
}

/// Tabs share their cookies: a form that is still open may be about an account that was left in another one.
async fn somebody_else(site: &Site, caller: &Caller) -> Result<Response, Trouble> {
    let note =
        "You are somebody else here by now, perhaps because of another tab. Nothing was changed.";
    let page = account(site, caller, &page::alert(note)).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

async fn account(site: &Site, caller: &Caller, note: &str) -> Result<Page, Trouble> {
    let user = caller.user.id;
    let look = Look::of(user, &site.data().preferences(user).await?);
    let email = site.engine().user_info(user).await?.email.unwrap_or_default();
    Ok(Page::new("Your account").shown_as(Some(&look)).raw(&format!(
        "<form class=\"card narrow\" method=\"post\" action=\"/account/password\">
{note}<p>You log in with <bdi>{email}</bdi>.</p>
<input type=\"hidden\" name=\"username\" autocomplete=\"username\" value=\"{email}\">
{shown_to}<p class=\"field\"><label for=\"old\">Old password</label>
<input id=\"old\" name=\"old\" type=\"password\" autocomplete=\"current-password\" required></p>
<p class=\"field\"><label for=\"new\">New password</label>
<input id=\"new\" name=\"new\" type=\"password\" autocomplete=\"new-password\" required \
         aria-describedby=\"rule\">
<span id=\"rule\" class=\"hint\">At least {least} characters. Wherever else you are logged in, you have \
         to log in anew.</span></p>
<div class=\"row\"><a href=\"/\">Back to the wall</a>
<button>Change password</button></div>
</form>
<form class=\"card narrow\" method=\"post\" action=\"/account/delete\">
<p>Deleting the account takes everything you wrote off the wall.</p>
{shown_to}<div class=\"controls\"><button class=\"quiet\">Delete the account</button></div>
</form>
",
        email = Text(&email),
        shown_to = ShownTo::field(Some(user)),
        least = site.engine().policy().password.min_length,
    )))
}

fn last_warning(user: UserId) -> Page {
    Page::new("Delete the account?").raw(&format!(
        "<form class=\"card narrow\" method=\"post\" action=\"/account/delete\">
<p>What you wrote goes with it, and nobody can bring it back.</p>
{shown_to}<input type=\"hidden\" name=\"sure\" value=\"yes\">
<div class=\"controls\"><button>Delete it for good</button>
<a class=\"button quiet\" href=\"/account\">Keep it</a></div>
</form>
",
        shown_to = ShownTo::field(Some(user)),
    ))
}
