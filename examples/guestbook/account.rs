//! Signing up, logging in, logging out.
//!
//! The engine's own pages ask for the e-mail address and the password; the site sends people there
//! and is told when they are back.

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use guestpass::{Error, Rejection};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::housekeeping;
use crate::origin::FromOwnPage;
use crate::page::Page;
use crate::site::Site;
use crate::trouble::Trouble;
use crate::visitor::{Visitor, set_cookies};

/// Sends a guest to the page that makes an account of it, under the same `sub`.
pub(crate) async fn sign_up(
    State(site): State<Site>,
    _: FromOwnPage,
    headers: HeaderMap,
) -> Result<Redirect, Trouble> {
    let Some(token) = site.http().session_token(&headers) else {
        return Ok(Redirect::to(&authorize_url(&site, &[("x_page", "signup")])));
    };
    match site.engine().promotion_code(&token).await {
        Ok(code) => {
            let hint = query_after(LOGIN_HINT.to_owned())
                .append_pair("type", "anonymous")
                .append_pair("promotion_code", &code.text)
                .finish();
            Ok(Redirect::to(&authorize_url(&site, &[("login_hint", &hint)])))
        }
        // The page with the button is from before the person signed up, or the session is over.
        Err(Error::Rejected(rejection)) if rejection != Rejection::Disabled => {
            Ok(Redirect::to("/"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Where to log in. A guest who does is merged into the account.
pub(crate) fn log_in_url(site: &Site) -> String {
    authorize_url(site, &[("x_page", "login")])
}

/// Where the engine's pages begin. The site and they share the session's cookie, so nothing has to be
/// handed over at the end: the response type is `none`.
fn authorize_url(site: &Site, more: &[(&str, &str)]) -> String {
    let origin = site.origin();
    query_after(format!("{origin}/oauth2/authorize?"))
        .append_pair("client_id", CLIENT)
        .append_pair("response_type", "none")
        .append_pair("scope", "openid")
        .append_pair("redirect_uri", &format!("{origin}/after-promote"))
        .extend_pairs(more)
        .finish()
}

fn query_after(address: String) -> Serializer<'static, String> {
    let start = address.len();
    Serializer::for_suffix(address, start)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Back {
    error: Option<String>,
}

/// Takes people back from the engine's pages.
pub(crate) async fn welcome(
    State(site): State<Site>,
    visitor: Visitor,
    Query(back): Query<Back>,
) -> Result<Response, Trouble> {
    if back.error.is_some() {
        let page = Page::new("Not this time").alert("That was not finished, and nothing changed.");
        return Ok((StatusCode::BAD_REQUEST, page.way_back()).into_response());
    }
    // What the person wrote as a guest shall be there when the wall is shown, and not a second later.
    housekeeping::catch_up(&site).await?;
    let target = match visitor {
        Visitor::Known(_) => "/?welcome",
        Visitor::New | Visitor::Former => "/",
    };
    Ok(Redirect::to(target).into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Farewell {
    sure: Option<String>,
}

/// Logs out. A guest is asked first, for a guest has no way back.
pub(crate) async fn log_out(
    State(site): State<Site>,
    _: FromOwnPage,
    headers: HeaderMap,
    Form(farewell): Form<Farewell>,
) -> Result<Response, Trouble> {
    if let Some(token) = site.http().session_token(&headers) {
        if farewell.sure.is_none() {
            match site.engine().authenticate(&token).await {
                Ok(caller) if caller.user.is_anonymous() => {
                    return Ok(last_warning().into_response());
                }
                // Only a guest keeps its session while the account is closed, for the day it is opened again.
                Err(Error::Rejected(Rejection::Disabled)) => {
                    return Ok(last_warning_while_closed().into_response());
                }
                Ok(_) | Err(Error::Rejected(_)) => {}
                // It may be a guest.
                Err(error) => return Err(error.into()),
            }
        }
        site.engine().sign_out(&token).await?;
    }
    let cookies = set_cookies(site.http().clear_session_cookies());
    Ok((cookies, Redirect::to("/")).into_response())
}

fn last_warning() -> Page {
    leave_behind(
        "What you wrote stays on the wall. But you are a guest, and nothing can let you back in as this one: \
         neither this browser nor anybody who runs the site.",
        "<form method=\"post\" action=\"/sign-up\"><button>Sign up to keep this</button></form>\n",
    )
}

fn last_warning_while_closed() -> Page {
    leave_behind(
        "You are a guest, and closed out for now. If the people who run this site let you in again, this browser \
         is your only way back: once you have logged out, there is none.",
        "",
    )
}

/// Asks a guest who is about to log out; `instead` is what else there is to do.
fn leave_behind(why_not: &str, instead: &str) -> Page {
    Page::new("Leave this guest behind?").raw(&format!(
        "<div class=\"card\">
<p>{why_not}</p>
<div class=\"controls\">
{instead}<form method=\"post\" action=\"/log-out\"><input type=\"hidden\" name=\"sure\" value=\"yes\">\
         <button class=\"quiet\">Log out for good</button></form>
<a class=\"button quiet\" href=\"/\">Stay</a>
</div>
</div>
"
    ))
}

const CLIENT: &str = "web";
/// What the value of `login_hint` begins with, as the client SDKs write it.
const LOGIN_HINT: &str = "https://authgear.com/login_hint?";
