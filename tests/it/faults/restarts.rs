//! A restart between two calls: all that an engine keeps by itself is gone, and nothing comes of it.

use super::cast::{Answer, Cast};
use super::every_call::Course;
use super::methods::METHODS;
use crate::support::{Place, run};

/// Limits, decoys and what is noted for the next sweep are an engine's own. What it has given away, codes,
/// challenges, flows, tokens, counts for every other engine with the same keys over the same file.
#[test]
fn an_engine_may_be_another_one_at_every_call() {
    for method in METHODS.iter().filter(|method| !method.makes_other_hashes) {
        let course = Course::of(Place::Sqlite, method);
        let mut cast = Cast::new(Place::Sqlite, method);
        for (time, expected) in [&course.once, &course.twice].into_iter().enumerate() {
            cast.engine = cast.world.engine_with(|_| {});
            let answer = Answer::of(run((method.call)(&cast, time)));
            let found = (cast.look(), answer.word);
            assert_eq!(found, *expected, "{}, time {time}", method.name());
        }
    }
}
