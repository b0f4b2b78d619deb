//! The files of a recording, by digest: what its seal lists, and what differs from it.

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whose session, where, since when: the first file of every recording.
pub const META: &str = "meta.json";
/// The seal, in which the files are listed. Not itself in the list.
pub const SEAL: &str = "sealed.json";
/// How the name of every part ends.
pub const PART: &str = ".cast.zst.age";
/// The longest name of a file that is believed, in bytes.
const MAX_NAME: usize = 64;

/// One file of a recording: `meta.json`, or a part.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// Its name in the recording's folder.
    pub name: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// SHA-256 over them, in hexadecimal.
    pub sha256: String,
}

/// SHA-256, piece by piece, in hexadecimal.
pub struct Sha(Context);

impl Sha {
    /// Over nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest over all of them.
    #[must_use]
    pub fn finish(self) -> String {
        self.0.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Default for Sha {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Sha {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha")
    }
}

impl FileDigest {
    /// Of a file with this name and these bytes.
    #[must_use]
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        let mut sha = Sha::new();
        sha.update(bytes);
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self { name: name.to_owned(), bytes: length, sha256: sha.finish() }
    }
}

/// SHA-256 over one line `name bytes sha256` per file: the digest the audit log holds.
#[must_use]
pub fn digest_over(files: &[FileDigest]) -> String {
    let mut sha = Sha::new();
    for file in files {
        sha.update(format!("{} {} {}\n", file.name, file.bytes, file.sha256).as_bytes());
    }
    sha.finish()
}

/// Whether a recording has files of this name: [`META`] or a part. Such a name is never a path.
#[must_use]
pub fn is_file_name(name: &str) -> bool {
    let numbers = |stem: &str| stem.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    name == META
        || name.len() <= MAX_NAME
            && name.strip_suffix(PART).is_some_and(|stem| !stem.is_empty() && numbers(stem))
}

/// Whether these are the files that `digest` in the audit log is over.
///
/// Only proper names count, or one long name could hash like two files.
#[must_use]
pub fn proven(files: &[FileDigest], digest: &str) -> bool {
    files.iter().all(|file| is_file_name(&file.name)) && digest_over(files) == digest
}

/// What differs between the files that were sealed and those that are there, one sentence each.
#[must_use]
pub fn differences(sealed: &[FileDigest], found: &[FileDigest]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in sealed {
        match found.iter().find(|other| other.name == file.name) {
            None => problems.push(format!("`{}` is missing", file.name)),
            Some(other) if other.bytes != file.bytes => problems.push(format!(
                "`{}` was changed: it has {} bytes, {} were sealed",
                file.name, other.bytes, file.bytes
            )),
            Some(other) if other.sha256 != file.sha256 => problems.push(format!(
                "`{}` was changed: its SHA-256 is {}, {} was sealed",
                file.name, other.sha256, file.sha256
            )),
            Some(_) => {}
        }
    }
    for file in found.iter().filter(|file| !sealed.iter().any(|other| other.name == file.name)) {
        problems.push(format!("`{}` is not in the seal", file.name));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_long_name_does_not_pass_for_two_files() {
        let files =
            [FileDigest::of(META, b"{}"), FileDigest::of("000000-000000000000.cast.zst.age", b"a")];
        let digest = digest_over(&files);
        assert!(proven(&files, &digest));
        let [meta, part] = &files;
        let name = format!("{META} {} {}\n{}", meta.bytes, meta.sha256, part.name);
        let one = [FileDigest { name, ..part.clone() }];
        assert_eq!(digest_over(&one), digest);
        assert!(!proven(&one, &digest));
    }

    #[test]
    fn names_are_never_paths() {
        for name in
            ["../meta.json", "/etc/passwd", "..", "", ".cast.zst.age", "0/0.cast.zst.age", SEAL]
        {
            assert!(!is_file_name(name), "{name}");
        }
        assert!(is_file_name(META) && is_file_name("000001-000000010042.cast.zst.age"));
    }

    #[test]
    fn what_differs_is_told_file_by_file() {
        let [meta, one] =
            [FileDigest::of(META, b"{}"), FileDigest::of("000000-0.cast.zst.age", b"abc")];
        let sealed = [meta.clone(), one.clone(), FileDigest::of("000001-9.cast.zst.age", b"d")];
        let found = [
            FileDigest::of(META, b"{ }"),
            FileDigest::of(&one.name, b"abd"),
            FileDigest::of("000002-9.cast.zst.age", b"e"),
        ];
        let short = |text: &String| text.split(": its").next().unwrap().to_owned();
        assert_eq!(
            differences(&sealed, &found).iter().map(short).collect::<Vec<_>>(),
            [
                "`meta.json` was changed: it has 3 bytes, 2 were sealed",
                "`000000-0.cast.zst.age` was changed",
                "`000001-9.cast.zst.age` is missing",
                "`000002-9.cast.zst.age` is not in the seal",
            ]
        );
    }
}
