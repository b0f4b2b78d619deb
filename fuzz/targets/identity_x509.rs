//! See [`fuzz::ca::identity_x509`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::ca::identity_x509(bytes));
