//! The pages that people see: what is on them, and our own way to write them.

mod html;

use http::StatusCode;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
};

use super::Http;
use super::answer::{self, BUSY_SECONDS, Cause, Failure, Response};
use super::redirect::csp_source;

/// Writes the pages. A host gives its own to [`Http::with_pages`].
///
/// # What must hold
///
/// A form is sent with POST to the [`action`](FormPage::action) of its page, with the fields named
/// here; whatever comes from the page's fields is escaped. The content security policy lets the page
/// load styles and images of this origin, and run no script at all.
///
/// # What breaks otherwise
///
/// People cannot sign up; what somebody writes into a field or an address becomes part of the page.
pub trait Pages: std::fmt::Debug + Send + Sync + 'static {
    /// The HTML of a page.
    fn html(&self, page: &Page<'_>) -> String;
}

/// Our own pages: plain forms that need no script.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainPages;

impl Pages for PlainPages {
    fn html(&self, page: &Page<'_>) -> String {
        html::page(page)
    }
}

/// What is on a page.
#[derive(Debug)]
pub enum Page<'a> {
    /// Fields `email` and `password`, to become a regular user.
    SignUp(FormPage<'a>),
    /// Fields `email` and `password`, of a user that there is; and `leave_guest=true` from whoever has made
    /// the [choice](GuestNote::choice), where there is one.
    LogIn(FormPage<'a>),
    /// Asks whether to log out. Fields `confirm=true` and the page's own.
    SignOut(SignOutPage<'a>),
    /// Says why there is nothing to fill in.
    Problem(&'a Problem),
}

/// The form of the sign-up or log-in page.
#[derive(Debug)]
pub struct FormPage<'a> {
    /// Where the form is sent to.
    pub action: &'a str,
    /// Where the other of the two pages is.
    pub other_page: &'a str,
    /// The client that the person comes from.
    pub client_id: &'a str,
    /// The e-mail address that was sent before; empty at first. It may be anything at all.
    pub email: &'a str,
    /// Whether the [choice](GuestNote::choice) was made before.
    pub leaves_guest: bool,
    /// The least characters that a new password has.
    pub password_least: u32,
    /// Why what was sent before was refused.
    pub alert: Option<Alert>,
    /// What happens to what the person did as a guest.
    pub guest: GuestNote,
}

impl FormPage<'_> {
    /// The field that what was sent before was refused for, if it was for one: it is marked as invalid, and
    /// described by the alert.
    pub fn at_fault(&self) -> Option<FormField> {
        match self.alert? {
            Alert::EmailInvalid | Alert::EmailTaken | Alert::EmailTakenLogIn => {
                Some(FormField::Email)
            }
            Alert::PasswordTooShort { .. } | Alert::PasswordTooLong { .. } => {
                Some(FormField::Password)
            }
            Alert::Incomplete => Some(self.first_missing()),
            Alert::Denied
            | Alert::GuestCannotJoin
            | Alert::GuestOver
            | Alert::GuestGone
            | Alert::PageOver
            | Alert::SignedInAlready
            | Alert::Disabled
            | Alert::LimitReached
            | Alert::TryLater
            | Alert::Failed => None,
        }
    }

    /// The field where the keyboard starts: the one at fault, else the first with nothing in it.
    pub fn starts_at(&self) -> FormField {
        self.at_fault().unwrap_or_else(|| self.first_missing())
    }

    /// No page gives a password back.
    fn first_missing(&self) -> FormField {
        if self.email.is_empty() { FormField::Email } else { FormField::Password }
    }
}

/// A field of the sign-up or log-in page.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormField {
    /// The e-mail address.
    Email,
    /// The password.
    Password,
}

