//! The sign-up and log-in pages: showing them, and taking what was filled in.

use http::header::SET_COOKIE;

use super::Http;
use super::answer::{self, BUSY_SECONDS, Cause, Failure, LIMITED_SECONDS, Response};
use super::call::{Call, FormError};
use super::fields::FieldsError;
use super::flow::{self, Request, ResponseType, Visitor};
use super::pages::{Alert, FormPage, GuestNote, Page, Problem};
use super::redirect::with_query;
use super::route::Endpoint;
use crate::credential::Password;
use crate::engine::{Credential, Error, Opened, SignedIn};
use crate::model::{LoginId, LoginIdType};
use crate::rules::{OnConflict, Rejection};

pub(super) async fn sign_up(http: &Http, call: &Call) -> Response {
    visit(http, call, Kind::SignUp).await.unwrap_or_else(|problem| http.problem(&problem))
}

pub(super) async fn log_in(http: &Http, call: &Call) -> Response {
    visit(http, call, Kind::LogIn).await.unwrap_or_else(|problem| http.problem(&problem))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    SignUp,
    LogIn,
}

/// A page of one flow, ready to be shown.
struct Visit<'a> {
    http: &'a Http,
    kind: Kind,
    id: String,
    request: Request,
    visitor: Visitor,
}

/// What was filled in, as far as a page shows it again.
#[derive(Clone, Copy, Default)]
struct Entered<'a> {
    email: &'a str,
    leaves_guest: bool,
}

async fn visit(http: &Http, call: &Call, kind: Kind) -> Result<Response, Problem> {
    if call.is_post() {
        http.refuse_foreign_form(call)?;
    }
    let found = flow::find(http, call)?;
    let (request, id, visitor) = flow::visitor(http, call, found).await?;
    let visit = Visit { http, kind, id, request, visitor };
    if call.is_post() {
        visit.submit(call).await
    } else {
        Ok(visit.show(Entered::default(), visit.forbids_sign_up(), None))
    }
}

