#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass::fuzzing::login_id(data));
