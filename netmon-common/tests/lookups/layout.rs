//! Where in memory what is counted of lookups lies, and which counters belong to whom.

use core::mem::offset_of;
use std::collections::HashSet;

use netmon_common::{
    abi::{
        dns::{
            DNS_TALLIES, DnsSettings, LARGE_SERVERS, LOOKUP_TIMES, LookupEvents, Lookups,
            NAME_WORDS, NAMES_KEPT, NameEvent, PENDING, VANTAGES, dns_tally, lookup_times,
        },
        labels::{Direction, DnsTransport, Resolver},
    },
    dns::{COHORTS, LOOKUP_SETS, STREAM_SET_WORDS, STREAM_SETS, StreamSet, WAYS},
    wire::dns::Ports,
};

const WORD: usize = size_of::<u64>();

#[test]
fn words_of_lookups() {
    let words: [u64; Lookups::WORDS] = std::array::from_fn(|at| at as u64 + 1);
    let lookups = Lookups::from_words(&words);
    let events = LookupEvents::WORDS;
    assert_eq!(lookups.events.words()[..], words[..events]);
    assert_eq!(lookups.pending[..], words[events..events + PENDING]);
    assert_eq!(lookups.large[..], words[events + PENDING..events + PENDING + LARGE_SERVERS]);
    // What one packet leaves to the next program is nobody else's business.
    assert_eq!(lookups.allowance, Lookups::ZERO.allowance);
    assert_eq!(lookups.left, Lookups::ZERO.left);
    assert_eq!(offset_of!(Lookups, pending), events * WORD);
    assert_eq!(offset_of!(Lookups, large), (events + PENDING) * WORD);
    assert_eq!(size_of::<Lookups>(), Lookups::WORDS * WORD);
    assert_eq!(Lookups::from_words(&[0; Lookups::WORDS]), Lookups::ZERO);
}

#[test]
fn words_of_settings() {
    let settings = DnsSettings {
        resolvers: std::array::from_fn(|at| 0x1111_0000 + at as u64),
        names: 1,
        ports: Ports::with([5300, 853]),
    };
    let words = settings.words();
    assert_eq!(words[..Resolver::COUNT - 1], settings.resolvers);
    assert_eq!(offset_of!(DnsSettings, names), (Resolver::COUNT - 1) * WORD);
    assert_eq!(words[Resolver::COUNT - 1], 1);
    assert_eq!(offset_of!(DnsSettings, ports), Resolver::COUNT * WORD);
    let ports: Vec<u16> = words[Resolver::COUNT..]
        .iter()
        .flat_map(|word| word.to_ne_bytes().as_chunks().0.to_vec())
        .map(u16::from_ne_bytes)
        .collect();
    // What differs between the port and 53.
    assert_eq!(ports, [0x1481, 0x0360, 0, 0, 0, 0, 0, 0]);
    assert_eq!(size_of::<DnsSettings>(), DnsSettings::WORDS * WORD);
    assert_eq!(DnsSettings::QUIET.words()[..Resolver::COUNT], [0; Resolver::COUNT]);
}

#[test]
fn places_of_servers() {
    let known = [7, u64::MAX, 1 << 63, 1, 2, 3, (1 << 63) - 1, 1 << 32];
    let settings = DnsSettings { resolvers: known, ..DnsSettings::QUIET };
    for (place, server) in known.into_iter().enumerate() {
        assert_eq!(settings.place(server), place as u32, "{server:x}");
        for bit in 0..64 {
            let other = server ^ 1 << bit;
            let place = known.iter().position(|known| *known == other);
            let place = place.unwrap_or(Resolver::Other.index());
            assert_eq!(settings.place(other), place as u32, "{server:x}, bit {bit}");
        }
    }
    for server in [1, 1 << 63, u64::MAX] {
        assert_eq!(DnsSettings::QUIET.place(server), Resolver::Other as u32, "{server:x}");
    }
}

#[test]
fn every_counter_has_a_place_of_its_own() {
    let tallies: HashSet<u32> = (0..VANTAGES)
        .flat_map(|vantage| Direction::ALL.iter().map(move |way| dns_tally(vantage, *way)))
        .collect();
    assert_eq!(tallies, (0..DNS_TALLIES).collect());
    let times: HashSet<u32> = (0..Resolver::COUNT as u32)
        .flat_map(|place| DnsTransport::ALL.iter().map(move |over| lookup_times(place, *over)))
        .collect();
    assert_eq!(times, (0..LOOKUP_TIMES).collect());
    assert_eq!(PENDING, Resolver::COUNT * COHORTS);
}

#[test]
fn tables_are_as_large_as_is_said() {
    assert_eq!(LOOKUP_SETS as usize * WAYS * WORD, 1 << 20);
    assert_eq!(STREAM_SETS as usize * size_of::<StreamSet>(), 256 << 10);
    assert_eq!(STREAM_SET_WORDS * WORD, size_of::<StreamSet>());
    const { assert!(NAME_WORDS * WORD >= NameEvent::LEN + NAMES_KEPT) };
    assert_eq!(NameEvent::LEN, 7 * WORD);
    assert_eq!(offset_of!(NameEvent, client), 2 * WORD);
    assert_eq!(offset_of!(NameEvent, server), 4 * WORD);
}