impl Visit<'_> {
    async fn submit(&self, call: &Call) -> Result<Response, Problem> {
        let form = match call.form() {
            Ok(form) => form,
            Err(FormError::NotAForm) => {
                return Err(Problem::InvalidRequest(FormError::NotAForm.message()));
            }
            Err(FormError::Fields(FieldsError::TooLong)) => return Err(Problem::TooLarge),
            Err(FormError::Fields(
                FieldsError::TooMany | FieldsError::Repeated | FieldsError::NotUtf8,
            )) => return Ok(self.refuse(Entered::default(), Alert::Incomplete)),
        };
        let email = form.get("email").unwrap_or_default();
        let leaves_guest = self.may_leave_guest() && form.get("leave_guest") == Some("true");
        let entered = Entered { email, leaves_guest };
        let Some(password) = form.get("password").filter(|_| !email.is_empty()) else {
            return Ok(self.refuse(entered, Alert::Incomplete));
        };
        let Ok(login_id) = LoginId::parse(LoginIdType::Email, email) else {
            return Ok(self.refuse(entered, Alert::EmailInvalid));
        };
        let credential = Credential::password(login_id, password);
        if let Some(alert) = self.forbids_sign_up() {
            return Ok(self.refuse(entered, alert));
        }
        match self.decide(credential, entered, call).await.map_err(Failure::from) {
            Ok(signed_in) => {
                let cause = self.end_replaced(&signed_in, entered, call).await;
                Ok(answer::because(self.leave(&signed_in), cause))
            }
            Err(Failure::Rejected(rejection)) => Ok(self.refuse(entered, self.alert(rejection))),
            Err(Failure::Later(cause)) => {
                Ok(self.show(entered, Some(Alert::TryLater), Some(cause)))
            }
            Err(Failure::Broken(cause)) => Ok(self.show(entered, Some(Alert::Failed), Some(cause))),
        }
    }

    /// A second tab whose first one has just signed up must not make a second user.
    fn forbids_sign_up(&self) -> Option<Alert> {
        let is_second = self.kind == Kind::SignUp && self.visitor == Visitor::Regular;
        is_second.then_some(Alert::SignedInAlready)
    }

    /// Whether whoever logs in here has to leave a guest behind, and says so in the form. Whose the login
    /// ID is plays no part: the choice would tell.
    fn may_leave_guest(&self) -> bool {
        self.guest_note().choice().is_some()
    }

    async fn decide(
        &self,
        credential: Credential,
        entered: Entered<'_>,
        call: &Call,
    ) -> Result<SignedIn, Error> {
        let engine = self.http.engine();
        let open = self.request.open().ok_or(Error::Rejected(Rejection::ClientUnknown))?;
        match (self.kind, self.visitor.guest()) {
            (Kind::SignUp, Some(guest)) => {
                engine.promote(guest, credential, open, call.address).await
            }
            (Kind::SignUp, None) => engine.sign_up(credential, open, call.address).await,
            (Kind::LogIn, guest) => {
                let guest = guest.filter(|_| !entered.leaves_guest);
                engine.sign_in(credential, guest, open, call.address).await
            }
        }
    }

    /// Ends the session whose place in this browser a new one takes: nobody could end it afterwards. A
    /// guest's is over by now, and stays to say why, unless the person has left the guest. What a flow
    /// with tokens leaves is in the keeping of the application, which may yet fail to redeem its code.
    ///
    /// The person is signed in whether or not this succeeds; what failed is for the host to know.
    async fn end_replaced(
        &self,
        signed_in: &SignedIn,
        entered: Entered<'_>,
        call: &Call,
    ) -> Option<Cause> {
        match signed_in.opened {
            Opened::Session { .. } => {}
            Opened::Code(_) => return None,
        }
        let token = self.http.session_token(call.headers())?;
        let ended = match self.http.caller_by_cookie(&token).await {
            Ok(caller) if !caller.user.is_anonymous() || entered.leaves_guest => {
                self.http.engine().sign_out(&token).await
            }
            Ok(_) => Ok(false),
            Err(error) => Err(error),
        };
        match ended.map_err(Failure::from) {
            Ok(_) | Err(Failure::Rejected(_)) => None,
            Err(Failure::Later(cause) | Failure::Broken(cause)) => Some(cause),
        }
    }

    /// Back to the application.
    fn leave(&self, signed_in: &SignedIn) -> Response {
        let state = self.request.state.as_deref();
        let (code, cookies) = match &signed_in.opened {
            Opened::Code(code) => (Some(code.text.as_str()), Vec::new()),
            Opened::Session { token, .. } => (None, self.http.session_cookies(token)),
        };
        let parameters = [("code", code), ("state", state)];
        let mut response = answer::see_other(&with_query(&self.request.redirect_uri, &parameters));
        let headers = response.headers_mut();
        let over = self.http.site().cookies.no_flow(&self.id);
        headers.extend(cookies.into_iter().chain(over).map(|cookie| (SET_COOKIE, cookie)));
        response
    }

    fn refuse(&self, entered: Entered<'_>, alert: Alert) -> Response {
        self.show(entered, Some(alert), None)
    }

    fn show(&self, entered: Entered<'_>, alert: Option<Alert>, cause: Option<Cause>) -> Response {
        let (here, other) = match self.kind {
            Kind::SignUp => (Endpoint::SignUpPage, Endpoint::LogInPage),
            Kind::LogIn => (Endpoint::LogInPage, Endpoint::SignUpPage),
        };
        let address = |page: Endpoint| format!("{}?flow={}", page.path(), self.id);
        let form = FormPage {
            action: &address(here),
            other_page: &address(other),
            client_id: &self.request.client,
            email: entered.email,
            leaves_guest: entered.leaves_guest,
            password_least: self.http.engine().policy().password.min_length,
            alert,
            guest: match alert {
                // There is no guest any more of whom to say what becomes of it.
                Some(Alert::GuestOver) if !self.may_leave_guest() => GuestNote::Nothing,
                Some(_) | None => self.guest_note(),
            },
        };
        let page = match self.kind {
            Kind::SignUp => Page::SignUp(form),
            Kind::LogIn => Page::LogIn(form),
        };
        let status = alert.map_or(http::StatusCode::OK, Alert::status);
        let response = self.http.page(status, &page, Some(&self.request.redirect_uri));
        let response = answer::because(response, cause);
        match alert {
            Some(Alert::TryLater) => answer::retry_after(response, BUSY_SECONDS),
            Some(Alert::LimitReached) => answer::retry_after(response, LIMITED_SECONDS),
            Some(_) | None => response,
        }
    }

    /// What the person must know before a guest is theirs, or is joined to a user, for good: on a device
    /// of several people it may have been somebody else.
    fn guest_note(&self) -> GuestNote {
        let on_conflict = self.http.engine().policy().anonymous.on_conflict;
        let is_brought = match self.request.response_type {
            ResponseType::Code(_) => true,
            ResponseType::None => false,
        };
        match (&self.visitor, on_conflict, self.kind, is_brought) {
            (Visitor::Nobody | Visitor::Regular, _, _, _) => GuestNote::Nothing,
            (Visitor::Guest(_), OnConflict::Error, Kind::LogIn, false) => GuestNote::Leaves,
            (Visitor::Guest(_), OnConflict::Error, Kind::LogIn, true) => GuestNote::BroughtLeaves,
            (Visitor::Guest(_), OnConflict::Error, Kind::SignUp, false) => GuestNote::Stays,
            (Visitor::Guest(_), OnConflict::Error, Kind::SignUp, true) => GuestNote::BroughtStays,
            (Visitor::Guest(_), OnConflict::Login, Kind::LogIn, false) => GuestNote::Joins,
            (Visitor::Guest(_), OnConflict::Login, Kind::LogIn, true) => GuestNote::BroughtJoins,
            (Visitor::Guest(_), OnConflict::Login, Kind::SignUp, false) => GuestNote::MayJoin,
            (Visitor::Guest(_), OnConflict::Login, Kind::SignUp, true) => GuestNote::BroughtMayJoin,
        }
    }

    fn alert(&self, rejection: Rejection) -> Alert {
        let policy = self.http.engine().policy();
        match rejection {
            Rejection::Denied
            | Rejection::UserUnknown
            | Rejection::NoPassword
            | Rejection::NoLoginId => match self.kind {
                Kind::LogIn => Alert::Denied,
                // Somebody has the e-mail address, with another password.
                Kind::SignUp => Alert::EmailTakenLogIn,
            },
            Rejection::Disabled => Alert::Disabled,
            Rejection::IdentityTaken => match (self.kind, self.visitor.guest()) {
                (Kind::LogIn, _) => Alert::GuestCannotJoin,
                (Kind::SignUp, None) => Alert::EmailTakenLogIn,
                (Kind::SignUp, Some(_)) => match policy.anonymous.on_conflict {
                    OnConflict::Error => Alert::EmailTaken,
                    OnConflict::Login => Alert::EmailTakenLogIn,
                },
            },
            Rejection::PasswordTooShort => {
                Alert::PasswordTooShort { least: policy.password.min_length }
            }
            Rejection::PasswordTooLong => Alert::PasswordTooLong { most: Password::MAX_LENGTH },
            Rejection::LimitReached => Alert::LimitReached,
            Rejection::AlreadyPromoted | Rejection::AlreadyMerged | Rejection::NotAnonymous => {
                Alert::GuestOver
            }
            Rejection::Deleted
            | Rejection::Collected
            | Rejection::SessionUnknown
            | Rejection::SessionExpired
            | Rejection::SessionSuperseded => Alert::GuestGone,
            Rejection::TicketInvalid | Rejection::TicketExpired | Rejection::TicketSpent => {
                Alert::PageOver
            }
            Rejection::AccessTokenExpired
            | Rejection::AccessTokenInvalid
            | Rejection::AnonymousDisabled
            | Rejection::ClientUnknown
            | Rejection::ClientNotAllowed
            | Rejection::ClientMismatch
            | Rejection::DeviceKeyNeeded
            | Rejection::ActionMismatch => Alert::Failed,
        }
    }
}
