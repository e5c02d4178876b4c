//! Guesses at passwords, many at the same time.

use std::net::IpAddr;
use std::thread;

use guestpass::{Credential, Error, Rejection};

use crate::support::{Place, World, cookie, email, run};

#[test]
fn attack_98_guesses_at_the_same_time_get_no_more_tries() {
    let world = World::new(Place::Memory);
    world.regular("ada");
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    let guess = |number: usize| {
        let credential = Credential::password(email("ada"), &format!("guess number {number}"));
        run(world.engine.sign_in(credential, None, cookie(), Some(address))).unwrap_err()
    };
    let answers: Vec<Error> = thread::scope(|scope| {
        let guesses: Vec<_> = (0..64).map(|number| scope.spawn(move || guess(number))).collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    let count = |rejection| answers.iter().filter(|one| one.rejection() == Some(rejection)).count();
    let limits = &world.engine.policy().rate_limits.password;
    let burst = usize::try_from(limits.per_login_id_per_ip.burst).unwrap();
    assert_eq!(count(Rejection::Denied), burst);
    assert_eq!(count(Rejection::LimitReached), 64 - burst);
}
