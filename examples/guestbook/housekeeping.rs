//! What has to be done beside answering requests.

use std::time::Duration;

use guestpass::model::{Event, EventCursor, EventKind};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::data::Change;
use crate::listen::{Stop, reached};
use crate::site::Site;
use crate::trouble::Trouble;

/// Keeps house until the process stops. Any number of processes may do so for one database.
pub(crate) async fn keep_house(site: Site, mut stop: watch::Receiver<Stop>) {
    let mut events = interval(BETWEEN_READINGS);
    events.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sweeps = interval(BETWEEN_SWEEPS);
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let done = tokio::select! {
            () = reached(&mut stop, Stop::Finish) => return,
            _ = events.tick() => catch_up(&site).await,
            _ = sweeps.tick() => clean_up(&site).await,
        };
        // The next round tries again; nothing is lost by waiting for it.
        if let Err(trouble) = done {
            trouble.log();
        }
    }
}

/// Applies to the site's tables what has happened to users since last time.
///
/// The place in the sequence of events is kept in the same transaction as what they led to, so a
/// crash in between costs nothing, and applying twice does nothing.
pub(crate) async fn catch_up(site: &Site) -> Result<(), Trouble> {
    for _ in 0..PORTIONS_AT_ONCE {
        let from = site.data().progress().await?;
        let events = site.engine().events(from, EVENTS_IN_A_PORTION).await?;
        let Some((to, _)) = events.last() else { return Ok(()) };
        let changes = events.iter().filter_map(|(_, event)| change(event)).collect();
        site.data().apply(from, *to, changes).await?;
    }
    Ok(())
}

/// What an event means for what the site keeps.
fn change(event: &Event) -> Option<Change> {
    match event.kind {
        EventKind::Merged { into } => Some(Change::Merged { guest: event.user, into }),
        EventKind::Deleted => Some(Change::Deleted { user: event.user }),
        // A guest that signs up keeps its `sub`, so there is nothing to move. What a collected guest
        // wrote stays on the wall.
        EventKind::Promoted
        | EventKind::Collected
        | EventKind::SignedUpAnonymously
        | EventKind::SignedUp
        | EventKind::SignedIn { .. }
        | EventKind::PasswordChanged
        | EventKind::PasswordRemoved
        | EventKind::IdentityProven
        | EventKind::Disabled
        | EventKind::Enabled
        | EventKind::KeyRefused { .. } => None,
    }
}

/// Removes what is over: sessions, guests without a way back, events that were read long ago. In
/// portions, so that nobody who writes meanwhile waits for long.
async fn clean_up(site: &Site) -> Result<(), Trouble> {
    for _ in 0..PORTIONS_AT_ONCE {
        if !site.engine().sweep(SWEPT_IN_A_PORTION).await?.has_more() {
            break;
        }
    }
    forget_old_events(site).await
}

async fn forget_old_events(site: &Site) -> Result<(), Trouble> {
    let read = site.data().progress().await?;
    let old = site.engine().now().minus(EVENTS_KEPT);
    for _ in 0..PORTIONS_AT_ONCE {
        let events = site.engine().events(EventCursor::START, EVENTS_IN_A_PORTION).await?;
        let is_done = |(cursor, event): &&(EventCursor, Event)| *cursor <= read && event.at < old;
        let Some((through, _)) = events.iter().take_while(is_done).last() else { break };
        site.engine().forget_events(*through, EVENTS_IN_A_PORTION).await?;
    }
    Ok(())
}

const BETWEEN_READINGS: Duration = Duration::from_secs(1);
const BETWEEN_SWEEPS: Duration = Duration::from_secs(60);
const EVENTS_IN_A_PORTION: u32 = 200;
const SWEPT_IN_A_PORTION: u32 = 200;
const PORTIONS_AT_ONCE: u32 = 50;
/// Long enough for an operator to look into something; then nobody needs to know any more.
const EVENTS_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);
