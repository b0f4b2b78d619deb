//! See [`fuzz::ca::user_key`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::ca::user_key(bytes));
