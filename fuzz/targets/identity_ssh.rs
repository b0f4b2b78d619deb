//! See [`fuzz::ca::identity_ssh`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::ca::identity_ssh(bytes));