/// What happens to what was done as a guest.
///
/// A guest that was *brought* is named by the link that led here, and nothing in this browser says that
/// it is the person's own: somebody else may have sent the link.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestNote {
    /// The person is no guest.
    Nothing,
    /// It will be the person's, whoever has done it.
    Stays,
    /// It will be joined to the account that the person logs in to.
    Joins,
    /// It will be the person's, or is joined to the account that already has what is filled in.
    MayJoin,
    /// The guest was brought, and what it did will be the person's.
    BroughtStays,
    /// The guest was brought, and what it did will be joined to the account that the person logs in to.
    BroughtJoins,
    /// The guest was brought, and what it did will be the person's, or is joined to the account that
    /// already has what is filled in.
    BroughtMayJoin,
    /// It stays with the guest, whom whoever logs in leaves.
    Leaves,
    /// The guest was brought, and what it did stays with it; whoever logs in leaves it.
    BroughtLeaves,
}

impl GuestNote {
    /// The note for people to read, if there is one.
    pub const fn text(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Joins => Some(
                "What was done in this browser without an account will be joined to the account you \
                 log in to.",
            ),
            Self::Stays => Some(
                "What was done in this browser without an account will belong to the new account.",
            ),
            Self::MayJoin => Some(
                "What was done in this browser without an account will belong to the new account, or \
                 to the one that you already have with this e-mail address and password.",
            ),
            Self::BroughtStays => Some(
                "You came here as a guest of the application, and what that guest did will be yours. \
                 Go on only if the guest was you.",
            ),
            Self::BroughtJoins => Some(
                "You came here as a guest of the application, and what that guest did will be joined \
                 to the account you log in to. Go on only if the guest was you.",
            ),
            Self::BroughtMayJoin => Some(
                "You came here as a guest of the application, and what that guest did will be yours, \
                 joined to your account if you already have one with this e-mail address and \
                 password. Go on only if the guest was you.",
            ),
            Self::Leaves => Some(
                "You are using the application as a guest. If you log in, what was done in this \
                 browser without an account does not come along: it stays with the guest, and nobody \
                 can come back to that guest from here. To keep it, sign up with an e-mail address \
                 that has no account.",
            ),
            Self::BroughtLeaves => Some(
                "You came here as a guest of the application. If you log in, what that guest did does \
                 not come along: it stays with the guest, and the application may have no way back to \
                 it. To keep it, sign up with an e-mail address that has no account.",
            ),
        }
    }

    /// What somebody has to choose who is to log in and leaves a guest by that: nobody loses a guest by
    /// the way. The form has a box for it, and sends `leave_guest=true` if it is ticked.
    pub const fn choice(self) -> Option<&'static str> {
        match self {
            Self::Leaves | Self::BroughtLeaves => Some("Leave this guest and log in"),
            Self::Nothing
            | Self::Stays
            | Self::Joins
            | Self::MayJoin
            | Self::BroughtStays
            | Self::BroughtJoins
            | Self::BroughtMayJoin => None,
        }
    }
}

/// Asks whether to log out.
#[derive(Debug)]
pub struct SignOutPage<'a> {
    /// Where the form is sent to.
    pub action: &'a str,
    /// Whether the person is a guest who has no way back, so that all that they have done is lost to them.
    /// It may be so, too, where who it is cannot be told.
    pub loses_guest: bool,
    /// Where the browser goes afterwards; sent as `post_logout_redirect_uri` if there is one.
    pub post_logout_redirect_uri: Option<&'a str>,
    /// What the browser takes there; sent as `state` if there is one.
    pub state: Option<&'a str>,
}

