//! `/oauth2/authorize`: from the application to the sign-up or log-in page.

mod hint;

use super::Http;
use super::answer::{self, Failure, Response};
use super::call::Call;
use super::cookie::Found;
use super::fields::Fields;
use super::flow::{self, Request, ResponseType};
use super::limits::{MAX_REDIRECT_URI_BYTES, MAX_STATE_BYTES};
use super::pages::Problem;
use super::redirect::with_query;
use super::route::Endpoint;
use crate::credential::SessionToken;
use crate::engine::{CodeRequest, Error, FlowStart, OpenedFlow};
use crate::model::UserId;
use crate::rules::{ClientPolicy, Rejection};
use hint::Hint;

pub(super) async fn authorize(http: &Http, call: &Call) -> Response {
    let fields = match call.fields() {
        Ok(fields) => fields,
        Err(error) => return http.problem(&Problem::InvalidRequest(error.message())),
    };
    let (client, redirect_uri) = match target(http, &fields) {
        Ok(target) => target,
        // The browser must not be sent to where a stranger wants it.
        Err(problem) => return http.problem(&problem),
    };
    let state = fields.get("state").filter(|state| state.len() <= MAX_STATE_BYTES);
    match start(http, call, &fields, client, redirect_uri).await {
        Ok(response) => response,
        Err(refusal) => {
            let location = with_query(
                redirect_uri,
                &[
                    ("error", Some(refusal.code)),
                    ("error_description", Some(refusal.description)),
                    ("state", state),
                ],
            );
            answer::because(answer::see_other(&location), refusal.cause)
        }
    }
}

/// Why the browser goes back to the application at once.
struct Refusal {
    code: &'static str,
    description: &'static str,
    cause: Option<answer::Cause>,
}

impl Refusal {
    const fn new(code: &'static str, description: &'static str) -> Self {
        Self { code, description, cause: None }
    }

    const fn invalid(description: &'static str) -> Self {
        Self::new("invalid_request", description)
    }
}

/// The client, and the redirect URI that is exactly one of its own.
fn target<'a>(http: &'a Http, fields: &'a Fields) -> Result<(&'a ClientPolicy, &'a str), Problem> {
    let client = fields.get("client_id").and_then(|id| http.engine().policy().client(id));
    let client = client.ok_or(Problem::InvalidRequest("invalid client ID"))?;
    let redirect_uri = fields
        .get("redirect_uri")
        .filter(|uri| uri.len() <= MAX_REDIRECT_URI_BYTES)
        .filter(|&uri| client.redirect_uris.iter().any(|own| own == uri))
        .ok_or(Problem::InvalidRequest("redirect URI is not allowed"))?;
    Ok((client, redirect_uri))
}

async fn start(
    http: &Http,
    call: &Call,
    fields: &Fields,
    client: &ClientPolicy,
    redirect_uri: &str,
) -> Result<Response, Refusal> {
    let request = request(fields, client, redirect_uri)?;
    let hint = match fields.get("login_hint") {
        Some(text) => Some(Hint::parse(text).ok_or(Refusal::invalid("invalid login_hint"))?),
        None => None,
    };
    let payload = request.to_payload().ok_or(Refusal::invalid("the request is too long"))?;
    let start = match &hint {
        None => FlowStart::Plain,
        Some(Hint::PromotionCode(code)) => FlowStart::PromotionCode(code),
        Some(Hint::SignedRequest(request)) => FlowStart::SignedRequest(request),
    };
    let cookie_user = match (&hint, &request.response_type) {
        (Some(_), ResponseType::None) => Some(cookie_user(http, call).await?),
        (Some(_), ResponseType::Code(_)) | (None, _) => None,
    };
    let page = page(fields, hint.as_ref());
    // A page is opened again when it is reloaded or come back to, long after its code was spent.
    if let Some(id) = reopened(http, call, &start, &payload) {
        return Ok(answer::see_other(&address(http, page, &id)));
    }
    let opened = http.engine().open_flow(start, &payload).await.map_err(refusal)?;
    if let Some(user) = cookie_user {
        is_guest(http, &opened, user)?;
    }
    let mut response = answer::see_other(&address(http, page, &opened.id));
    flow::set_cookie(http, call, &opened, &mut response);
    Ok(response)
}

/// What the client asks for, in the order in which an error is told.
fn request(fields: &Fields, client: &ClientPolicy, redirect_uri: &str) -> Result<Request, Refusal> {
    if fields.get("nonce").is_some_and(|nonce| CodeRequest::MAX_NONCE < nonce.len()) {
        return Err(Refusal::invalid("nonce is too long"));
    }
    if fields.get("state").is_some_and(|state| MAX_STATE_BYTES < state.len()) {
        return Err(Refusal::invalid("state is too long"));
    }
    // What only a signed object says would be taken for not said (OpenID Connect Core 1.0, section 6).
    if fields.get("request").is_some() {
        return Err(Refusal::new("request_not_supported", "request objects are not read"));
    }
    if fields.get("request_uri").is_some() {
        return Err(Refusal::new("request_uri_not_supported", "request objects are not fetched"));
    }
    if !client.is_first_party_public() {
        return Err(Refusal::new("unauthorized_client", "this client may not sign people in"));
    }
    let is_code = match fields.get("response_type") {
        Some("code") => true,
        Some("none") => false,
        Some(_) => {
            let description = "response_type is code or none";
            return Err(Refusal::new("unsupported_response_type", description));
        }
        None => return Err(Refusal::invalid("response_type is required")),
    };
    if fields.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(Refusal::invalid("response_mode can only be query"));
    }
    for prompt in fields.get("prompt").unwrap_or_default().split_ascii_whitespace() {
        match prompt {
            "login" | "create" | "consent" | "select_account" => {}
            "none" => {
                return Err(Refusal::new("login_required", "nobody is signed in without a page"));
            }
            _ => return Err(Refusal::invalid("unknown prompt")),
        }
    }
    let mut scopes = fields.get("scope").unwrap_or_default().split(' ');
    if !scopes.any(|scope| scope == "openid") {
        return Err(Refusal::new("invalid_scope", "scope must have openid"));
    }
    let response_type = if is_code {
        if fields.get("code_challenge_method") != Some("S256") {
            return Err(Refusal::invalid("code_challenge_method must be S256"));
        }
        let challenge = fields.get("code_challenge").filter(|text| is_code_challenge(text));
        ResponseType::Code(challenge.ok_or(Refusal::invalid("invalid code_challenge"))?.to_owned())
    } else {
        ResponseType::None
    };
    Ok(Request {
        client: client.client_id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        state: fields.get("state").map(str::to_owned),
        response_type,
        nonce: fields.get("nonce").map(str::to_owned),
    })
}

