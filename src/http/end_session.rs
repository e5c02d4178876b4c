//! `/oauth2/end_session`: logs a browser out.

use http::header::{HeaderMap, HeaderName, SET_COOKIE};

use super::Http;
use super::answer::{self, Failure, Response};
use super::call::Call;
use super::fields::Fields;
use super::limits::MAX_STATE_BYTES;
use super::pages::{Page, Problem, SignOutPage};
use super::redirect::with_query;
use super::route::Endpoint;
use crate::credential::SessionToken;
use crate::model::{User, UserId};
use crate::rules::Rejection;

pub(super) async fn end_session(http: &Http, call: &Call) -> Response {
    answer(http, call).await.unwrap_or_else(|problem| http.problem(&problem))
}

async fn answer(http: &Http, call: &Call) -> Result<Response, Problem> {
    let fields = call.fields().map_err(|error| Problem::InvalidRequest(error.message()))?;
    let target = target(http, &fields);
    // Of several, somebody on a neighbouring host has set all but one: whoever logs out means each.
    let sessions = http.site().cookies.sessions(call.headers());
    let tokens = sessions.filter_map(SessionToken::parse).take(MAX_SESSIONS + 1);
    let tokens: Vec<SessionToken> = tokens.collect();
    if MAX_SESSIONS < tokens.len() {
        return Err(Problem::InvalidRequest("there are too many session cookies"));
    }
    // No cookie is taken away that was not sent: a form elsewhere makes a browser come here without it.
    if tokens.is_empty() {
        return Ok(answer::see_other(&target));
    }
    let live = live_sessions(http, &tokens).await?;
    let is_confirmed = call.is_post() && fields.get("confirm") == Some("true");
    if is_confirmed {
        http.refuse_foreign_form(call)?;
    }
    let hinted = fields.get("id_token_hint").and_then(|hint| named_by(http, hint));
    // Of somebody else, too, a cookie may be planted and the ID token known.
    let is_named = |user: &Option<User>| user.as_ref().map(|user| user.id) == hinted;
    let is_hinted = hinted.is_some() && live.iter().all(|(_, user)| is_named(user));
    // Whoever has nothing but this session is over without it. A disabled guest needs it for the day it is
    // enabled again.
    let loses_guest =
        live.iter().any(|(_, user)| user.as_ref().is_none_or(|user| user.ends_at.is_some()));
    // Elsewhere a page can make a browser come here, but cannot know the ID token, and the strict
    // cookie stays behind. Anybody may write a link on a page of this site.
    let is_own_wish = is_hinted
        || !loses_guest
            && http.site().cookies.is_same_site(call.headers())
            && (!call.is_post() || http.refuse_foreign_sender(call).is_ok());
    if live.is_empty() || is_confirmed || is_own_wish && is_visit(call.headers()) {
        for (token, _) in live {
            let signed_out = http.engine().sign_out(token).await;
            signed_out.map_err(|error| Problem::of(error.into(), Problem::FlowOver))?;
        }
        return Ok(leave(http, &target));
    }
    let page = Page::SignOut(SignOutPage {
        action: Endpoint::EndSession.path(),
        loses_guest,
        post_logout_redirect_uri: fields.get("post_logout_redirect_uri"),
        state: fields.get("state"),
    });
    Ok(http.page(http::StatusCode::OK, &page, Some(&target)))
}

/// The sessions that are not over, with whose they are; nobody's if that cannot be told, of somebody who is
/// locked out for now.
async fn live_sessions<'a>(
    http: &Http,
    tokens: &'a [SessionToken],
) -> Result<Vec<(&'a SessionToken, Option<User>)>, Problem> {
    let mut live = Vec::new();
    for token in tokens {
        match http.caller_by_cookie(token).await.map_err(Failure::from) {
            Ok(caller) => live.push((token, Some(caller.user))),
            Err(Failure::Rejected(Rejection::Disabled)) => live.push((token, None)),
            Err(Failure::Rejected(_)) => {}
            Err(failure @ (Failure::Later(_) | Failure::Broken(_))) => {
                return Err(Problem::of(failure, Problem::FlowOver));
            }
        }
    }
    Ok(live)
}

/// Whether somebody goes here, as far as the browser says. An image, a frame or a script of a page loads
/// with the same cookies, and some browsers and proxies load what a person may click next.
fn is_visit(headers: &HeaderMap) -> bool {
    let is_for_a_tab = match headers.get(FETCH_MODE) {
        // An old browser, which does not say.
        None => true,
        Some(mode) => {
            mode == "navigate" && headers.get(FETCH_DEST).is_some_and(|dest| dest == "document")
        }
    };
    is_for_a_tab && [SEC_PURPOSE, PURPOSE].iter().all(|name| !headers.contains_key(name))
}

/// The user whom an ID token of ours names.
fn named_by(http: &Http, id_token: &str) -> Option<UserId> {
    http.engine().id_token_claims(id_token)?.get("sub")?.as_str()?.parse().ok()
}

/// Where the browser goes afterwards: to a URI that a client has registered, or to our own front page.
fn target(http: &Http, fields: &Fields) -> String {
    let policy = http.engine().policy();
    let mut registered = policy.clients.iter().flat_map(|client| &client.post_logout_redirect_uris);
    let wanted = fields.get("post_logout_redirect_uri");
    match wanted.and_then(|wanted| registered.find(|uri| *uri == wanted)) {
        Some(uri) => {
            let state = fields.get("state").filter(|state| state.len() <= MAX_STATE_BYTES);
            with_query(uri, &[("state", state)])
        }
        None => format!("{}/", policy.public_origin.as_str()),
    }
}

fn leave(http: &Http, target: &str) -> Response {
    let mut response = answer::see_other(target);
    let cookies = http.clear_session_cookies();
    response.headers_mut().extend(cookies.into_iter().map(|cookie| (SET_COOKIE, cookie)));
    response
}

/// Session cookies of one browser that are ended; so many there are not, unless somebody plants them.
const MAX_SESSIONS: usize = 8;
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// Sent only with what is loaded ahead of time, as is the other one by older browsers.
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");
const PURPOSE: HeaderName = HeaderName::from_static("purpose");
