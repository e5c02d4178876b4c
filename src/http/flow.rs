//! What a flow of the hosted pages remembers, in a cookie of its browser.

use http::header::{HeaderValue, SET_COOKIE};
use serde::{Deserialize, Serialize};

use super::Http;
use super::answer::{Failure, Response};
use super::call::Call;
use super::cookie::Found;
use super::limits::{MAX_FLOW_BYTES, MAX_FLOW_COOKIES_BYTES, MAX_FLOWS_TAKEN_AWAY, MAX_OPEN_FLOWS};
use super::pages::Problem;
use crate::credential::SessionToken;
use crate::engine::{CodeRequest, Flow, Guest, Open, OpenedFlow};
use crate::model::{ClientId, SessionKind};
use crate::rules::{ClientPolicy, Rejection};

/// What a client has asked for: where to go back to, and with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    #[serde(rename = "c")]
    pub(super) client: String,
    #[serde(rename = "r")]
    pub(super) redirect_uri: String,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    #[serde(rename = "t")]
    pub(super) response_type: ResponseType,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub(super) nonce: Option<String>,
}

/// What the client gets at its redirect URI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ResponseType {
    /// A code for tokens, bound to the SHA-256 of a verifier.
    #[serde(rename = "c")]
    Code(String),
    /// Nothing: the session is in a cookie.
    #[serde(rename = "n")]
    None,
}

/// A flow that this browser has open.
pub(super) struct OpenFlow {
    pub(super) id: String,
    pub(super) request: Request,
    guest: Option<Guest>,
}

impl Request {
    /// The request as a flow keeps it; `None` if it is longer than that.
    pub(super) fn to_payload(&self) -> Option<Vec<u8>> {
        let payload = serde_json::to_vec(self).ok()?;
        (payload.len() <= MAX_FLOW_BYTES).then_some(payload)
    }

    pub(super) fn from_payload(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }

    /// The client, if it still may send its people here and have them back there.
    pub(super) fn client<'a>(&self, http: &'a Http) -> Option<&'a ClientPolicy> {
        let client = http.engine().policy().client(&self.client)?;
        client.redirect_uris.contains(&self.redirect_uri).then_some(client)
    }

    /// What completing the flow opens.
    pub(super) fn open(&self) -> Option<Open> {
        match &self.response_type {
            ResponseType::None => Some(Open::Session(SessionKind::Cookie)),
            ResponseType::Code(code_challenge) => Some(Open::Code(CodeRequest {
                client: ClientId::parse(&self.client)?,
                redirect_uri: self.redirect_uri.clone(),
                code_challenge: code_challenge.clone(),
                nonce: self.nonce.clone(),
            })),
        }
    }
}

/// The flow that a page of ours is asked for.
pub(super) fn find(http: &Http, call: &Call) -> Result<OpenFlow, Problem> {
    let query = call.query().map_err(|error| Problem::InvalidRequest(error.message()))?;
    let id = query.get("flow").filter(|id| is_flow_id(id)).ok_or(Problem::FlowOver)?;
    let flow = by_id(http, call, id)?;
    let request = Request::from_payload(&flow.payload).ok_or(Problem::FlowOver)?;
    request.client(http).ok_or(Problem::FlowOver)?;
    Ok(OpenFlow { id: flow.id, request, guest: flow.guest })
}

/// The flow with this ID, if this browser has it.
pub(super) fn by_id(http: &Http, call: &Call, id: &str) -> Result<Flow, Problem> {
    let ticket = match http.site().cookies.flow(call.headers(), id) {
        Found::One(ticket) => ticket,
        Found::Nothing | Found::Several => return Err(Problem::FlowOver),
    };
    let flow = http.engine().flow(ticket);
    let flow = flow.map_err(|error| Problem::of(error.into(), Problem::FlowOver))?;
    if flow.id == id { Ok(flow) } else { Err(Problem::FlowOver) }
}

/// Gives the browser a flow that was just opened, and takes its oldest ones away beyond the limits.
pub(super) fn set_cookie(http: &Http, call: &Call, flow: &OpenedFlow, response: &mut Response) {
    let cookies = &http.site().cookies;
    let seconds = flow.ticket.expires_at.since(http.engine().now()).as_secs();
    let mut lines: Vec<HeaderValue> = Vec::new();
    lines.extend(cookies.of_flow(&flow.id, &flow.ticket.text, seconds));
    let mut others: Vec<(i64, &str, usize)> = cookies
        .flows(call.headers())
        .into_iter()
        .filter(|(id, _)| is_flow_id(id) && *id != flow.id)
        .map(|(id, ticket)| {
            let ends = http.engine().flow(ticket).ok().map(|flow| flow.expires_at.as_millis());
            (ends.unwrap_or(i64::MIN), id, cookie_bytes(id, ticket))
        })
        .collect();
    others.sort_unstable();
    let mut bytes = cookie_bytes(&flow.id, &flow.ticket.text);
    let mut open = 1;
    // The latest first: once one does not fit, none that is older stays.
    let (mut foreign, mut surplus) = (Vec::new(), Vec::new());
    for (ends, id, length) in others.into_iter().rev() {
        bytes = bytes.saturating_add(length);
        open += 1;
        if ends == i64::MIN {
            foreign.push(id);
        } else if MAX_OPEN_FLOWS < open || MAX_FLOW_COOKIES_BYTES < bytes {
            surplus.push(id);
        }
    }
    // What a neighbouring host has set may not go at our word, and must not be in the way of what does.
    for over in [foreign, surplus] {
        let over = over.into_iter().take(MAX_FLOWS_TAKEN_AWAY);
        lines.extend(over.filter_map(|id| cookies.no_flow(id)));
    }
    response.headers_mut().extend(lines.into_iter().map(|line| (SET_COOKIE, line)));
}

