//! The second factor: codes of six digits that change every 30 seconds (RFC 6238).

use jiff::Timestamp;
use totp_rs::{Builder, Secret, Totp};

use crate::Failure;

/// Bytes of a secret: the length of the HMAC's output (RFC 4226 section 4, R6).
const SECRET_BYTES: usize = 20;
/// How many steps of 30 s a client's clock may be off, either way.
const SKEW_STEPS: u16 = 1;
/// The longest code that is looked at, with the spaces people type.
const MAX_CODE: usize = 16;

/// A new secret.
pub(crate) fn new_secret() -> Vec<u8> {
    rand::random::<[u8; SECRET_BYTES]>().to_vec()
}

/// The secret as authenticators take it: base32, and an `otpauth:` URL.
pub(crate) fn shown(secret: &[u8], user: &str, cluster: &str) -> Result<(String, String), Failure> {
    let totp = totp(secret, user, cluster)?;
    let url = totp.to_url().map_err(|error| Failure::internal(error.to_string()))?;
    Ok((totp.secret().to_base32(), url))
}

/// The step `code` belongs to, if it is later than `last`: a code works once (RFC 6238 section 5.2).
pub(crate) fn step(secret: &[u8], code: &str, last: Option<u64>, now: Timestamp) -> Step {
    if code.len() > MAX_CODE {
        return Step::Wrong;
    }
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    match totp(secret, "user", "cluster").ok().and_then(|totp| totp.check(&code, seconds)) {
        Some(step) if last.is_some_and(|last| step <= last) => Step::Used,
        Some(step) => Step::New(step),
        None => Step::Wrong,
    }
}

/// What a code is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// Right, and of this step.
    New(u64),
    /// Right, but of a step that was used, or before one.
    Used,
    /// No code of this secret around this time.
    Wrong,
}

fn totp(secret: &[u8], user: &str, cluster: &str) -> Result<Totp, Failure> {
    Builder::new()
        .with_secret(Secret::from(secret.to_vec()))
        .with_skew(SKEW_STEPS)
        .with_account_name(user)
        .with_issuer(Some(cluster))
        .build()
        .map_err(|error| Failure::internal(error.to_string()))
}

/// The code at `now`, as an authenticator shows it.
#[cfg(test)]
pub(crate) fn code(secret: &[u8], now: Timestamp) -> String {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    totp(secret, "user", "cluster")
        .map(|totp| totp.generate(seconds).to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn the_rfcs_own_numbers_come_out() {
        // RFC 6238 appendix B, SHA-1, cut to six digits.
        let secret = b"12345678901234567890";
        for (seconds, expected) in
            [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")]
        {
            assert_eq!(code(secret, at(seconds)), expected);
        }
    }

    #[test]
    fn a_code_works_one_step_early_or_late_and_once() {
        let secret = new_secret();
        let now = at(1_800_000_000);
        let step_of = |seconds| {
            step(&secret, &code(&secret, now + SignedDuration::from_secs(seconds)), None, now)
        };
        let current = u64::try_from(now.as_second()).unwrap() / 30;
        assert_eq!(step_of(0), Step::New(current));
        assert_eq!(step_of(-30), Step::New(current - 1));
        assert_eq!(step_of(30), Step::New(current + 1));
        assert_eq!(step_of(-90), Step::Wrong);
        assert_eq!(step_of(90), Step::Wrong);
        assert_eq!(step(&secret, &code(&secret, now), Some(current), now), Step::Used);
        // Whoever used a later code cannot go back to an earlier one.
        let earlier = code(&secret, now - SignedDuration::from_secs(30));
        assert_eq!(step(&secret, &earlier, Some(current), now), Step::Used);
    }

    #[test]
    fn spaces_are_forgiven_and_nothing_else() {
        let secret = new_secret();
        let now = at(1_800_000_000);
        let code = code(&secret, now);
        let (head, tail) = code.split_at(3);
        assert!(matches!(step(&secret, &format!("{head} {tail}"), None, now), Step::New(_)));
        for bad in ["", "0", "12345", "1234567", "abcdef", "１２３４５６", &"0".repeat(5000)]
        {
            if bad != code {
                assert_eq!(step(&secret, bad, None, now), Step::Wrong, "{bad}");
            }
        }
    }
}
