//! See [`fuzz::kube::kube_spdy`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::kube::kube_spdy(bytes));
