//! Listening, serving, and stopping without cutting anybody off.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time;

use crate::options::Listen;

/// Where the site listens.
#[derive(Debug)]
pub(crate) struct Listeners {
    listeners: Vec<TcpListener>,
    address: SocketAddr,
}

impl Listeners {
    /// Listens where the command line says.
    pub(crate) async fn bind(listen: Listen) -> io::Result<Self> {
        match listen {
            Listen::Address(address) => Self::bind_one(address).await,
            Listen::Localhost(port) => Self::bind_localhost(port).await,
        }
    }

    /// The name `localhost` leads to an IPv4 or an IPv6 address, as the browser likes, so both are
    /// taken. Were another program on one of them, it would get some of the visitors.
    async fn bind_localhost(port: u16) -> io::Result<Self> {
        let [v4, v6] = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        let mut tries = if port == 0 { FREE_PORTS_TO_TRY } else { 1 };
        loop {
            tries -= 1;
            let mut both = match Self::bind_one((v4, port).into()).await {
                Err(error) if is_family_missing(&error) => {
                    return Self::bind_one((v6, port).into()).await;
                }
                bound => bound?,
            };
            match TcpListener::bind((v6, both.address.port())).await {
                Ok(other) => both.listeners.push(other),
                Err(error) if is_family_missing(&error) => {}
                Err(error) if tries == 0 => return Err(error),
                // The port that was free in one family is taken in the other: another one, then.
                Err(_) => continue,
            }
            return Ok(both);
        }
    }

    async fn bind_one(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listeners: vec![listener], address })
    }

    /// The address, with the port that was free if any would do.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `site` until `stop` says so, then waits for the requests in flight.
    pub(crate) async fn serve(self, site: Router, stop: watch::Receiver<Stop>) -> io::Result<()> {
        let mut servers = JoinSet::new();
        for listener in self.listeners {
            let mut stop = stop.clone();
            // An answer goes out as soon as it is written. That this failed costs some milliseconds.
            let listener = listener.tap_io(|stream: &mut TcpStream| {
                let _ = stream.set_nodelay(true);
            });
            let service = site.clone().into_make_service_with_connect_info::<SocketAddr>();
            let server = axum::serve(listener, service).with_graceful_shutdown(async move {
                reached(&mut stop, Stop::Finish).await;
            });
            servers.spawn(server.into_future());
        }
        let mut stop = stop;
        let patience = async {
            reached(&mut stop, Stop::Finish).await;
            tokio::select! {
                () = time::sleep(LONGEST_REQUEST_IN_FLIGHT) => {}
                () = reached(&mut stop, Stop::Now) => {}
            }
        };
        let finished = async {
            while let Some(server) = servers.join_next().await {
                server.map_err(io::Error::other)??;
            }
            Ok(())
        };
        tokio::select! {
            finished = finished => finished,
            () = patience => {
                eprintln!("guestbook: stopped before all requests were answered");
                Ok(())
            }
        }
    }
}

/// How far stopping has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    /// Not begun.
    No,
    /// Take no more requests, and finish those in flight.
    Finish,
    /// Wait for nothing.
    Now,
}

/// Listens for the signals that ask the process to stop: the first lets requests finish, the second
/// does not.
pub(crate) fn stop_on_signals() -> io::Result<watch::Receiver<Stop>> {
    let (sender, receiver) = watch::channel(Stop::No);
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        for stop in [Stop::Finish, Stop::Now] {
            signals.next().await;
            // Nobody listens any more when the site has stopped by itself.
            let _ = sender.send(stop);
        }
    });
    Ok(receiver)
}

/// Waits until stopping has come as far as `stop`.
pub(crate) async fn reached(receiver: &mut watch::Receiver<Stop>, stop: Stop) {
    // An error means that the sender is gone, and with it the runtime.
    let _ = receiver.wait_for(|now| stop <= *now).await;
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // Without a handler the system itself ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether the machine has no such addresses, as against another program listening there.
fn is_family_missing(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

const FREE_PORTS_TO_TRY: u32 = 16;
const LONGEST_REQUEST_IN_FLIGHT: Duration = Duration::from_secs(20);