/// Why a form was refused.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alert {
    /// A field is empty, or the form cannot be read.
    Incomplete,
    /// What was given is no e-mail address.
    EmailInvalid,
    /// The password has too few characters.
    PasswordTooShort {
        /// The least there must be.
        least: u32,
    },
    /// The password has too many characters.
    PasswordTooLong {
        /// The most there may be.
        most: usize,
    },
    /// No user has this e-mail address and this password.
    Denied,
    /// Another user has the e-mail address, and the policy answers that with an error.
    EmailTaken,
    /// Another user has the e-mail address; logging in joins the guest to it.
    EmailTakenLogIn,
    /// The person is a guest, and the policy joins no guest to a user that there is.
    GuestCannotJoin,
    /// The guest was promoted or merged meanwhile, perhaps in another tab.
    GuestOver,
    /// The guest was deleted or collected meanwhile, or its session has ended.
    GuestGone,
    /// The page cannot be used any more.
    PageOver,
    /// The person is signed in already, as a regular user.
    SignedInAlready,
    /// The user is locked out.
    Disabled,
    /// Too many attempts.
    LimitReached,
    /// It may succeed in a moment.
    TryLater,
    /// It did not succeed, and the operator has to look.
    Failed,
}

impl Alert {
    /// The alert for people to read.
    pub fn text(self) -> String {
        let text = match self {
            Self::Incomplete => "Enter an e-mail address and a password.",
            Self::EmailInvalid => "This is not an e-mail address that we can accept.",
            Self::PasswordTooShort { least } => {
                return format!("The password is too short: use at least {least} characters.");
            }
            Self::PasswordTooLong { most } => {
                return format!("The password is too long: use at most {most} characters.");
            }
            Self::Denied => "The e-mail address or the password is wrong.",
            Self::EmailTaken => {
                "This e-mail address cannot be used. If the account is yours, log in to it instead: \
                 the log-in page says what becomes of what you did as a guest."
            }
            Self::EmailTakenLogIn => {
                "There is already an account with this e-mail address. If it is yours, log in instead."
            }
            Self::GuestCannotJoin => {
                "You are using the application as a guest, and that cannot be joined to an account \
                 that you already have. You are still a guest, and nothing has changed. To log in \
                 all the same, choose to leave the guest."
            }
            Self::GuestOver => {
                "You have already signed up or logged in, perhaps in another tab. Go back to the \
                 application."
            }
            Self::GuestGone => {
                "Your time as this guest is over. Go back to the application and start again."
            }
            Self::PageOver => "This page has expired. Go back to the application and start again.",
            Self::SignedInAlready => {
                "You are signed in already. Go back to the application, or log out there first."
            }
            Self::Disabled => "This account is locked.",
            Self::LimitReached => "Too many attempts. Try again in some minutes.",
            Self::TryLater => "This did not work. Try again in a moment.",
            Self::Failed => "This did not work. It is not your fault.",
        };
        text.to_owned()
    }

