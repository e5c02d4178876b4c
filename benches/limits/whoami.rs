//! A host's own handler behind the axum adapter, over loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, COOKIE};
use axum::response::IntoResponse;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guestpass::axum::AnyUser;
use guestpass::http::Http;
use guestpass::model::UserId;

use crate::Outcome;
use crate::authenticate::Texts;
use crate::bench::Bench;
use crate::measure::{ROUNDS, Share, race};
use crate::report::Line;

pub(crate) fn lines(bench: &Bench) -> Outcome<Vec<Line>> {
    let http = Http::new(bench.in_memory()?.engine.clone());
    let ours = Router::new().route("/whoami", get(whoami)).with_state(http);
    let limit = Router::new().route("/whoami", get(stub));
    // One thread serves both, so that the client has the other to itself.
    let server =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_io().build()?;
    let mut ours = Client::connect(serve(&server, ours)?)?;
    let mut limit = Client::connect(serve(&server, limit)?)?;
    let mut tokens = Texts::cookies(bench.guests_in_memory(), TURN);
    let mut same = tokens.clone();
    let mut ours = || ours.ask(tokens.next());
    let mut limit = || limit.ask(same.next());
    let race = race(ROUNDS, &mut ours, &mut limit)?;
    let words = (
        "answer whoami through the axum adapter, in memory",
        "a bare axum handler that decodes the cookie and answers as much",
    );
    let note = format!("over loopback, {CONNECTIONS} connections kept alive, one client thread");
    Ok(vec![Line::of_race("whoami", words, race, 0.80).note(note)])
}

async fn whoami(AnyUser(caller): AnyUser) -> impl IntoResponse {
    answer(caller.user.id, caller.user.is_anonymous())
}

/// The limit: knows nobody, and takes the token itself for a name.
async fn stub(headers: HeaderMap) -> impl IntoResponse {
    let cookies = headers.get(COOKIE).and_then(|cookies| cookies.to_str().ok()).unwrap_or("");
    let text = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("session=")).unwrap_or("");
    let mut token = [0; 32];
    // A token that is none would be answered in the same way.
    let is_anonymous = URL_SAFE_NO_PAD.decode_slice(text, &mut token).is_ok();
    let mut id = [0; 16];
    id.copy_from_slice(&token[..16]);
    answer(UserId::from_bytes(id), is_anonymous)
}

fn answer(sub: UserId, is_anonymous: bool) -> impl IntoResponse {
    let body = format!(r#"{{"sub":"{sub}","is_anonymous":{is_anonymous}}}"#);
    ([(CONTENT_TYPE, "application/json")], body)
}

fn serve(server: &tokio::runtime::Runtime, router: Router) -> Outcome<SocketAddr> {
    let listener = server.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    server.spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// Connections that are kept alive, each with one request in flight.
struct Client {
    connections: Vec<TcpStream>,
    response: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> Outcome<Self> {
        let connect = |_| {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            Outcome::Ok(stream)
        };
        let connections = (0..CONNECTIONS).map(connect).collect::<Outcome<_>>()?;
        Ok(Self { connections, response: vec![0; RESPONSE] })
    }

    fn ask(&mut self, tokens: &[String]) -> Outcome<Share> {
        let requests: Vec<String> = tokens.iter().map(|token| request(token)).collect();
        Share::of(requests.len(), || {
            for requests in requests.chunks(CONNECTIONS) {
                for (stream, request) in self.connections.iter_mut().zip(requests) {
                    stream.write_all(request.as_bytes())?;
                }
                for stream in self.connections.iter_mut().take(requests.len()) {
                    read_response(stream, &mut self.response)?;
                }
            }
            Ok(())
        })
    }
}

fn request(token: &str) -> String {
    format!("GET /whoami HTTP/1.1\r\nhost: localhost\r\ncookie: session={token}\r\n\r\n")
}

/// Reads one response, and sees that it is a good one.
fn read_response(stream: &mut TcpStream, buffer: &mut [u8]) -> Outcome {
    let mut length = 0;
    while !is_whole(&buffer[..length]) {
        match stream.read(&mut buffer[length..])? {
            0 => return Err("the server hung up".into()),
            read => length += read,
        }
    }
    if !buffer.starts_with(b"HTTP/1.1 200 ") {
        return Err("the server refused a guest".into());
    }
    Ok(())
}

/// A response ends with its body, and a body of ours with a brace.
fn is_whole(response: &[u8]) -> bool {
    response.ends_with(b"}")
}

const CONNECTIONS: usize = 32;
/// Far more than a response has.
const RESPONSE: usize = 4096;
/// Requests of one turn: some ten milliseconds.
const TURN: usize = 960;
