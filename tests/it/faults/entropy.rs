//! Random bytes that cannot be had: nothing is issued, and nothing is half done.

use guestpass::Error;
use guestpass::credential::Action;

use crate::support::{
    Device, Fault, World, code_for, cookie, on_every_backend, password, refresh, run,
};

/// Runs `operation` with one, two, three .. draws left, until it needs no more; says how many it
/// needed.
fn dry(world: &World, operation: impl Fn() -> Result<(), Error>) -> u64 {
    for draws in 0..100 {
        world.entropy.dry_up_after(draws);
        let before = {
            world.entropy.flow();
            let before = world.events();
            world.entropy.dry_up_after(draws);
            before
        };
        let result = operation();
        world.entropy.flow();
        match result {
            Ok(()) => return draws,
            Err(Error::Entropy(_)) => assert_eq!(world.events(), before, "with {draws} draws"),
            Err(other) => panic!("{other:?} with {draws} draws"),
        }
    }
    panic!("no operation needs that many");
}

#[test]
fn without_random_bytes_nothing_is_issued() {
    on_every_backend(|world| {
        let device = Device::new(1);
        let engine = &world.engine;
        let needed = dry(&world, || engine.challenge().map(|_| ()));
        assert!(0 < needed);
        for open in [cookie(), refresh("app"), code_for("app")] {
            let needed =
                dry(&world, || run(engine.sign_up_anonymously(open.clone(), None)).map(|_| ()));
            assert!(2 < needed, "a user, an epoch, and a token or a code");
        }
        let guest = world.guest();
        let proof = world.by_session(&guest);
        let request = device.request(engine, Action::Auth);
        dry(&world, || run(engine.sign_in_with_device_key(&request, cookie(), None)).map(|_| ()));
        dry(&world, || run(engine.promote(&proof, password("ada"), cookie(), None)).map(|_| ()));
        assert!(!world.user(guest.user).is_anonymous());
        dry(&world, || run(engine.sign_out_all(guest.user)));
        dry(&world, || run(engine.delete(guest.user)));
    });
}

#[test]
fn a_store_that_fails_lets_nobody_in() {
    on_every_backend(|world| {
        let guest = world.guest();
        for fault in [Fault::Before, Fault::After, Fault::Onwards] {
            world.script.fail(fault, 0);
            assert!(matches!(world.authenticate(&guest), Err(Error::Store(_))));
            world.script.fail(fault, 0);
            assert!(matches!(world.sign_in(password("ada")), Err(Error::Store(_))));
        }
        world.script.rest();
        assert_eq!(world.ended(&guest), None);
    });
}
