//! A page that does the same in the browser, through the published client SDK.
//!
//! The SDK is not part of this repository: it is served from where npm installs it.

use std::fs;
use std::path::Path;

use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use tokio::task;

use crate::page::Page;

/// Shows the page.
pub(crate) async fn show() -> Response {
    let page = Page::new("Through the SDK");
    if !bundle_path().exists() {
        let page = page.alert("The SDK is not installed.").raw(HOW_TO_INSTALL);
        return page.way_back().into_response();
    }
    let page = page.with_head(SCRIPTS).raw(PAGE);
    ([(CONTENT_SECURITY_POLICY, POLICY_WITH_SCRIPTS)], page).into_response()
}

/// The script of the page.
pub(crate) async fn script() -> impl IntoResponse {
    ([(CONTENT_TYPE, JAVASCRIPT)], include_str!("sdk.js"))
}

/// The SDK, as it was published.
pub(crate) async fn bundle() -> Response {
    match task::spawn_blocking(|| fs::read(bundle_path())).await {
        Ok(Ok(bundle)) => ([(CONTENT_TYPE, JAVASCRIPT)], bundle).into_response(),
        Ok(Err(_)) | Err(_) => {
            (StatusCode::NOT_FOUND, "the SDK is not installed\n").into_response()
        }
    }
}

fn bundle_path() -> &'static Path {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/sdk/node_modules/@authgear/web/dist/authgear-web.iife.js"
    ))
}

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

const POLICY_WITH_SCRIPTS: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src \
     'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HOW_TO_INSTALL: &str = "<p>In the folder of the repository, run</p>
<pre><code>npm ci --prefix tests/sdk</code></pre>
<p>and load this page again.</p>
";

const SCRIPTS: &str = "<script src=\"/sdk/authgear-web.js\" defer></script>
<script type=\"module\" src=\"/sdk/page.js\"></script>
";

const PAGE: &str = "<p>Here the browser itself talks to the engine, through <code>@authgear/web</code> as \
     it is published. The wall is the same. With the session type <em>cookie</em>, so are you; with \
     <em>refresh token</em>, who you are here is known to this page only, and on the wall itself you \
     are nobody yet.</p>
<noscript><p class=\"note bad\">This page needs JavaScript. The rest of the site does not.</p></noscript>
<p id=\"problem\" class=\"note bad\" role=\"alert\" hidden></p>
<p id=\"done\" class=\"note good\" role=\"status\" hidden></p>
<div class=\"columns\">
<section class=\"card you\" aria-labelledby=\"you\">
<h2 id=\"you\">Who you are</h2>
<dl aria-live=\"polite\">
<div><dt>State</dt><dd id=\"state\">…</dd></div>
<div><dt>Kind of user</dt><dd id=\"kind\">…</dd></div>
<div><dt><code>sub</code></dt><dd id=\"sub\">…</dd></div>
</dl>
<fieldset id=\"session-type\" aria-describedby=\"session-type-hint\">
<legend>Session type</legend>
<label><input type=\"radio\" name=\"session-type\" value=\"refresh_token\"> refresh token</label>
<label><input type=\"radio\" name=\"session-type\" value=\"cookie\"> cookie</label>
<p id=\"session-type-hint\" class=\"hint\">To be changed while nobody is signed in.</p>
</fieldset>
</section>
<div class=\"stream\">
<div class=\"card controls\">
<button id=\"guest\" type=\"button\">Continue as guest</button>
<button id=\"sign-up\" type=\"button\">Sign up to keep this</button>
<button id=\"log-in\" type=\"button\" class=\"quiet\">Log in</button>
<button id=\"log-out\" type=\"button\" class=\"quiet\">Log out</button>
</div>
<div id=\"last-warning\" class=\"card\" role=\"group\" aria-labelledby=\"warning\" hidden>
<p id=\"warning\"></p>
<div class=\"controls\">
<button id=\"leave\" type=\"button\" class=\"quiet\"></button>
<button id=\"stay\" type=\"button\">Stay</button>
</div>
</div>
<form id=\"composer\" class=\"card composer\">
<label for=\"message\">Message</label>
<textarea id=\"message\" rows=\"3\" dir=\"auto\"></textarea>
<div class=\"row\"><p class=\"hint\">Sent by the SDK’s own <code>fetch</code>.</p>
<button>Post</button></div>
</form>
<p><a href=\"/\">To the wall</a></p>
</div>
</div>
";
