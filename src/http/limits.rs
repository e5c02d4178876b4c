//! The limits of what a request may hold.

/// Most bytes of a request's body.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Most bytes of the names and values of a request's headers.
pub const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Most bytes of a request's path and query.
pub const MAX_TARGET_BYTES: usize = 16 * 1024;

/// Most fields of a form or query.
pub const MAX_FIELDS: usize = 64;

/// Most bytes of a field's value in a form, query or JSON object.
pub const MAX_FIELD_BYTES: usize = 8 * 1024;

/// Most properties of a JSON object that an endpoint takes.
pub const MAX_PROPERTIES: usize = 64;

/// Most bytes of the name of one.
pub const MAX_PROPERTY_NAME_BYTES: usize = 64;

/// Most properties that the answer to a wrong body names as unknown.
pub const MAX_UNKNOWN_NAMED: usize = 8;

/// Most levels of arrays and objects in a JSON body.
pub const MAX_JSON_DEPTH: usize = 8;

/// Most bytes of a redirect URI.
pub const MAX_REDIRECT_URI_BYTES: usize = 1024;

/// Most bytes of the `state` that is handed back at a redirect URI.
pub const MAX_STATE_BYTES: usize = 1024;

/// Most bytes of what a flow keeps in its cookie: with it the cookie stays below the 4096 bytes that
/// browsers keep.
pub const MAX_FLOW_BYTES: usize = 2700;

/// Most flows that one browser has open at a time; the oldest ones are forgotten.
pub const MAX_OPEN_FLOWS: usize = 4;

/// Most bytes of the cookies of all flows that one browser has open, unless the latest is longer by itself. A
/// server in front of us may refuse a request with 8 KiB of cookies, and with it the whole site.
pub const MAX_FLOW_COOKIES_BYTES: usize = 4096;

/// Most cookies of flows that one answer takes away of those that we have set, and of others: a server in front
/// of us may take 4 KiB of headers.
pub const MAX_FLOWS_TAKEN_AWAY: usize = 8;

/// Most entries of `X-Forwarded-For` that are looked at.
pub const MAX_FORWARDED_HOPS: usize = 32;

/// Longest life of a cookie in seconds; browsers cut off what lies beyond 400 days.
pub const MAX_COOKIE_SECONDS: u64 = 400 * 24 * 3600;
