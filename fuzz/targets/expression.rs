//! See [`fuzz::access::expression`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::access::expression(bytes));
