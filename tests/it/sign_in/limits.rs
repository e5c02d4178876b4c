//! How often something may be tried.

use std::net::IpAddr;

use guestpass::credential::Action;
use guestpass::model::ProvenIdentity;
use guestpass::rules::Bucket;
use guestpass::{Credential, Policy, Rejection};

use crate::support::{
    Device, Fault, PASSWORD, Place, World, cookie, email, on_every_backend_with, password, refused,
    run, seconds,
};

fn three_sign_ups(policy: &mut Policy) {
    policy.rate_limits.signup_anonymous.per_ip =
        Bucket { enabled: true, period_seconds: 60, burst: 3 };
}

fn three_failures(policy: &mut Policy) {
    policy.rate_limits.password.per_login_id_per_ip =
        Bucket { enabled: true, period_seconds: 60, burst: 3 };
    policy.rate_limits.password.per_login_id =
        Bucket { enabled: true, period_seconds: 60, burst: 5 };
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn fail(world: &World, last: u8) -> Rejection {
    let wrong = Credential::password(email("ada"), "another password");
    refused(run(world.engine.sign_in(wrong, None, cookie(), Some(address(last)))))
}

#[test]
fn sign_ups_of_guests_are_limited_per_address_at_every_door() {
    on_every_backend_with(three_sign_ups, |world| {
        let device = Device::new(1);
        let engine = &world.engine;
        let request = device.request(engine, Action::Auth);
        run(engine.sign_in_with_device_key(&request, cookie(), Some(address(1)))).unwrap();
        run(engine.sign_up(password("ada"), cookie(), Some(address(1)))).unwrap();
        run(engine.sign_up_anonymously(cookie(), Some(address(1)))).unwrap();

        let answer = run(engine.sign_up_anonymously(cookie(), Some(address(1))));
        assert_eq!(refused(answer), Rejection::LimitReached);
        let answer = run(engine.sign_up(password("eve"), cookie(), Some(address(1))));
        assert_eq!(refused(answer), Rejection::LimitReached);
        let other = Device::new(2).request(engine, Action::Auth);
        let answer = run(engine.sign_in_with_device_key(&other, cookie(), Some(address(1))));
        assert_eq!(refused(answer), Rejection::LimitReached);
        let answer = run(engine.promote(
            &world.by_key(&device),
            password("eve"),
            cookie(),
            Some(address(1)),
        ));
        assert_eq!(refused(answer), Rejection::LimitReached);

        run(engine.sign_up_anonymously(cookie(), Some(address(2)))).unwrap();
        world.advance(seconds(20));
        run(engine.sign_up_anonymously(cookie(), Some(address(1)))).unwrap();
    });
}

/// A sign-up that found no place in the queue of a store, and did nothing, used to count against the
/// limit all the same: whoever came again each second, as the refusals say, was let in by nobody for
/// another minute when the load was over.
#[test]
fn a_sign_up_that_a_fault_prevents_is_not_charged() {
    on_every_backend_with(three_sign_ups, |world| {
        let sign_up = || run(world.engine.sign_up_anonymously(cookie(), Some(address(1))));
        let by_key = |number: u8| {
            let request = Device::new(number).request(&world.engine, Action::Auth);
            run(world.engine.sign_in_with_device_key(&request, cookie(), Some(address(1))))
        };
        for number in 0..10 {
            world.script.fail(Fault::Before, 0);
            assert!(sign_up().unwrap_err().is_transient());
            // Its second call looks for the `kid`, and the third is the one that writes.
            world.script.fail(Fault::Before, 2);
            assert!(by_key(number).unwrap_err().is_transient());
        }
        world.script.rest();
        sign_up().unwrap();
        by_key(1).unwrap();
        sign_up().unwrap();
        assert_eq!(refused(sign_up()), Rejection::LimitReached);
        assert_eq!(refused(by_key(2)), Rejection::LimitReached);
    });
}

#[test]
fn a_known_device_signs_in_however_often() {
    on_every_backend_with(three_sign_ups, |world| {
        let device = Device::new(1);
        for _ in 0..10 {
            let request = device.request(&world.engine, Action::Auth);
            run(world.engine.sign_in_with_device_key(&request, cookie(), Some(address(1))))
                .unwrap();
        }
    });
}

/// One address used up the tries of a login ID within minutes, and then took each one that came back, so that
/// the owner was let in by nobody for as long as somebody liked.
#[test]
fn one_address_cannot_keep_the_owner_from_signing_in() {
    let world = World::new(Place::Memory);
    world.regular("ada");
    let mut shut_out = 0;
    for tick in 0..ONE_DAY / 30 {
        world.advance(seconds(30));
        // As many at first as empty every bucket, and then each one that comes back.
        for _ in 0..if tick < 20 { 10 } else { 1 } {
            fail(&world, 1);
        }
        if tick % 20 == 7 {
            let owner =
                run(world.engine.sign_in(password("ada"), None, cookie(), Some(address(2))));
            shut_out += u32::from(owner.is_err());
        }
    }
    assert_eq!(shut_out, 0);
}

#[test]
fn who_sets_a_new_password_by_proof_is_not_kept_waiting_by_what_failed_before() {
    on_every_backend_with(three_failures, |world| {
        world.regular("ada");
        world.regular("eve");
        // From the owner's address, too.
        while [1, 2].map(|last| fail(&world, last)) != [Rejection::LimitReached; 2] {}
        let other = |last| {
            let wrong = Credential::password(email("eve"), "another password");
            refused(run(world.engine.sign_in(wrong, None, cookie(), Some(address(last)))))
        };
        while other(3) != Rejection::LimitReached {}
        let ada = ProvenIdentity::login_id(email("ada"));
        run(world.engine.set_password(ada, "a set password")).unwrap();
        let credential = Credential::password(email("ada"), "a set password");
        run(world.engine.sign_in(credential, None, cookie(), Some(address(1)))).unwrap();
        assert_eq!(other(3), Rejection::LimitReached, "whose password was not set waits on");
    });
}

/// Ten addresses that went on trying had emptied the bucket again before the owner came.
#[test]
fn who_goes_on_trying_does_not_keep_the_owner_of_a_new_password_out() {
    let world = World::new(Place::Memory);
    world.regular("ada");
    let try_all =
        || (1..=10).for_each(|last| while fail(&world, last) != Rejection::LimitReached {});
    let owner = |text| {
        let credential = Credential::password(email("ada"), text);
        run(world.engine.sign_in(credential, None, cookie(), Some(address(11))))
    };
    try_all();
    assert_eq!(refused(owner(PASSWORD)), Rejection::LimitReached);
    let ada = ProvenIdentity::login_id(email("ada"));
    run(world.engine.set_password(ada, "a set password")).unwrap();
    try_all();
    owner("a set password").unwrap();
}

#[test]
fn failed_passwords_are_limited_per_login_id_and_address() {
    on_every_backend_with(three_failures, |world| {
        world.regular("ada");
        for _ in 0..3 {
            assert_eq!(fail(&world, 1), Rejection::Denied);
        }
        assert_eq!(fail(&world, 1), Rejection::LimitReached);
        let right = run(world.engine.sign_in(password("ada"), None, cookie(), Some(address(1))));
        assert_eq!(refused(right), Rejection::LimitReached, "the right one is not told apart");
        assert!(
            run(world.engine.sign_in(password("ada"), None, cookie(), Some(address(2)))).is_ok()
        );
        world.advance(seconds(20));
        assert!(
            run(world.engine.sign_in(password("ada"), None, cookie(), Some(address(1)))).is_ok()
        );
    });
}

#[test]
fn failed_passwords_are_limited_per_login_id_whoever_tries() {
    on_every_backend_with(three_failures, |world| {
        world.regular("ada");
        for last in 1..=5 {
            assert_eq!(fail(&world, last), Rejection::Denied);
        }
        assert_eq!(fail(&world, 6), Rejection::LimitReached);
        let eve = Credential::password(email("eve"), "another password");
        let answer = run(world.engine.sign_in(eve, None, cookie(), Some(address(6))));
        assert_eq!(refused(answer), Rejection::Denied, "another login ID has its own");
    });
}

#[test]
fn a_login_id_that_nobody_has_is_limited_alike() {
    on_every_backend_with(three_failures, |world| {
        let answers: Vec<Rejection> = (0..4).map(|_| fail(&world, 1)).collect();
        assert_eq!(answers[2..], [Rejection::Denied, Rejection::LimitReached]);
    });
}

#[test]
fn a_password_that_succeeds_is_not_charged() {
    on_every_backend_with(three_failures, |world| {
        world.regular("ada");
        for _ in 0..10 {
            run(world.engine.sign_in(password("ada"), None, cookie(), Some(address(1)))).unwrap();
        }
    });
}

#[test]
fn a_changed_password_is_tried_from_the_same_buckets() {
    on_every_backend_with(three_failures, |world| {
        let ada = world.regular("ada");
        for _ in 0..3 {
            assert_eq!(fail(&world, 1), Rejection::Denied);
        }
        let change = run(world.engine.change_password(
            &ada.token,
            PASSWORD,
            "another password",
            Some(address(1)),
        ));
        assert_eq!(refused(change), Rejection::LimitReached);
        let again = run(world.engine.sign_up(password("ada"), cookie(), Some(address(1))));
        assert_eq!(refused(again), Rejection::LimitReached);
    });
}

#[test]
fn a_limit_that_is_off_limits_nothing() {
    let off = |policy: &mut Policy| {
        three_sign_ups(policy);
        policy.rate_limits.signup_anonymous.per_ip.enabled = false;
    };
    on_every_backend_with(off, |world| {
        for _ in 0..10 {
            run(world.engine.sign_up_anonymously(cookie(), Some(address(1)))).unwrap();
        }
    });
}

/// In seconds.
const ONE_DAY: u32 = 24 * 3600;
