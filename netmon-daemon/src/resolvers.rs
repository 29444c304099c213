//! Which resolvers have figures of their own.
//!
//! Places are given once and never taken back, so that no counter changes its meaning:
//! first to the resolvers of the configuration, then to those of this host, then to
//! servers that answer. Pure, and the same live and in a replay.

use std::net::IpAddr;

use netmon_common::{
    abi::labels::Resolver,
    dns::{Keys, server_hash},
};

/// Places that resolvers can have.
pub const PLACES: usize = Resolver::COUNT - 1;

/// Answers after which a server gets a place.
const ANSWERS: u32 = 32;

/// Servers whose answers are counted at once.
const CANDIDATES: usize = 64;

/// The resolvers that have figures of their own, and those that may get them.
#[derive(Clone, Debug, Default)]
pub struct Resolvers {
    places: Vec<IpAddr>,
    candidates: Vec<(IpAddr, u32)>,
}

impl Resolvers {
    /// Gives places to these, as long as there are any.
    pub fn add(&mut self, resolvers: impl IntoIterator<Item = IpAddr>) {
        for resolver in resolvers {
            if self.places.len() < PLACES && !self.places.contains(&resolver) {
                self.places.push(resolver);
            }
        }
    }

    /// Takes note of an answer, and says whether its server got a place for it.
    pub fn answered(&mut self, server: IpAddr) -> bool {
        if self.places.len() >= PLACES || self.places.contains(&server) {
            return false;
        }
        match self.candidates.iter_mut().find(|(candidate, _)| *candidate == server) {
            Some((_, answers)) if *answers + 1 >= ANSWERS => {
                self.candidates.retain(|(candidate, _)| *candidate != server);
                self.add([server]);
                return true;
            }
            Some((_, answers)) => *answers += 1,
            None => {
                // Those that answer only now and then make room, all at once.
                if self.candidates.len() >= CANDIDATES {
                    self.candidates.clear();
                }
                self.candidates.push((server, 1));
            }
        }
        false
    }

    /// The resolvers by place.
    pub fn places(&self) -> &[IpAddr] {
        &self.places
    }

    /// Their hashes by place, as lookups are hashed; 0 where there is none.
    pub fn hashes(&self, keys: &Keys) -> [u64; PLACES] {
        let mut hashes = [0; PLACES];
        for (hash, resolver) in hashes.iter_mut().zip(&self.places) {
            *hash = server_hash(words(*resolver), keys);
        }
        hashes
    }
}

/// An address as lookups are hashed by it.
fn words(address: IpAddr) -> [u32; 4] {
    match address {
        IpAddr::V4(address) => [0, 0, 0, address.to_bits()],
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            // The four words of it, the first one first.
            [96, 64, 32, 0].map(|shift| u32::try_from(bits >> shift & 0xffff_ffff).unwrap_or(0))
        }
    }
}

/// The name servers of a resolv.conf(5).
pub fn configured(text: &str) -> Vec<IpAddr> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    // A zone behind the address says by which device it is reached.
    let addresses = lines.filter_map(|rest| rest.split_whitespace().next()?.split('%').next());
    addresses.filter_map(|address| address.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().filter_map(|text| text.parse().ok()).collect()
    }

    #[test]
    fn places_are_given_once() {
        let mut resolvers = Resolvers::default();
        resolvers.add(addresses(&["192.0.2.1", "2001:db8::53", "192.0.2.1"]));
        assert_eq!(resolvers.places(), addresses(&["192.0.2.1", "2001:db8::53"]));
        let server = addresses(&["198.51.100.1"])[0];
        let answers = (1..=ANSWERS).filter(|_| resolvers.answered(server)).count();
        assert_eq!((answers, resolvers.answered(server)), (1, false));
        assert_eq!(resolvers.places()[2], server);
        for last in 0..200 {
            let crowd = IpAddr::from([203, 0, 113, last]);
            assert!(!resolvers.answered(crowd), "one answer is not enough");
        }
        resolvers.add((0..20).map(|last| IpAddr::from([10, 0, 0, last])));
        assert_eq!(resolvers.places().len(), PLACES);
        assert!((0..99).all(|_| !resolvers.answered(IpAddr::from([10, 9, 9, 9]))));
    }

    #[test]
    fn resolv_conf() {
        let text = "# nameserver 1.1.1.1\nnameserver 127.0.0.53\n search example.org\n\
                    nameserver\tfe80::1%eth0\nnameserver nobody\n";
        assert_eq!(configured(text), addresses(&["127.0.0.53", "fe80::1"]));
    }
}
