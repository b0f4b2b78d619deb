//! A port that is one's own from the moment it is chosen, before the server that is told about it listens, and between
//! two lives of it.
//!
//! The socket here is bound and never listens. While it lives, the kernel gives its port to nobody who lets the kernel
//! choose, bind or connect; who names the port and sets `SO_REUSEADDR`, as every server of the tests does, listens on it
//! all the same (socket(7)).

#![allow(dead_code, reason = "several test programs include this, and each uses some of it")]

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt,
};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

/// A loopback address that is kept for whoever is told about it.
#[derive(Debug)]
pub(crate) struct Reserved {
    address: SocketAddr,
    _kept: OwnedFd,
}

impl Reserved {
    pub(crate) fn port() -> Self {
        let (stream, flags) = (SocketType::STREAM, SocketFlags::CLOEXEC);
        let kept = socket_with(AddressFamily::INET, stream, flags, None).unwrap();
        sockopt::set_socket_reuseaddr(&kept, true).unwrap();
        bind(&kept, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = SocketAddr::try_from(getsockname(&kept).unwrap()).unwrap();
        Self { address, _kept: kept }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn number(&self) -> u16 {
        self.address.port()
    }
}
