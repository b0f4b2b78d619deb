//! `tsh proxy ssh TARGET`: the fast way from `ssh` to the daemon.
//!
//! `ssh` starts this as its `ProxyCommand`. It connects to the daemon, says which target is wanted in one
//! line, hands the connected socket to `ssh` (`ProxyUseFdpass`) and leaves: no second encryption, no
//! process in the middle. Hence nothing here starts a runtime, TLS or an HTTP client.

use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use jiff::Timestamp;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

use crate::error::Error;
use crate::home::Home;
use crate::profile::Profile;

/// How long one address of the daemon is tried.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest target name, in bytes; the daemon reads at most 512 bytes of routing line.
pub const MAX_TARGET: usize = 256;

/// How the connection is given to `ssh`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Handover {
    /// The socket itself, over standard output.
    Descriptor,
    /// Its bytes, over standard input and output.
    Stdio,
}

/// Connects to the daemon for `target` (`host`, `host:port` or `host.cluster`) and hands the connection over.
///
/// # Errors
/// Not logged in, the daemon cannot be reached, or standard output takes no descriptor.
pub fn run(home: &Home, target: &str, handover: Handover, now: Timestamp) -> Result<(), Error> {
    let profile = Profile::logged_in(home, now)?;
    let line = routing_line(target, &profile.cluster)?;
    let stream = connect(&profile.proxy)?;
    (&stream).write_all(line.as_bytes()).map_err(|error| {
        Error::network(format!("cannot talk to `{}`", profile.proxy)).because(error)
    })?;
    match handover {
        Handover::Descriptor => pass(io::stdout().as_fd(), stream.as_fd()).map_err(|error| {
            Error::internal("cannot hand the connection to ssh")
                .because(error)
                .hint("without `ProxyUseFdpass yes`, use: ProxyCommand tsh proxy ssh --stdio %h:%p")
        }),
        Handover::Stdio => relay(stream),
    }
}

/// `countersign/1 ssh <target>\n`: unauthenticated; it only chooses the target's name.
fn routing_line(target: &str, cluster: &str) -> Result<String, Error> {
    let host = match target.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => target,
    };
    let name = host.strip_suffix(cluster).and_then(|rest| rest.strip_suffix('.')).unwrap_or(host);
    let fits = !name.is_empty() && name.len() <= MAX_TARGET;
    if !fits || name.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(Error::usage(format!(
            "`{}` is not the name of a target",
            crate::output::one_line(target)
        ))
        .hint("see the names with: tsh ls"));
    }
    Ok(format!("countersign/1 ssh {name}\n"))
}

/// A connection to the daemon, without Nagle's delay.
fn connect(address: &str) -> Result<TcpStream, Error> {
    let unreachable = |error: io::Error| {
        Error::network(format!("cannot reach the server `{address}`"))
            .because(error)
            .hint("is the daemon running there? tsh status")
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for resolved in address.to_socket_addrs().map_err(unreachable)? {
        match TcpStream::connect_timeout(&resolved, CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(unreachable)?;
                // Handshakes are ruled by delayed acknowledgements; that this may be refused costs time only.
                let _faster = rustix::net::sockopt::set_tcp_quickack(&stream, true);
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(unreachable(last))
}

/// Sends `passed` over the UNIX socket `over`, with the one byte that `ssh` expects beside it (OpenSSH `monitor_fdpass.c`).
///
/// # Errors
/// `over` is not a UNIX socket, or its other end is gone.
pub fn pass(over: BorrowedFd<'_>, passed: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [passed];
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for the descriptor"));
    }
    loop {
        match rustix::net::sendmsg(over, &[IoSlice::new(b"\0")], &mut control, SendFlags::NOSIGNAL)
        {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Carries bytes both ways until the server is done; the end of standard input is passed on as a half-close.
fn relay(stream: TcpStream) -> Result<(), Error> {
    let broken = |error: io::Error| Error::network("the connection broke").because(error);
    let upward = stream.try_clone().map_err(broken)?;
    // The thread ends with the process: a read of standard input cannot be interrupted.
    let _upward = std::thread::spawn(move || {
        let _copied = copy(io::stdin().lock(), &upward);
        let _told = upward.shutdown(Shutdown::Write);
    });
    copy(&stream, io::stdout().lock()).map_err(broken)
}

/// Like [`io::copy`], but what was read is flushed at once: the other side waits for it.
fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        to.write_all(buffer.get(..read).unwrap_or_default())?;
        to.flush()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags,
        SocketType,
    };
    use std::io::IoSliceMut;

    #[test]
    fn the_routing_line_names_the_target_only() {
        let line = |target| routing_line(target, "example").unwrap();
        assert_eq!(line("db-box:22"), "countersign/1 ssh db-box\n");
        assert_eq!(line("db-box"), "countersign/1 ssh db-box\n");
        assert_eq!(line("db-box.example:22"), "countersign/1 ssh db-box\n");
        assert_eq!(line("example"), "countersign/1 ssh example\n");
    }

    #[test]
    fn no_name_can_add_a_line() {
        for bad in [
            "",
            ":22",
            "a b",
            "a\ncountersign/1 ssh b",
            "a\u{1b}",
            "é",
            &"x".repeat(MAX_TARGET + 1),
        ] {
            assert_eq!(routing_line(bad, "example").unwrap_err().exit().code(), 2, "{bad:?}");
        }
    }

    #[test]
    fn a_descriptor_passed_is_the_connection_itself() {
        let (ours, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = connect(&listener.local_addr().unwrap().to_string()).unwrap();
        pass(ours.as_fd(), stream.as_fd()).unwrap();
        drop(stream);

        let mut byte = [9];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let got = rustix::net::recvmsg(
            &theirs,
            &mut [IoSliceMut::new(&mut byte)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )
        .unwrap();
        assert_eq!((got.bytes, byte), (1, [0]));
        let passed = control
            .drain()
            .find_map(|message| {
                let RecvAncillaryMessage::ScmRights(mut rights) = message else { return None };
                rights.next()
            })
            .unwrap();
        TcpStream::from(passed).write_all(b"hello").unwrap();
        let mut heard = String::new();
        listener.accept().unwrap().0.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "hello");
    }

    #[test]
    fn something_else_than_a_socket_takes_no_descriptor() {
        let file = tempfile::tempfile().unwrap();
        assert!(pass(file.as_fd(), file.as_fd()).is_err());
    }
}
