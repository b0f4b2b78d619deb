//! See [`fuzz::wire::sftp`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::wire::sftp(bytes));