    /// Whether it is of no use to fill the form in again, so that none need be shown.
    pub const fn is_final(self) -> bool {
        match self {
            Self::GuestGone | Self::PageOver | Self::SignedInAlready => true,
            Self::Incomplete
            | Self::EmailInvalid
            | Self::PasswordTooShort { .. }
            | Self::PasswordTooLong { .. }
            | Self::Denied
            | Self::EmailTaken
            | Self::EmailTakenLogIn
            | Self::GuestCannotJoin
            // Whoever has lost the answer enters the same again, and is let in.
            | Self::GuestOver
            | Self::Disabled
            | Self::LimitReached
            | Self::TryLater
            | Self::Failed => false,
        }
    }

    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Incomplete
            | Self::EmailInvalid
            | Self::PasswordTooShort { .. }
            | Self::PasswordTooLong { .. } => StatusCode::BAD_REQUEST,
            Self::Denied | Self::Disabled => StatusCode::FORBIDDEN,
            Self::EmailTaken
            | Self::EmailTakenLogIn
            | Self::GuestCannotJoin
            | Self::GuestOver
            | Self::GuestGone
            | Self::PageOver
            | Self::SignedInAlready => StatusCode::CONFLICT,
            Self::LimitReached => StatusCode::TOO_MANY_REQUESTS,
            Self::TryLater => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Why there is nothing to fill in.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Problem {
    /// The request cannot be; the text says why, in the words of developers.
    InvalidRequest(&'static str),
    /// The flow has ended, or is not this browser's.
    FlowOver,
    /// The flow is for another guest than the one whose cookie this browser has.
    NotYourGuest,
    /// The guest whose cookie this browser has is locked out.
    Disabled,
    /// The form was not sent by our own page.
    ForeignForm,
    /// What was sent is too large to be looked at.
    TooLarge,
    /// It may succeed in a moment.
    Later(Cause),
    /// The operator has to look.
    Broken(Cause),
}

impl Problem {
    /// A failure of the engine, which is `refused` where the rules forbid something.
    pub(super) fn of(failure: Failure, refused: Self) -> Self {
        match failure {
            Failure::Rejected(_) => refused,
            Failure::Later(cause) => Self::Later(cause),
            Failure::Broken(cause) => Self::Broken(cause),
        }
    }

    /// The problem for people to read.
    pub fn text(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => {
                "The application has made a request that cannot be answered."
            }
            Self::FlowOver => {
                "This page is over. You may be logged in already. If not, go back to the application and \
                 start again; your browser has to keep cookies."
            }
            Self::NotYourGuest => {
                "This page belongs to another guest. Go back to the application and start again."
            }
            Self::Disabled => "This account is locked.",
            Self::ForeignForm => "This form was not sent from our own page, and was ignored.",
            Self::TooLarge => {
                "What was filled in is longer than can be. Nothing was done: go back and make it \
                 shorter."
            }
            Self::Later(_) => "This did not work. Try again in a moment.",
            Self::Broken(_) => "This did not work. It is not your fault.",
        }
    }

    /// What a developer needs to know.
    pub fn detail(&self) -> Option<&'static str> {
        match self {
            Self::InvalidRequest(detail) => Some(detail),
            Self::FlowOver
            | Self::NotYourGuest
            | Self::Disabled
            | Self::ForeignForm
            | Self::TooLarge
            | Self::Later(_)
            | Self::Broken(_) => None,
        }
    }

    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::InvalidRequest(_) | Self::FlowOver => StatusCode::BAD_REQUEST,
            Self::NotYourGuest | Self::Disabled | Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Later(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(super) fn cause(&self) -> Option<Cause> {
        match self {
            Self::Later(cause) | Self::Broken(cause) => Some(cause.clone()),
            Self::InvalidRequest(_)
            | Self::FlowOver
            | Self::NotYourGuest
            | Self::Disabled
            | Self::ForeignForm
            | Self::TooLarge => None,
        }
    }
}

impl Http {
    /// A page with the headers that every page has. `leads_to` is where its form goes in the end.
    pub(super) fn page(
        &self,
        status: StatusCode,
        page: &Page<'_>,
        leads_to: Option<&str>,
    ) -> Response {
        let body = self.pages.html(page).into_bytes();
        let mut response = answer::with_body(status, "text/html; charset=utf-8", body);
        let headers = response.headers_mut();
        let beyond = leads_to.and_then(csp_source).map(|source| format!(" {source}"));
        let policy = format!(
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'{}; \
             frame-ancestors 'none'; base-uri 'none'",
            beyond.unwrap_or_default()
        );
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        // With "no-referrer" Chromium would send `Origin: null` along with our own forms.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert(FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        response
    }

    /// A page that says why there is nothing to fill in.
    pub(super) fn problem(&self, problem: &Problem) -> Response {
        let response = self.page(problem.status(), &Page::Problem(problem), None);
        let response = answer::because(response, problem.cause());
        if problem.status() == StatusCode::SERVICE_UNAVAILABLE {
            return answer::retry_after(response, BUSY_SECONDS);
        }
        response
    }
}

/// The stylesheet of our own pages.
pub(super) fn style() -> Response {
    let body = include_str!("pages/style.css").as_bytes().to_vec();
    let response = answer::with_body(StatusCode::OK, "text/css; charset=utf-8", body);
    answer::with_header(response, CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"))
}

const FRAME_OPTIONS: HeaderName = HeaderName::from_static("x-frame-options");
