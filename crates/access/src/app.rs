//! Calls of applications: a method and a path, and the rules of roles about them (`app_paths`).
//!
//! A path is judged as the application will read it, so it must have one reading: what two programs could read
//! differently (`..`, an encoded slash, an encoding within an encoding) is no path here, and a call with it is covered
//! by no rule.

use crate::{identity::Traits, template::Patterns};

/// The longest path that is judged, in bytes.
const MAX_PATH: usize = 8 * 1024;

/// One call of an application.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AppCall {
    /// The method, in capitals.
    pub method: Box<str>,
    /// The path.
    pub path: AppPath,
}

/// A path with one reading, decoded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AppPath(Box<str>);

/// Why a path has more than one reading.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the path can be read in more than one way at byte {at}: {what}")]
pub struct Ambiguous {
    /// Where.
    pub at: usize,
    /// What is there.
    pub what: &'static str,
}

impl AppPath {
    /// Reads a path as it stands in a request (RFC 3986, section 3.3), without its query.
    ///
    /// # Errors
    /// Where it could be read in another way.
    pub fn parse(raw: &str) -> Result<Self, Ambiguous> {
        let no = |at: usize, what: &'static str| Err(Ambiguous { at, what });
        if raw.len() > MAX_PATH {
            return no(MAX_PATH, "it is too long");
        }
        if !raw.starts_with('/') {
            return no(0, "it does not begin with `/`");
        }
        let bytes = raw.as_bytes();
        let mut decoded = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let (byte, length, encoded) = match byte {
                b'%' => {
                    let digit =
                        |at: usize| bytes.get(at).and_then(|digit| char::from(*digit).to_digit(16));
                    let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else {
                        return no(at, "`%` without two hexadecimal digits");
                    };
                    (u8::try_from(high * 16 + low).unwrap_or_default(), 3, true)
                }
                byte => (byte, 1, false),
            };
            match byte {
                b'/' if encoded => return no(at, "an encoded `/`"),
                b'%' => return no(at, "an encoding within an encoding"),
                b'\\' => return no(at, "`\\`"),
                b';' => return no(at, "`;`, which some applications cut at"),
                b'?' | b'#' => return no(at, "an encoded end of the path"),
                0..=0x1f | 0x7f => return no(at, "a control character"),
                _ => decoded.push(byte),
            }
            at += length;
        }
        let Ok(text) = String::from_utf8(decoded) else { return no(0, "it is not UTF-8") };
        let segments: Vec<&str> = text.split('/').skip(1).collect();
        for (n, segment) in segments.iter().enumerate() {
            match *segment {
                "." | ".." => return no(0, "a segment `.` or `..`"),
                // The last one is what stands behind a final slash.
                "" if n + 1 < segments.len() => return no(0, "`//`"),
                _ => {}
            }
        }
        Ok(Self(text.into()))
    }

    /// The path, decoded.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One checked entry of `app_paths`.
#[derive(Clone, Debug)]
pub struct AppPaths {
    /// The paths.
    pub paths: Patterns,
    /// The methods, in capitals; none is every method.
    pub methods: Vec<Box<str>>,
}

impl AppPaths {
    /// Whether the entry is about this call.
    #[must_use]
    pub fn covers(&self, call: &AppCall, traits: &Traits) -> bool {
        let method = self.methods.is_empty()
            || self.methods.iter().any(|own| **own == *"*" || *own == call.method);
        method && self.paths.matches(call.path.as_str(), traits)
    }
}

#[cfg(test)]
mod tests {
    use super::AppPath;

    #[test]
    fn a_path_has_one_reading_or_is_none() {
        for (raw, read) in [
            ("/", "/"),
            ("/api/x", "/api/x"),
            ("/api/", "/api/"),
            ("/a%20b", "/a b"),
            ("/%61dmin", "/admin"),
            ("/caf%C3%A9", "/café"),
            ("/...", "/..."),
            ("/.well-known/x", "/.well-known/x"),
        ] {
            assert_eq!(AppPath::parse(raw).unwrap().as_str(), read, "{raw}");
        }
        for raw in [
            "",
            "x",
            "*",
            "/a/../b",
            "/..",
            "/a/.",
            "/a/%2e%2e/b",
            "/a/%2E./b",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/%252e%252e/",
            "/a%25b",
            "/a//b",
            "//",
            "/a;x=1/b",
            "/a%3bb",
            "/a%3fb",
            "/a%23b",
            "/a%00",
            "/a%0a",
            "/%",
            "/%4",
            "/%zz",
            "/%ff",
        ] {
            assert!(AppPath::parse(raw).is_err(), "{raw}");
        }
    }
}
