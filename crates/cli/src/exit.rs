//! What a command's end says to the script that ran it: the exit codes, in one place.

/// How a command ended, as its exit status. The numbers are a promise to scripts: one is never given another meaning.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Exit {
    /// Done; a request that was waited for is approved.
    Done = 0,
    /// A fault of the program or of this machine.
    Internal = 1,
    /// The command line or a file given to it is wrong.
    Usage = 2,
    /// Refused: access is denied, or reviewers said no.
    Denied = 3,
    /// The request, or what it was about, has expired.
    Expired = 4,
    /// Nobody could ever approve this request.
    NobodyCanApprove = 5,
    /// Not logged in, or the login has expired.
    NotLoggedIn = 6,
    /// The server cannot be reached, or is not the one that was trusted.
    Network = 7,
    /// No such thing, or none that you may see.
    NotFound = 8,
    /// Someone changed it meanwhile, or its state does not allow this any more.
    Conflict = 9,
    /// A proof, a digest or a signature does not hold.
    Unproven = 10,
    /// Interrupted; what was asked for is left as it was.
    Interrupted = 130,
}

impl Exit {
    /// The number the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// The table of exit codes as `--help` shows it.
pub const TABLE: &str = "\
Exit codes:
    0  done; a request that was waited for is approved
    1  a fault of the program or of this machine
    2  the command line, or a file given to it, is wrong
    3  refused: access denied, or reviewers said no
    4  the request has expired
    5  nobody could ever approve this request
    6  not logged in, or the login has expired
    7  the server cannot be reached, or is not the one that was trusted
    8  no such thing, or none that you may see
    9  someone changed it meanwhile
   10  a proof, a digest or a signature does not hold
  130  interrupted; what was asked for is left as it was";
