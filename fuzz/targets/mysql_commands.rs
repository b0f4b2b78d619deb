//! See [`fuzz::mysql::mysql_commands`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::mysql::mysql_commands(bytes));
