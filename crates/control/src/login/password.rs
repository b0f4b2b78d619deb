//! Passwords: argon2id, a few at a time, and never on the threads that serve.

use std::sync::{Arc, OnceLock};

use api::problem::Problem;
use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        phc::{Output, ParamsString, PasswordHash, Salt},
        try_generate_salt,
    },
};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::Failure;

/// Memory of one hash, in KiB: 19 MiB (OWASP's first choice for argon2id).
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
const PASSES: u32 = 2;
/// How many hashes are computed at once: the memory that strangers can make us use, 38 MiB.
const AT_ONCE: usize = 2;
/// How much is asked for to get the memory of one hash, in bytes. glibc takes a large block straight from the system
/// and gives it straight back, but every one that is freed raises what counts as large to its own size, up to 32 MiB
/// (mallopt(3), M_MMAP_THRESHOLD); then 19 MiB would stay in the heap of each thread that ever computed a hash. What is
/// larger than that is never kept. Pages that are not touched cost nothing.
const NEVER_KEPT: usize = 33 << 20;
/// How many more may wait for their turn; beyond, the answer is "not now" instead of a long wait.
const WAITING: usize = 64;
/// The shortest password, in characters.
pub(crate) const MIN_CHARS: usize = 12;
/// The longest password, in bytes.
pub(crate) const MAX_BYTES: usize = 1024;

/// Hashes and checks passwords.
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    places: Semaphore,
    /// The hash of no password, for names that have none: checking it costs what a real one costs.
    nobody: OnceLock<String>,
    #[cfg(test)]
    done: std::sync::atomic::AtomicUsize,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            places: Semaphore::new(AT_ONCE + WAITING),
            nobody: OnceLock::new(),
            #[cfg(test)]
            done: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// The hash to store, in PHC form.
    pub(crate) async fn hash(&self, password: Zeroizing<String>) -> Result<String, Failure> {
        self.work(move || hash(password.as_bytes())).await?.map_err(Failure::internal)
    }

    /// Whether `password` is the one of `stored`. Without one, the same work is done for nothing.
    pub(crate) async fn check(
        &self,
        password: Zeroizing<String>,
        stored: Option<String>,
    ) -> Result<bool, Failure> {
        let someone = stored.is_some();
        // Made at the first login of all, whoever it is for: the first stranger must not be told
        // by the time it takes.
        let nobody = self.nobody().await?;
        let stored = stored.unwrap_or(nobody);
        let same = self.work(move || {
            PasswordHash::new(&stored).is_ok_and(|hash| fits(password.as_bytes(), &hash))
        });
        Ok(same.await? && someone)
    }

    async fn nobody(&self) -> Result<String, Failure> {
        if let Some(known) = self.nobody.get() {
            return Ok(known.clone());
        }
        let random = Zeroizing::new(super::bearer());
        let made = self.hash(random).await?;
        Ok(self.nobody.get_or_init(|| made).clone())
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let _place = self
            .places
            .try_acquire()
            .map_err(|_| Problem::unavailable("too many people log in at this moment"))?;
        #[cfg(test)]
        self.done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(Failure::internal)?;
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .map_err(Failure::internal)
    }
}

fn hash(password: &[u8]) -> Result<String, argon2::password_hash::Error> {
    // INVARIANT: the constants are within argon2's bounds, so the default is never taken; it is
    // the same numbers.
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).unwrap_or_default();
    let salt = Salt::new(&try_generate_salt()?)?;
    let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
    let output = output(algorithm, version, &params, password, &salt)?;
    let hash = PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(&params)?,
        salt: Some(salt),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

/// Whether `hash` is one of `password`, by the numbers that stand in it.
fn fits(password: &[u8], hash: &PasswordHash) -> bool {
    let (Some(salt), Some(stored), Some(version)) = (&hash.salt, &hash.hash, hash.version) else {
        return false;
    };
    let computed = || -> Result<Output, argon2::password_hash::Error> {
        let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
        output(algorithm, Version::try_from(version)?, &Params::try_from(hash)?, password, salt)
    };
    // `Output` compares in constant time.
    computed().is_ok_and(|computed| computed == *stored)
}

fn output(
    algorithm: Algorithm,
    version: Version,
    params: &Params,
    password: &[u8],
    salt: &Salt,
) -> Result<Output, argon2::password_hash::Error> {
    let argon2 = Argon2::new(algorithm, version, params.clone());
    let mut output = [0; Output::MAX_LENGTH];
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let output = output.get_mut(..length).ok_or(argon2::password_hash::Error::OutputSize)?;
    argon2.hash_password_into_with_memory(password, salt, output, memory(params.block_count()))?;
    Ok(Output::new(output)?)
}

