//! How many strangers may be in the hall at once.
//!
//! A connection takes a slot when it is accepted and gives it back when the client has proven who he is, or has gone.
//! One address cannot take all slots, so a flood from one place does not keep the others out.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Limits of connections that have not proven who they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SlotLimits {
    /// Overall.
    pub total: usize,
    /// From one address (IPv6: from one /64).
    pub per_address: usize,
}

impl Default for SlotLimits {
    /// 8192 overall; 1024 from one address, so that 500 connections at once by a configuration tool are no flood.
    fn default() -> Self {
        Self { total: 8192, per_address: 1024 }
    }
}

/// The slots. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    limits: SlotLimits,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// One taken slot; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    address: IpAddr,
    taken: Arc<Mutex<Taken>>,
}

impl Slots {
    pub(crate) fn new(limits: SlotLimits) -> Self {
        Self { limits, taken: Arc::default() }
    }

    /// Takes a slot for a connection from `address`; `None` when there is none.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Slot> {
        let address = block_of(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let here = taken.by_address.get(&address).copied().unwrap_or(0);
        if taken.total >= self.limits.total || here >= self.limits.per_address {
            return None;
        }
        taken.total = taken.total.saturating_add(1);
        taken.by_address.insert(address, here.saturating_add(1));
        Some(Slot { address, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total = taken.total.saturating_sub(1);
        match taken.by_address.get(&self.address).copied() {
            Some(n) if n > 1 => {
                taken.by_address.insert(self.address, n.saturating_sub(1));
            }
            Some(_) | None => {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

/// One customer of an IPv6 network has a /64 of addresses at least; count them as one.
fn block_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_the_slots_of_the_others() {
        let slots = Slots::new(SlotLimits { total: 3, per_address: 2 });
        let here = "192.0.2.1".parse().unwrap();
        let first = slots.take(here).unwrap();
        let _second = slots.take("::ffff:192.0.2.1".parse().unwrap()).unwrap();
        assert!(slots.take(here).is_none());
        let _other = slots.take("2001:db8::1".parse().unwrap()).unwrap();
        assert!(slots.take("192.0.2.9".parse().unwrap()).is_none(), "all are taken");
        drop(first);
        assert!(slots.take(here).is_some());
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let slots = Slots::new(SlotLimits { total: 9, per_address: 1 });
        let _slot = slots.take("2001:db8::1".parse().unwrap()).unwrap();
        assert!(slots.take("2001:db8::2".parse().unwrap()).is_none());
        assert!(slots.take("2001:db8:0:1::2".parse().unwrap()).is_some());
    }
}
