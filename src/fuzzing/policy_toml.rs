//! Policies as TOML.

use crate::engine::Engine;
use crate::fuzzing::world::{CountingEntropy, NOW, block_on, hasher, keyring};
use crate::http::Http;
use crate::model::ManualClock;
use crate::rules::Policy;
use crate::store::memory::MemoryBackend;

/// A text is refused, or is a policy under which the site works.
pub fn policy_toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let policy = match Policy::from_toml(text) {
        Ok(policy) => policy,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "an operator wants to know what is wrong");
            return;
        }
    };
    assert_eq!(policy.check(), Ok(()));
    assert_eq!(Policy::from_toml(text).as_ref(), Ok(&policy));
    let clients: Vec<String> = policy.clients.iter().map(|one| one.client_id.clone()).collect();
    let engine = Engine::builder(MemoryBackend::new(), keyring(0), policy)
        .clock(ManualClock::at(NOW))
        .entropy(CountingEntropy::default())
        .hasher(hasher())
        .build()
        .expect("a policy that checks builds");
    let http = Http::new(engine);
    block_on(visit(&http, &clients));
}

/// No value of a policy that checks makes an answer impossible.
async fn visit(http: &Http, clients: &[String]) {
    let signup = http::Request::post("/api/anonymous_user/signup")
        .header("content-type", "application/json")
        .body(br#"{"session_type":"cookie"}"#.to_vec())
        .expect("a request");
    let response = http.respond(signup, "192.0.2.1".parse().ok()).await;
    let is_enabled = http.engine().policy().anonymous.enabled;
    let expected = if is_enabled { 200 } else { 400 };
    assert_eq!(response.status().as_u16(), expected);
    assert_eq!(
        response.headers().get_all("set-cookie").iter().count(),
        2 * usize::from(is_enabled)
    );
    for path in ["/.well-known/openid-configuration", "/oauth2/authorize", "/oauth2/end_session"] {
        let request = http::Request::get(path).body(Vec::new()).expect("a request");
        let status = http.respond(request, None).await.status();
        assert!(!status.is_server_error(), "{path}: {status}");
    }
    for client in clients.iter().take(4) {
        let body = serde_json::json!({ "session_type": "refresh_token", "client_id": client });
        let request = http::Request::post("/api/anonymous_user/signup")
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .expect("a request");
        let status = http.respond(request, None).await.status();
        assert!(!status.is_server_error(), "{client}: {status}");
    }
}
