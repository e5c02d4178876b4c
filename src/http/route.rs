//! Paths, their methods, and who may read their answers.

use http::Method;

use super::origin::Readers;

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Discovery,
    Jwks,
    Signup,
    PromotionCode,
    Challenge,
    Authorize,
    SignUpPage,
    LogInPage,
    Style,
    Token,
    UserInfo,
    Revoke,
    EndSession,
    Resolve,
}

impl Endpoint {
    pub(super) const ALL: [Self; 14] = [
        Self::Discovery,
        Self::Jwks,
        Self::Signup,
        Self::PromotionCode,
        Self::Challenge,
        Self::Authorize,
        Self::SignUpPage,
        Self::LogInPage,
        Self::Style,
        Self::Token,
        Self::UserInfo,
        Self::Revoke,
        Self::EndSession,
        Self::Resolve,
    ];

    /// The endpoint at this path.
    pub(super) fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.path() == path)
    }

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Discovery => "/.well-known/openid-configuration",
            Self::Jwks => "/oauth2/jwks",
            Self::Signup => "/api/anonymous_user/signup",
            Self::PromotionCode => "/api/anonymous_user/promotion_code",
            Self::Challenge => "/oauth2/challenge",
            Self::Authorize => "/oauth2/authorize",
            Self::SignUpPage => "/oauth2/signup",
            Self::LogInPage => "/oauth2/login",
            Self::Style => "/oauth2/style.css",
            Self::Token => "/oauth2/token",
            Self::UserInfo => "/oauth2/userinfo",
            Self::Revoke => "/oauth2/revoke",
            Self::EndSession => "/oauth2/end_session",
            Self::Resolve => "/resolve",
        }
    }

    /// The methods, beside `OPTIONS`.
    pub(super) fn methods(self) -> &'static [Method] {
        match self {
            Self::Discovery | Self::Jwks | Self::Style | Self::Resolve => {
                &[Method::GET, Method::HEAD]
            }
            Self::Signup | Self::PromotionCode | Self::Challenge | Self::Token | Self::Revoke => {
                &[Method::POST]
            }
            Self::Authorize
            | Self::SignUpPage
            | Self::LogInPage
            | Self::UserInfo
            | Self::EndSession => &[Method::GET, Method::POST],
        }
    }

    pub(super) const fn readers(self) -> Readers {
        match self {
            Self::Discovery | Self::Jwks => Readers::Everybody,
            Self::Signup
            | Self::PromotionCode
            | Self::Challenge
            | Self::Token
            | Self::UserInfo
            | Self::Revoke => Readers::Listed,
            Self::Authorize
            | Self::SignUpPage
            | Self::LogInPage
            | Self::Style
            | Self::EndSession
            | Self::Resolve => Readers::Nobody,
        }
    }
}
