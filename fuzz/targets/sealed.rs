//! See [`fuzz::ca::sealed`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::ca::sealed(bytes));
