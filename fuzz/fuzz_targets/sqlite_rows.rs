#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guestpass::fuzzing::sqlite_rows(data));