/// What the cookie of a flow takes in a request, but for the prefix of its name.
fn cookie_bytes(id: &str, ticket: &str) -> usize {
    "flow_=; ".len() + id.len() + ticket.len()
}

/// Whom the pages of a flow deal with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Visitor {
    /// Nobody that is known.
    Nobody,
    /// The guest who will be promoted or merged.
    Guest(Guest),
    /// A regular user, who is signed in by cookie in this browser.
    Regular,
}

impl Visitor {
    pub(super) fn guest(&self) -> Option<&Guest> {
        match self {
            Self::Guest(guest) => Some(guest),
            Self::Nobody | Self::Regular => None,
        }
    }
}

/// Whom the pages of a flow deal with.
///
/// With tokens it is the one whose code or signature opened the flow. With cookies it is the one whose
/// session cookie this browser has; if the flow was opened for a guest, it must be the same.
pub(super) async fn visitor(
    http: &Http,
    call: &Call,
    flow: OpenFlow,
) -> Result<(Request, String, Visitor), Problem> {
    let visitor = match flow.request.response_type {
        ResponseType::Code(_) => flow.guest.map_or(Visitor::Nobody, Visitor::Guest),
        ResponseType::None => by_cookie(http, call, flow.guest).await?,
    };
    Ok((flow.request, flow.id, visitor))
}

async fn by_cookie(http: &Http, call: &Call, hinted: Option<Guest>) -> Result<Visitor, Problem> {
    let token = match http.site().cookies.session(call.headers()) {
        Found::One(text) => SessionToken::parse(text),
        Found::Nothing => None,
        Found::Several => return Err(Problem::NotYourGuest),
    };
    let caller = match &token {
        Some(token) => match http.caller_by_cookie(token).await.map_err(Failure::from) {
            Ok(caller) => Some(caller),
            // Another session in its place would cost a guest the only one that it has.
            Err(Failure::Rejected(Rejection::Disabled)) => return Err(Problem::Disabled),
            Err(Failure::Rejected(_)) => None,
            Err(failure @ (Failure::Later(_) | Failure::Broken(_))) => {
                return Err(Problem::of(failure, Problem::FlowOver));
            }
        },
        None => None,
    };
    match (hinted, caller, token) {
        (Some(guest), Some(caller), _) if guest.user() == caller.user.id => {
            Ok(Visitor::Guest(guest))
        }
        // Its promotion or merging was done, and the browser has not heard of it: it may ask again.
        (Some(guest), None, Some(token)) if is_session_of(http, &token, &guest).await? => {
            Ok(Visitor::Guest(guest))
        }
        (Some(_), _, _) => Err(Problem::NotYourGuest),
        (None, Some(caller), Some(token)) if caller.user.is_anonymous() => {
            let guest = http.engine().guest_by_session(&token).await;
            let guest = guest.map_err(|error| Problem::of(error.into(), Problem::NotYourGuest))?;
            Ok(Visitor::Guest(guest))
        }
        (None, Some(_), _) => Ok(Visitor::Regular),
        (None, None, _) => Ok(Visitor::Nobody),
    }
}

/// Whether a session is or was that of a guest, whatever has become of the guest.
async fn is_session_of(http: &Http, token: &SessionToken, guest: &Guest) -> Result<bool, Problem> {
    match http.engine().guest_by_session(token).await.map_err(Failure::from) {
        Ok(by_session) => Ok(by_session.user() == guest.user()),
        Err(Failure::Rejected(Rejection::SessionExpired)) => Err(Problem::FlowOver),
        Err(Failure::Rejected(_)) => Ok(false),
        Err(failure) => Err(Problem::of(failure, Problem::FlowOver)),
    }
}

/// The ID stands in the name of a cookie and in a link.
fn is_flow_id(text: &str) -> bool {
    (1..=MAX_FLOW_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Most characters of a flow's ID.
const MAX_FLOW_ID: usize = 64;
