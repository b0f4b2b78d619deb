//! Whose the other end of a connection on this machine is.
//!
//! A port of loopback is open to everybody who is logged in here, and the kernel tells nobody on the other end who came
//! (`SO_PEERCRED` is for UNIX sockets). It does tell in its table of connections (proc(5), `/proc/net/tcp`).

use std::io::{self, BufRead, BufReader, Read as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Tables of connections: a client with a socket of IPv6 stands in the second, with its address of IPv4 inside.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];
/// Bytes of a table that are read; a connection is a line of 150.
const MAX_TABLE: u64 = 64 << 20;

/// The user id that owns the socket at `client` which is connected to `here`, both on this machine. `None` where it is gone.
///
/// # Errors
/// There are no such tables: this is no Linux, or they are hidden.
pub fn owner(client: SocketAddr, here: SocketAddr) -> io::Result<Option<u32>> {
    for path in TABLES {
        let table = match std::fs::File::open(path) {
            Ok(table) => table,
            // A machine without IPv6 has no second one.
            Err(error) if error.kind() == io::ErrorKind::NotFound && path != TABLES[0] => continue,
            Err(error) => return Err(error),
        };
        if let Some(uid) = find(BufReader::new(table.take(MAX_TABLE)), client, here)? {
            return Ok(Some(uid));
        }
    }
    Ok(None)
}

/// `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid ...`
fn find(table: impl BufRead, client: SocketAddr, here: SocketAddr) -> io::Result<Option<u32>> {
    for line in table.lines().skip(1) {
        let line = line?;
        let mut words = line.split_ascii_whitespace().skip(1);
        let mut end = || words.next().and_then(address);
        let (local, remote) = (end(), end());
        if local == Some(client) && remote == Some(here) {
            return Ok(words.nth(4).and_then(|uid| uid.parse().ok()));
        }
    }
    Ok(None)
}

/// `0100007F:1F90`: each four bytes of the address as a number of this machine, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let words = address.as_bytes().chunks(8).map(|eight| {
        let eight = std::str::from_utf8(eight).ok()?;
        u32::from_str_radix(eight, 16).ok().map(u32::to_ne_bytes)
    });
    let bytes: Vec<u8> = words.collect::<Option<Vec<_>>>()?.concat();
    let ip: IpAddr = match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok()?.into(),
        16 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::process::{Command, Stdio};

    #[test]
    fn ones_own_connections_are_ones_own_by_either_family() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        let me = rustix::process::geteuid().as_raw();
        let mapped = SocketAddr::new("::ffff:127.0.0.1".parse().unwrap(), here.port());
        for to in [here, mapped] {
            let client = TcpStream::connect(to).unwrap();
            let (_server, peer) = listener.accept().unwrap();
            assert_eq!(owner(peer, here).unwrap(), Some(me), "{to}");
            assert_eq!(owner(here, peer).unwrap(), Some(me), "our own end");
            drop(client);
        }
        let nobody = "127.0.0.1:1".parse().unwrap();
        assert_eq!(owner(nobody, here).unwrap(), None);
    }

    #[test]
    fn anothers_connection_is_anothers() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        let script = format!("exec 3<>/dev/tcp/127.0.0.1/{}; cat <&3 >/dev/null", here.port());
        let mut other = Command::new("setpriv")
            .args(["--reuid=65534", "--clear-groups", "bash", "-c", &script])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let (mut server, peer) = listener.accept().unwrap();
        assert_eq!(owner(peer, here).unwrap(), Some(65534));
        server.shutdown(std::net::Shutdown::Write).unwrap();
        other.wait().unwrap();
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        let table = "  sl  local_address rem_address   st\n\
                     garbage\n\
                     0: 0100007F:zzzz 0100007F:1F90 01 0:0 0:0 0 7 0\n\
                     1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 5\n";
        let (client, here) =
            ("127.0.0.1:50000".parse().unwrap(), "127.0.0.1:8080".parse().unwrap());
        let found = find(table.as_bytes(), client, here).unwrap();
        assert_eq!(found, if cfg!(target_endian = "little") { Some(1000) } else { None });
    }
}
