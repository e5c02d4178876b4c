//! What happened, in the order in which it was committed.

use std::collections::VecDeque;

use crate::model::{Event, EventCursor};

/// A queue in segments: appending moves no event, and what is forgotten gives its memory back.
#[derive(Debug, Default)]
pub(super) struct EventLog {
    /// All are full, except the first, of which events may be forgotten, and the last.
    segments: VecDeque<VecDeque<Event>>,
    /// How many events were ever appended; the cursor of the last one.
    appended: u64,
    /// How many of them are forgotten.
    forgotten: u64,
}

impl EventLog {
    /// Appends an event.
    pub(super) fn append(&mut self, event: Event) {
        if let Some(last) = self.segments.back_mut().filter(|last| last.len() < SEGMENT) {
            last.push_back(event);
        } else {
            let mut segment = VecDeque::with_capacity(SEGMENT);
            segment.push_back(event);
            self.segments.push_back(segment);
        }
        self.appended = self.appended.saturating_add(1);
    }

    /// The events after `after`, each with its cursor.
    pub(super) fn after(&self, after: EventCursor) -> impl Iterator<Item = (EventCursor, &Event)> {
        let read = after.0.clamp(self.forgotten, self.appended);
        let passed = usize::try_from(read - self.forgotten).unwrap_or(usize::MAX);
        let head = self.segments.front().map_or(0, VecDeque::len);
        let (segment, offset) = match passed.checked_sub(head) {
            None => (0, passed),
            Some(behind) => (1 + behind / SEGMENT, behind % SEGMENT),
        };
        let events = self.segments.iter().skip(segment).flatten().skip(offset);
        (read..).zip(events).map(|(before, event)| (EventCursor(before + 1), event))
    }

    /// Forgets the earliest events up to and including `through`, at most `limit`; says how many.
    pub(super) fn forget(&mut self, through: EventCursor, limit: u32) -> u32 {
        let mut count = 0;
        while count < limit
            && self.forgotten < through.0
            && let Some(first) = self.segments.front_mut()
        {
            first.pop_front();
            if first.is_empty() {
                self.segments.pop_front();
            }
            self.forgotten += 1;
            count += 1;
        }
        count
    }
}

/// Events that memory is asked for at a time: some ten kilobytes.
const SEGMENT: usize = 256;
/// What an event takes until it is forgotten, and nothing beside it.
const _: () = assert!(size_of::<Event>() == 64);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventKind, Timestamp, UserId};

    fn event(number: u64) -> Event {
        let at = Timestamp::from_millis(number.cast_signed());
        Event { user: UserId::from_bytes([1; 16]), at, kind: EventKind::Promoted }
    }

    /// Whatever was forgotten, an event keeps its cursor, and a reader goes on at any place.
    #[test]
    fn events_are_found_by_their_cursors_while_others_are_forgotten() {
        let mut log = EventLog::default();
        let segment = u64::try_from(SEGMENT).unwrap();
        let (mut first, mut last) = (1, 0);
        for (appended, forgotten) in
            [(0, 3), (10, 4), (segment, 1), (3 * segment, 2 * segment), (5, segment + 20), (700, 1)]
        {
            for _ in 0..appended {
                last += 1;
                log.append(event(last));
            }
            let through = EventCursor(first - 1 + forgotten);
            let some = u32::try_from(forgotten / 2).unwrap();
            assert_eq!(log.forget(through, some), some.min(u32::try_from(last).unwrap()));
            log.forget(through, u32::MAX);
            first = (first + forgotten).min(last + 1);
            for after in 0..=last + 1 {
                let found: Vec<_> = log.after(EventCursor(after)).take(2).collect();
                let (one, two) = (event(first.max(after + 1)), event(first.max(after + 1) + 1));
                let expected = [&one, &two].map(|event| (cursor(event), event));
                let there = expected.into_iter().filter(|(cursor, _)| cursor.0 <= last);
                assert!(found.into_iter().eq(there), "after {after}");
            }
        }
        assert_eq!(log.after(EventCursor(u64::MAX)).count(), 0);
        assert!(log.segments.len() <= 5, "segments without events are given back");
    }

    fn cursor(event: &Event) -> EventCursor {
        EventCursor(event.at.as_millis().cast_unsigned())
    }
}
