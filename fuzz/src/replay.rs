//! Feeds a target with its corpus: each file whole, cut at every byte, and with single bytes changed.
//!
//! Nothing is drawn by chance: the same files give the same inputs on every machine.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// How often one byte of a file is changed: every byte of a small file, some of a large one.
const CHANGES: usize = 1024;
/// How many cuts one file gets, spread over its length: all of them below this size.
const CUTS: usize = 2048;
/// The most bytes of all files of a corpus. What is larger belongs to the fuzzer, not to every test run.
const CORPUS: usize = 128 * 1024;

/// Feeds `body` with `corpora/<target>` and with `more`.
pub fn replay(target: &str, more: &[&[u8]], body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpora").join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 4, "the corpus of `{target}` is gone: {} files", files.len());
    let mut total = 0;
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        total += bytes.len();
        around(&format!("{target}/{}", file.file_name().unwrap().to_string_lossy()), &bytes, body);
    }
    assert!(total <= CORPUS, "the corpus of `{target}` has {total} bytes, at most {CORPUS}");
    for (at, bytes) in more.iter().enumerate() {
        around(&format!("{target}: genuine {at}"), bytes, body);
    }
}

/// One file, what it begins with, and what is nearly it.
fn around(name: &str, bytes: &[u8], body: fn(&[u8])) {
    run(name, "whole", bytes, body);
    for end in (0..bytes.len()).step_by(bytes.len().div_ceil(CUTS).max(1)) {
        run(name, &format!("cut at {end}"), &bytes[..end], body);
    }
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut changed = bytes.to_vec();
    for at in (0..bytes.len()).step_by(bytes.len().div_ceil(CHANGES).max(1)) {
        // Marsaglia's xorshift: small, and not worth a dependency.
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let old = changed[at];
        let [high, bit, ..] = dice.to_be_bytes();
        // Half of the time a byte of any value, else one bit: texts stay texts.
        changed[at] = if high & 1 == 0 { bit } else { old ^ (1 << (bit & 7)) };
        run(name, &format!("byte {at} is {:#04x}", changed[at]), &changed, body);
        changed[at] = old;
    }
}

fn run(name: &str, what: &str, bytes: &[u8], body: fn(&[u8])) {
    let ended = catch_unwind(AssertUnwindSafe(|| body(bytes)));
    assert!(ended.is_ok(), "{name}, {what}: the target panicked; its message stands above");
}
