//! Requests that say more than they may, or say it in a place where it does not count.

use guestpass::credential::{Action, KeyHeader};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::http::site::{
    Browser, Device, IS_VERIFIED, NATIVE_URI, ORIGIN_URL, PASSWORD, REDIRECT_URI, Site, VERIFIER,
    authorization, bare, challenge, code_hint, form, get, json as json_request, present, sub_of,
    with, with_bearer,
};

/// What nobody may say of himself.
const CLAIMS: [(&str, &str); 12] = [
    ("is_anonymous", "false"),
    ("https://authgear.com/claims/user/is_anonymous", "false"),
    ("is_verified", "true"),
    ("email_verified", "true"),
    ("sub", "usr_00000000000000000000000000"),
    ("user_id", "usr_00000000000000000000000000"),
    ("userId", "usr_00000000000000000000000000"),
    ("epoch", "0"),
    ("role", "admin"),
    ("created_at", "0"),
    ("exp", "99999999999"),
    ("session_id", "chosen"),
];

fn and_claims<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    fields.iter().copied().chain(CLAIMS).collect()
}

fn object(fields: &[(&str, &str)]) -> Value {
    fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

#[tokio::test]
async fn attack_52_what_nobody_may_say_of_himself_does_nothing_in_any_body() {
    let site = Site::new();
    let admin = sub_of(&site.userinfo(&site.regular("admin@example.com").await.access).await);

    // The endpoints that read JSON name what they do not know, and do nothing.
    let guest = site.guest().await;
    let sub = sub_of(&site.userinfo(&guest.access).await);
    for (name, value) in CLAIMS {
        let mut body = json!({ "session_type": "refresh_token", "client_id": "web" });
        body[name] = value.into();
        let answer = site.post_json("/api/anonymous_user/signup", &body).await;
        assert_eq!(answer.reason().2, "ValidationFailed", "{name}");
        let mut body = json!({ "session_type": "refresh_token", "refresh_token": guest.refresh });
        body[name] = value.into();
        let answer = site.post_json("/api/anonymous_user/promotion_code", &body).await;
        assert_eq!(answer.reason().2, "ValidationFailed", "{name}");
    }

    // Those that read forms do not look at it (RFC 6749 section 3.2).
    let hint = code_hint(&site.promotion_code(&guest.refresh).await);
    let mut browser = Browser::new(&site);
    let asked = authorization(&and_claims(&[("login_hint", &hint)]));
    let page = browser.get(&asked).await.location().to_owned();
    let path = page.strip_prefix(ORIGIN_URL).unwrap();
    let fields = and_claims(&[("email", "ada@example.com"), ("password", PASSWORD)]);
    let done = browser.ask(with(form(path, &fields), "origin", ORIGIN_URL)).await;
    let code = done.parameter("code").unwrap();

    let fields = and_claims(&[
        ("grant_type", "authorization_code"),
        ("client_id", "web"),
        ("redirect_uri", REDIRECT_URI),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ]);
    let tokens = site.post_form("/oauth2/token", &fields).await.json();
    let info = site.userinfo(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!((sub_of(&info), info.json()[IS_VERIFIED].clone()), (sub.clone(), json!(false)));
    assert_ne!(sub, admin);
}

#[tokio::test]
async fn attack_71_nobody_is_let_into_a_session_that_somebody_else_has_named() {
    let site = Site::new();
    let chosen = "A".repeat(43);
    let mut browser = Browser::new(&site);
    browser.cookies.insert("session".to_owned(), chosen.clone());
    browser.cookies.insert("session_id".to_owned(), chosen.clone());
    browser.become_guest().await;
    let as_guest = browser.cookies["session"].clone();
    assert_ne!(as_guest, chosen);

    // A session that was planted is not the one that is signed in, and has ended.
    let page = browser.authorize(&[("response_type", "none"), ("x_page", "signup")]).await;
    browser.submit(&page, "ada@example.com", PASSWORD).await.location();
    let as_user = browser.cookies["session"].clone();
    assert_ne!(as_user, as_guest);
    let planted = with(get("/oauth2/userinfo"), "cookie", &format!("session={as_guest}"));
    assert_eq!(site.ask(planted).await.status, StatusCode::UNAUTHORIZED);

    let page = browser.authorize(&[("response_type", "none")]).await;
    browser.submit(&page, "ada@example.com", PASSWORD).await.location();
    assert_ne!(browser.cookies["session"], as_user);

    let body =
        json!({ "session_type": "refresh_token", "client_id": "web", "refresh_token": chosen });
    let answer = site.post_json("/api/anonymous_user/signup", &body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

/// Something that was issued, and whether a door takes it.
struct Door {
    name: &'static str,
    opens_to: &'static [&'static str],
}

#[tokio::test]
async fn attacks_28_and_86_every_token_opens_its_own_door_only() {
    let doors = [
        Door { name: "bearer", opens_to: &["access", "jwt access"] },
        Door { name: "refresh", opens_to: &["refresh"] },
        Door { name: "cookie", opens_to: &["cookie"] },
        Door { name: "promotion code for", opens_to: &["refresh"] },
        Door { name: "code", opens_to: &["code"] },
        Door { name: "promotion hint", opens_to: &["promotion code"] },
        Door { name: "key hint", opens_to: &["promote request"] },
        Door { name: "device key", opens_to: &["auth request"] },
    ];
    let mut opened = 0;
    for door in &doors {
        // Each door is knocked at in a world of its own: what opens one may spend the token.
        let site = Site::with(|policy| policy.clients[1].issue_jwt_access_token = true);
        for (kind, token) in issued(&site).await {
            let is_open = knock(&site, door.name, &token).await;
            assert_eq!(is_open, door.opens_to.contains(&kind), "{kind} as {}", door.name);
            opened += usize::from(is_open);
        }
    }
    assert_eq!(opened, 9);
}

/// One of everything that is issued to a guest or a user, in an order in which using one ends no other.
async fn issued(site: &Site) -> Vec<(&'static str, String)> {
    let guest = site.guest().await;
    let mut browser = Browser::new(site);
    browser.become_guest().await;
    let id_token = browser
        .ask(form(
            "/oauth2/token",
            &[
                ("grant_type", "urn:authgear:params:oauth:grant-type:id-token"),
                ("client_id", "web"),
            ],
        ))
        .await;
    let device = Device::new(1);
    let jwt = device.enter(site, KeyHeader::Jwk).await.json();
    let mut user = Browser::new(site);
    let page = user.authorize(&[("x_page", "signup")]).await;
    let flow = user.cookies.iter().find(|(name, _)| name.starts_with("flow_")).unwrap().1.clone();
    let code = user.submit(&page, "ada@example.com", PASSWORD).await.parameter("code").unwrap();
    let auth = device.request(site, Action::Auth, KeyHeader::Kid).await;
    vec![
        ("access", guest.access.clone()),
        ("jwt access", jwt["access_token"].as_str().unwrap().to_owned()),
        ("cookie", browser.cookies["session"].clone()),
        ("id token", id_token.json()["id_token"].as_str().unwrap().to_owned()),
        ("challenge", challenge(site).await),
        ("flow", flow),
        ("code", code),
        ("auth request", auth),
        ("promote request", device.request(site, Action::Promote, KeyHeader::Kid).await),
        ("promotion code", site.promotion_code(&guest.refresh).await),
        ("refresh", guest.refresh),
        ("nothing", String::new()),
    ]
}

async fn knock(site: &Site, door: &str, token: &str) -> bool {
    let hint = |parameter: &str, client, uri| {
        let hint = format!("https://authgear.com/login_hint?type=anonymous&{parameter}={token}");
        get(&authorization(&[("client_id", client), ("redirect_uri", uri), ("login_hint", &hint)]))
    };
    let answer = match door {
        "bearer" => site.userinfo(token).await,
        "refresh" => site.refresh("web", token).await,
        "cookie" => {
            site.ask(with(get("/oauth2/userinfo"), "cookie", &format!("session={token}"))).await
        }
        "promotion code for" => {
            let body = json!({ "session_type": "refresh_token", "refresh_token": token });
            site.post_json("/api/anonymous_user/promotion_code", &body).await
        }
        "code" => site.redeem("web", REDIRECT_URI, token).await,
        "promotion hint" => site.ask(hint("promotion_code", "web", REDIRECT_URI)).await,
        "key hint" => site.ask(hint("jwt", "native", NATIVE_URI)).await,
        "device key" => present(site, token).await,
        other => panic!("{other}"),
    };
    match answer.status {
        StatusCode::OK => true,
        StatusCode::SEE_OTHER => answer.parameter("error").is_none(),
        _ => false,
    }
}

#[tokio::test]
async fn attack_85_a_token_in_an_address_is_none() {
    let site = Site::new();
    let guest = site.guest().await;
    let queries = ["access_token", "token", "bearer", "session", "authorization"];
    for name in queries {
        let answer = site.get(&format!("/oauth2/userinfo?{name}={}", guest.access)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
    }
    let body = format!("access_token={}", guest.access);
    let mut posted = bare(Method::POST, "/oauth2/userinfo");
    *posted.body_mut() = body.into_bytes();
    let posted = with(posted, "content-type", "application/x-www-form-urlencoded");
    assert_eq!(site.ask(posted).await.status, StatusCode::UNAUTHORIZED);
    let path = format!(
        "/oauth2/token?grant_type=refresh_token&client_id=web&refresh_token={}",
        guest.refresh
    );
    assert_eq!(site.ask(form(&path, &[])).await.error().1, "invalid_request");
    // Nobody is told a token again, and what is not understood is not repeated.
    let answer = site.refresh("web", &format!("{}x", guest.refresh)).await;
    assert!(!answer.body.contains(&guest.refresh));
    let printed = format!("{:?}", site.http);
    assert!(!printed.contains(&guest.refresh) && !printed.contains(&guest.access));
}

#[tokio::test]
async fn attack_87_another_scheme_than_bearer_is_none() {
    let site = Site::new();
    let guest = site.guest().await;
    for scheme in ["DPoP", "Basic", "Token", "MAC", "BearerX", "Negotiate"] {
        let value = format!("{scheme} {}", guest.access);
        let answer = site.ask(with(get("/oauth2/userinfo"), "authorization", &value)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{scheme}");
    }
    let twice = with_bearer(with_bearer(get("/oauth2/userinfo"), &guest.access), &guest.access);
    assert_eq!(site.ask(twice).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn attack_108_a_verifier_has_43_to_128_of_its_characters() {
    let site = Site::new();
    site.regular("ada@example.com").await;
    let code_of = async |verifier: &str| {
        use base64::Engine as _;
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(verifier);
        let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
        let mut browser = Browser::new(&site);
        let page = browser.authorize(&[("code_challenge", &challenge)]).await;
        browser.submit(&page, "ada@example.com", PASSWORD).await.parameter("code").unwrap()
    };
    let redeem = async |code: &str, verifier: Option<&str>| {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("client_id", "web"),
            ("redirect_uri", REDIRECT_URI),
            ("code", code),
        ];
        fields.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        site.post_form("/oauth2/token", &fields).await.status
    };
    let long = "v".repeat(129);
    for wrong in [&long[..42], &long, "", "0123456789-abcdefghijklmnopqrstuvwxyz+/ABCDE="] {
        let code = code_of(wrong).await;
        assert_eq!(redeem(&code, Some(wrong)).await, StatusCode::BAD_REQUEST, "{}", wrong.len());
    }
    for right in [&long[..43], &long[..128]] {
        let code = code_of(right).await;
        assert_eq!(redeem(&code, None).await, StatusCode::BAD_REQUEST, "left out");
        assert_eq!(redeem(&code, Some(right)).await, StatusCode::OK, "{}", right.len());
    }
}

#[tokio::test]
async fn attack_112_the_method_and_the_place_of_a_field_are_what_they_are() {
    let site = Site::new();
    let mut browser = Browser::new(&site);
    browser.become_guest().await;
    browser.cookies.remove("same_site_strict");
    // A link that pretends to be a form signs nobody out.
    for (name, value) in [
        ("x-http-method-override", "POST"),
        ("x-http-method", "POST"),
        ("x-method-override", "POST"),
        ("x-original-method", "POST"),
    ] {
        let request = with(get("/oauth2/end_session?confirm=true&_method=POST"), name, value);
        assert_eq!(browser.ask(request).await.status, StatusCode::OK, "asked first");
        let request = with(get("/api/anonymous_user/signup"), name, value);
        assert_eq!(site.ask(request).await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    // A body with GET, and a query with POST, are not looked at.
    let mut with_body = get("/oauth2/authorize");
    *with_body.body_mut() = authorization(&[]).split_once('?').unwrap().1.as_bytes().to_vec();
    let with_body = with(with_body, "content-type", "application/x-www-form-urlencoded");
    assert_eq!(site.ask(with_body).await.status, StatusCode::BAD_REQUEST);
    let with_query = form(&authorization(&[]), &[]);
    assert_eq!(site.ask(with_query).await.status, StatusCode::BAD_REQUEST);
    let guest = site.guest().await;
    let both = [("grant_type", "refresh_token"), ("client_id", "web")];
    let path = format!("/oauth2/token?refresh_token={}", guest.refresh);
    assert_eq!(site.ask(form(&path, &both)).await.status, StatusCode::BAD_REQUEST);
    // Another content type is another thing.
    for kind in
        ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded; charset=utf-7"]
    {
        let mut request = bare(Method::POST, "/oauth2/revoke");
        *request.body_mut() = format!("token={}", guest.refresh).into_bytes();
        assert_eq!(
            site.ask(with(request, "content-type", kind)).await.status,
            StatusCode::BAD_REQUEST
        );
    }
    assert_eq!(site.refresh("web", &guest.refresh).await.status, StatusCode::OK);
    assert_eq!(browser.userinfo().await.status, StatusCode::OK);
}

#[tokio::test]
async fn attack_113_line_ends_and_escapes_stay_in_the_value() {
    let site = Site::new();
    site.regular("ada@example.com").await;
    for hostile in
        ["a\r\nSet-Cookie: session=evil", "a\nX: y", "a\u{1b}[31mred", "a\0b", "a\u{85}b"]
    {
        let mut browser = Browser::new(&site);
        let page = browser.authorize(&[("state", hostile), ("nonce", hostile)]).await;
        let path = page.strip_prefix(ORIGIN_URL).unwrap();
        let wrong = browser.submit(&page, hostile, hostile).await;
        assert!(!wrong.status.is_server_error());
        let done = browser.submit(path, "ada@example.com", PASSWORD).await;
        assert_eq!(done.parameter("state").as_deref(), Some(hostile));
        let fields = [("grant_type", hostile), ("client_id", hostile), ("code", hostile)];
        let refused = site.post_form("/oauth2/token", &fields).await;
        let named = object(&[("session_type", hostile), ("client_id", hostile)]);
        let invalid = site.post_json("/api/anonymous_user/signup", &named).await;
        for answer in [wrong, done, refused, invalid] {
            for (name, value) in &answer.parts.headers {
                assert!(value.to_str().is_ok(), "{name}: {value:?}");
                assert!(!["x", "evil"].contains(&name.as_str()));
            }
            assert!(answer.set_cookies().iter().all(|line| !line.contains("evil")));
        }
    }
}

#[tokio::test]
async fn attack_115_a_packed_body_is_not_unpacked() {
    let site = Site::new();
    // A thousand zeros, packed by gzip; a megabyte of them would not be longer by much.
    let packed: &[u8] = &[
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff, 0x63, 0x60, 0x18, 5, 0xa3, 0x60, 0x28, 3, 0, 0x2e,
        0xae, 0xdf, 0x2b, 0xe8, 3, 0, 0,
    ];
    for encoding in ["gzip", "br", "deflate", "identity"] {
        let mut request = json_request("/oauth2/challenge", "");
        *request.body_mut() = packed.to_vec();
        let answer = site.ask(with(request, "content-encoding", encoding)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{encoding}");
    }
}