/// Memory for one hash, all of which goes back to the system with it.
fn memory(blocks: usize) -> Vec<Block> {
    let mut memory = Vec::with_capacity(blocks.max(NEVER_KEPT / Block::SIZE));
    memory.resize(blocks, Block::new());
    memory
}

/// Why a new password is not taken, in words; `None` when it is.
pub(crate) fn objection(password: &str, user: &str) -> Option<String> {
    if password.len() > MAX_BYTES {
        return Some(format!("has more than {MAX_BYTES} bytes"));
    }
    if password.chars().count() < MIN_CHARS {
        return Some(format!(
            "has fewer than {MIN_CHARS} characters; a few words in a row are good"
        ));
    }
    let plain = |text: &str| text.to_lowercase();
    let (password, user) = (plain(password), plain(user));
    let name = user.split('@').next().unwrap_or_default();
    if password == user || (!name.is_empty() && password.replace(name, "").chars().count() < 8) {
        return Some("is little more than the user name".to_owned());
    }
    let first = password.chars().next();
    if password.chars().all(|c| Some(c) == first) {
        return Some("is one character, repeated".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_not_the_name() {
        let good = |password| objection(password, "alice@example.com").is_none();
        assert!(good("correct horse battery"));
        assert!(good("пароль-из-слов"));
        for bad in [
            "",
            "short",
            "elevenchars",
            "alice@example.com",
            "ALICE@example.COM",
            "alicealicealice",
            "alicealice123",
            "aaaaaaaaaaaaaaaa",
            &"x".repeat(1025),
        ] {
            assert!(!good(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn for_nobody_the_same_work_is_done_as_for_somebody() {
        let passwords = Passwords::new();
        let own = |text: &str| Zeroizing::new(text.to_owned());
        let done = || passwords.done.load(std::sync::atomic::Ordering::Relaxed);
        let stored = passwords.hash(own("correct horse battery")).await.unwrap();
        passwords.check(own("x"), None).await.unwrap();
        let before = done();
        passwords.check(own("x"), None).await.unwrap();
        let nobody = done() - before;
        passwords.check(own("x"), Some(stored.clone())).await.unwrap();
        assert_eq!((nobody, done() - before - nobody), (1, 1));
        // The dummy costs what a real hash costs: the numbers stand in both.
        let numbers = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(numbers(&passwords.nobody().await.unwrap()), numbers(&stored));
    }

    /// Set in the process that measures itself.
    const ALONE: &str = "COUNTERSIGN_TEST_ALONE";

    #[test]
    fn the_memory_of_hashes_goes_back_to_the_system() {
        if std::env::var_os(ALONE).is_some() {
            return grows_by_no_hash();
        }
        // Other tests share this process, and take memory as they like.
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "login::password::tests::the_memory_of_hashes_goes_back_to_the_system",
            ])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && said.contains("1 passed"), "{said}");
    }

    fn grows_by_no_hash() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
        };
        let before = resident();
        for _ in 0..3 {
            let threads = [(); AT_ONCE].map(|()| std::thread::spawn(|| hash(b"correct horse")));
            for thread in threads {
                thread.join().unwrap().unwrap();
            }
        }
        hash(b"battery staple").unwrap();
        let grown = resident().saturating_sub(before);
        assert!(grown < u64::from(MEMORY_KIB) / 4, "{grown} KiB are kept");
    }

    #[tokio::test]
    async fn a_crowd_is_told_to_come_back_and_does_not_wait() {
        let passwords = Passwords::new();
        let seats = passwords.places.acquire_many(u32::try_from(AT_ONCE + WAITING).unwrap());
        let _all = seats.await.unwrap();
        let refused = passwords.hash(Zeroizing::new("x".to_owned())).await.unwrap_err();
        assert_eq!(refused.problem.status, 503);
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_and_only_its_password_fits() {
        let passwords = Passwords::new();
        let own = |text: &str| Zeroizing::new(text.to_owned());
        let stored = passwords.hash(own("correct horse battery")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(stored, passwords.hash(own("correct horse battery")).await.unwrap());
        assert!(passwords.check(own("correct horse battery"), Some(stored.clone())).await.unwrap());
        assert!(!passwords.check(own("correct horse batterz"), Some(stored)).await.unwrap());
        assert!(!passwords.check(own("anything"), None).await.unwrap());
        assert!(!passwords.check(own("anything"), Some("rubbish".to_owned())).await.unwrap());
    }
}