/// Whose session cookie this browser has. Asked before the code is spent on a flow that cannot end.
async fn cookie_user(http: &Http, call: &Call) -> Result<UserId, Refusal> {
    let token = match http.site().cookies.session(call.headers()) {
        Found::One(text) => SessionToken::parse(text).ok_or(NOT_THE_GUEST)?,
        Found::Nothing | Found::Several => return Err(NOT_THE_GUEST),
    };
    match http.caller_by_cookie(&token).await {
        Ok(caller) => Ok(caller.user.id),
        Err(Error::Rejected(Rejection::Disabled)) => Err(refusal(Rejection::Disabled.into())),
        Err(Error::Rejected(_)) => Err(NOT_THE_GUEST),
        Err(error) => Err(refusal(error)),
    }
}

fn is_guest(http: &Http, opened: &OpenedFlow, user: UserId) -> Result<(), Refusal> {
    let flow = http.engine().flow(&opened.ticket.text).map_err(refusal)?;
    match flow.guest {
        Some(guest) if guest.user() == user => Ok(()),
        Some(_) | None => Err(NOT_THE_GUEST),
    }
}

/// The flow that this code or signed request has opened before, if it was in this browser and for the
/// same request.
fn reopened(http: &Http, call: &Call, start: &FlowStart<'_>, payload: &[u8]) -> Option<String> {
    let id = http.engine().flow_id(start)?;
    let flow = flow::by_id(http, call, &id).ok()?;
    (flow.payload == payload).then_some(id)
}

/// The page that comes first. Each leads to the other.
fn page(fields: &Fields, hint: Option<&Hint>) -> Endpoint {
    let creates = fields.get("prompt").unwrap_or_default().split(' ').any(|one| one == "create");
    match (fields.get("x_page"), hint) {
        (Some("login"), _) => Endpoint::LogInPage,
        (Some("signup"), _) | (_, Some(_)) => Endpoint::SignUpPage,
        (_, None) if creates => Endpoint::SignUpPage,
        (_, None) => Endpoint::LogInPage,
    }
}

fn address(http: &Http, page: Endpoint, id: &str) -> String {
    format!("{}{}?flow={id}", http.engine().policy().public_origin.as_str(), page.path())
}

fn refusal(error: Error) -> Refusal {
    match Failure::from(error) {
        Failure::Rejected(rejection) => match rejection {
            Rejection::Disabled => Refusal::new("access_denied", "user is disabled"),
            Rejection::AnonymousDisabled => {
                Refusal::new("unauthorized_client", "anonymous user disallowed")
            }
            Rejection::ClientUnknown | Rejection::ClientNotAllowed | Rejection::ClientMismatch => {
                Refusal::new("unauthorized_client", "this client may not do this")
            }
            Rejection::AlreadyPromoted => Refusal::invalid("promoted"),
            Rejection::AlreadyMerged => Refusal::invalid("merged"),
            Rejection::Deleted => Refusal::invalid("deleted"),
            Rejection::Collected => Refusal::invalid("collected"),
            Rejection::NotAnonymous => Refusal::invalid("user logged in as normal user"),
            Rejection::DeviceKeyNeeded => {
                Refusal::invalid("the anonymous user has a device key and promotes with it")
            }
            Rejection::TicketSpent => Refusal::invalid("login_hint was used before"),
            Rejection::TicketExpired => Refusal::invalid("login_hint has expired"),
            Rejection::LimitReached => {
                Refusal::new("temporarily_unavailable", "request rate limited")
            }
            Rejection::Denied
            | Rejection::SessionUnknown
            | Rejection::SessionExpired
            | Rejection::SessionSuperseded
            | Rejection::AccessTokenExpired
            | Rejection::AccessTokenInvalid
            | Rejection::IdentityTaken
            | Rejection::TicketInvalid
            | Rejection::ActionMismatch
            | Rejection::PasswordTooShort
            | Rejection::PasswordTooLong
            | Rejection::NoPassword
            | Rejection::NoLoginId
            | Rejection::UserUnknown => Refusal::invalid("invalid login_hint"),
        },
        Failure::Later(cause) => Refusal {
            cause: Some(cause),
            ..Refusal::new("temporarily_unavailable", "try again in a moment")
        },
        Failure::Broken(cause) => Refusal {
            cause: Some(cause),
            ..Refusal::new("server_error", "unexpected error occurred")
        },
    }
}

/// The unpadded base64url of a SHA-256 digest.
fn is_code_challenge(text: &str) -> bool {
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    text.len() == 43 && text.bytes().all(alphabet)
}

const NOT_THE_GUEST: Refusal =
    Refusal::invalid("login_hint names another guest than this browser's");
