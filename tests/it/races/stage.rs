//! A world in which one scene after the other is played, each with users of its own.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use guestpass::engine::Swept;
use guestpass::model::EventCursor;
use guestpass::rules::{ApplicationType, ClientPolicy, OnConflict};
use guestpass::store::MAX_PORTION;

use crate::support::{Place, World, cookie, password, run};

/// Where scenes are played.
///
/// Making a world takes longer than playing a scene in it, most of all where there is a file to make.
pub(crate) struct Stage {
    pub(super) world: Arc<World>,
    pub(crate) place: Place,
    scenes: Cell<u32>,
    last_event: Cell<EventCursor>,
}

impl Stage {
    pub(crate) fn new(place: Place, on_conflict: OnConflict) -> Self {
        let world = World::with(place, |policy| {
            policy.anonymous.on_conflict = on_conflict;
            policy.session.idle_timeout_seconds = 3600;
            let one = ClientPolicy::new(ONE, ApplicationType::Native);
            policy.clients.push(ClientPolicy { max_concurrent_session: 1, ..one });
        });
        let stage = Self {
            world: Arc::new(world),
            place,
            scenes: Cell::new(0),
            last_event: Cell::default(),
        };
        stage.settle();
        stage
    }

    /// Lets each engine see a password. Where nobody is found, whoever showed one last is read instead; so
    /// the first scenes make the same calls as all others.
    fn settle(&self) {
        self.world.regular(EXTRA);
        for engine in self.world.engines() {
            run(engine.sign_in(password(EXTRA), None, cookie(), None)).unwrap();
        }
    }

    /// The number of the next scene. What the one before has left is over by then, and swept.
    pub(super) fn next_scene(&self) -> u32 {
        let number = self.scenes.replace(self.scenes.get() + 1);
        if 0 < number {
            self.world.advance(BETWEEN_SCENES);
            for engine in [0, 1].map(|number| self.world.engine_of(number)) {
                while run(engine.sweep(MAX_PORTION)).unwrap() != Swept::default() {}
            }
        }
        number
    }

    /// The cursor of the last event that there is.
    pub(super) fn last_event(&self) -> EventCursor {
        loop {
            let later = run(self.world.engine.events(self.last_event.get(), MAX_PORTION)).unwrap();
            match later.last() {
                Some((cursor, _)) => self.last_event.set(*cursor),
                None => return self.last_event.get(),
            }
        }
    }
}

/// The client that may have one session at a time.
pub(super) const ONE: &str = "one";
/// Somebody who is in no scene.
const EXTRA: &str = "extra";
/// Longer than any cookie session of a scene lasts.
const BETWEEN_SCENES: Duration = Duration::from_secs(3 * 3600);
