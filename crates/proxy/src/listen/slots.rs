//! How many strangers may be in the hall at once.
//!
//! A connection takes a slot when it is accepted and gives it back when the client has proven who he is, or has gone.
//! One address cannot take all slots. When many addresses together have taken all, whoever comes next gets the slot of
//! the oldest connection from the address that has the most: a crowd crowds out itself, and not the one person
//! who is about to touch his security key.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Severer;

/// Limits of connections that have not proven who they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SlotLimits {
    /// Overall.
    pub total: usize,
    /// From one address (IPv6: from one /64).
    pub per_address: usize,
}

impl Default for SlotLimits {
    /// 4096 overall; 1024 from one address, so that 500 connections at once by a configuration tool are no flood.
    fn default() -> Self {
        Self { total: 4096, per_address: 1024 }
    }
}

/// The slots. Cheap to clone. `C` ends a connection.
#[derive(Clone, Debug)]
pub(crate) struct Slots<C: Sever = Severer> {
    limits: SlotLimits,
    taken: Arc<Mutex<Taken<C>>>,
}

/// Ends a connection from outside.
pub(crate) trait Sever {
    fn sever(&self);
}

impl Sever for Severer {
    fn sever(&self) {
        Self::sever(self);
    }
}

/// Connections are numbered in the order in which they came.
type Number = u64;

#[derive(Debug)]
struct Taken<C> {
    total: usize,
    next: Number,
    by_address: BTreeMap<IpAddr, BTreeMap<Number, C>>,
    /// The addresses by how many slots each has, then by age of its oldest: the last one makes room.
    ranks: BTreeSet<(usize, Reverse<Number>, IpAddr)>,
}

/// One taken slot; given back when dropped. It may have been given to someone else by then.
#[derive(Debug)]
pub(crate) struct Slot<C: Sever = Severer> {
    address: IpAddr,
    number: Number,
    taken: Arc<Mutex<Taken<C>>>,
}

impl<C: Sever> Slots<C> {
    pub(crate) fn new(limits: SlotLimits) -> Self {
        let taken =
            Taken { total: 0, next: 0, by_address: BTreeMap::new(), ranks: BTreeSet::new() };
        Self { limits, taken: Arc::new(Mutex::new(taken)) }
    }

    /// Takes a slot for a connection from `address`, which `cut` ends; `None` when its address has had its share.
    /// When all are taken, another connection is cut for it.
    pub(crate) fn take(&self, address: IpAddr, cut: C) -> Option<Slot<C>> {
        let address = block_of(address);
        let mut taken = lock(&self.taken);
        if taken.of(address) >= self.limits.per_address {
            return None;
        }
        let removed = if taken.total >= self.limits.total {
            // With no slot at all there is none to make room.
            Some(taken.remove_one_of_the_crowd()?)
        } else {
            None
        };
        let number = taken.add(address, cut);
        drop(taken);
        if let Some(removed) = removed {
            removed.sever();
        }
        Some(Slot { address, number, taken: Arc::clone(&self.taken) })
    }
}

impl<C> Taken<C> {
    /// How many slots `address` has.
    fn of(&self, address: IpAddr) -> usize {
        self.by_address.get(&address).map_or(0, BTreeMap::len)
    }

    fn add(&mut self, address: IpAddr, cut: C) -> Number {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        self.change(address, |here| here.insert(number, cut).is_none());
        number
    }

    fn remove(&mut self, address: IpAddr, number: Number) -> Option<C> {
        self.change(address, |here| here.remove(&number))
    }

    fn remove_one_of_the_crowd(&mut self) -> Option<C> {
        let (_, Reverse(oldest), address) = *self.ranks.last()?;
        self.remove(address, oldest)
    }

    /// Changes what `address` has, and its rank with it.
    fn change<T>(
        &mut self,
        address: IpAddr,
        change: impl FnOnce(&mut BTreeMap<Number, C>) -> T,
    ) -> T {
        let here = self.by_address.entry(address).or_default();
        if let Some(rank) = rank(address, here) {
            self.ranks.remove(&rank);
        }
        let before = here.len();
        let done = change(here);
        self.total = self.total.saturating_sub(before).saturating_add(here.len());
        match rank(address, here) {
            Some(rank) => _ = self.ranks.insert(rank),
            None => _ = self.by_address.remove(&address),
        }
        done
    }
}

/// Where an address stands; `None` when it has nothing.
fn rank<C>(
    address: IpAddr,
    here: &BTreeMap<Number, C>,
) -> Option<(usize, Reverse<Number>, IpAddr)> {
    let (oldest, _) = here.first_key_value()?;
    Some((here.len(), Reverse(*oldest), address))
}

fn lock<C>(taken: &Mutex<Taken<C>>) -> MutexGuard<'_, Taken<C>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<C: Sever> Drop for Slot<C> {
    fn drop(&mut self) {
        lock(&self.taken).remove(self.address, self.number);
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

    /// Writes down who was cut.
    #[derive(Clone, Debug)]
    struct Name(&'static str, Arc<Mutex<Vec<&'static str>>>);

    impl Sever for Name {
        fn sever(&self) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    struct Hall {
        slots: Slots<Name>,
        cut: Arc<Mutex<Vec<&'static str>>>,
    }

    impl Hall {
        fn new(total: usize, per_address: usize) -> Self {
            Self { slots: Slots::new(SlotLimits { total, per_address }), cut: Arc::default() }
        }

        fn take(&self, name: &'static str, address: &str) -> Option<Slot<Name>> {
            self.slots.take(address.parse().unwrap(), Name(name, Arc::clone(&self.cut)))
        }

        fn cut(&self) -> Vec<&'static str> {
            self.cut.lock().unwrap().clone()
        }
    }

    #[test]
    fn one_address_cannot_take_the_slots_of_the_others() {
        let hall = Hall::new(9, 2);
        let first = hall.take("a", "192.0.2.1").unwrap();
        let _second = hall.take("b", "::ffff:192.0.2.1").unwrap();
        assert!(hall.take("c", "192.0.2.1").is_none());
        let _other = hall.take("d", "2001:db8::1").unwrap();
        drop(first);
        assert!(hall.take("e", "192.0.2.1").is_some());
        assert!(
            hall.cut().is_empty(),
            "an address that has had its share makes no room for itself"
        );
    }

    #[test]
    fn the_oldest_of_the_fullest_address_makes_room() {
        let hall = Hall::new(4, 3);
        let person = hall.take("person", "192.0.2.1").unwrap();
        let crowd: Vec<_> =
            ["one", "two", "three"].map(|name| hall.take(name, "198.51.100.1").unwrap()).into();
        let new = hall.take("new", "192.0.2.9").unwrap();
        assert_eq!(hall.cut(), ["one"]);
        let newer = hall.take("newer", "192.0.2.10").unwrap();
        assert_eq!(hall.cut(), ["one", "two"]);
        // One each by now: the oldest goes.
        let newest = hall.take("newest", "192.0.2.11").unwrap();
        assert_eq!(hall.cut(), ["one", "two", "person"]);

        // Who made room gives nothing back a second time.
        drop((person, crowd));
        assert_eq!(lock(&hall.slots.taken).total, 3);
        drop((new, newer, newest));
        let taken = lock(&hall.slots.taken);
        assert_eq!((taken.total, taken.by_address.len(), taken.ranks.len()), (0, 0, 0));
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let hall = Hall::new(9, 1);
        let _slot = hall.take("a", "2001:db8::1").unwrap();
        assert!(hall.take("b", "2001:db8::2").is_none());
        assert!(hall.take("c", "2001:db8:0:1::2").is_some());
    }
}
