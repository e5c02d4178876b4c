//! The numbers that stand for our enums in the database. They never change.

use crate::model::{LoginIdType, Method, Outcome, Standing, UserId};
use crate::store::StoreError;

/// The kind of an identity that is an account at another provider.
pub(super) const OAUTH: i64 = 4;
/// The kind of an authenticator that is a password.
pub(super) const PASSWORD: i64 = 1;

pub(super) fn of_login_id(kind: LoginIdType) -> i64 {
    match kind {
        LoginIdType::Email => 1,
        LoginIdType::Phone => 2,
        LoginIdType::Username => 3,
    }
}

pub(super) fn login_id(code: i64) -> Result<LoginIdType, StoreError> {
    match code {
        1 => Ok(LoginIdType::Email),
        2 => Ok(LoginIdType::Phone),
        3 => Ok(LoginIdType::Username),
        _ => Err(StoreError::corrupt("a stored identity is of no kind")),
    }
}

pub(super) fn of_outcome(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::Promoted => 1,
        Outcome::Merged => 2,
        Outcome::Deleted => 3,
    }
}

pub(super) fn outcome(code: i64) -> Result<Outcome, StoreError> {
    match code {
        1 => Ok(Outcome::Promoted),
        2 => Ok(Outcome::Merged),
        3 => Ok(Outcome::Deleted),
        _ => Err(StoreError::corrupt("a stored key is retired for no reason")),
    }
}

pub(super) fn of_method(method: Method) -> u8 {
    match method {
        Method::Anonymous => 1,
        Method::DeviceKey => 2,
        Method::Password => 3,
        Method::ProvenIdentity => 4,
    }
}

pub(super) fn method(code: i64) -> Result<Method, StoreError> {
    match code {
        1 => Ok(Method::Anonymous),
        2 => Ok(Method::DeviceKey),
        3 => Ok(Method::Password),
        4 => Ok(Method::ProvenIdentity),
        _ => Err(StoreError::corrupt("a stored session was opened by no method")),
    }
}

/// The number, and the user that it was merged into.
pub(super) fn of_standing(standing: Standing) -> (i64, Option<UserId>) {
    match standing {
        Standing::Anonymous => (1, None),
        Standing::Regular => (2, None),
        Standing::Merged { into } => (3, Some(into)),
        Standing::Deleted => (4, None),
        Standing::Collected => (5, None),
    }
}

pub(super) fn standing(code: i64, merged_into: Option<UserId>) -> Result<Standing, StoreError> {
    match (code, merged_into) {
        (1, None) => Ok(Standing::Anonymous),
        (2, None) => Ok(Standing::Regular),
        (3, Some(into)) => Ok(Standing::Merged { into }),
        (4, None) => Ok(Standing::Deleted),
        (5, None) => Ok(Standing::Collected),
        _ => Err(StoreError::corrupt("a stored user has no standing")),
    }
}
