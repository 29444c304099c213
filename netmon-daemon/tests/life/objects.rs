//! What a process holds in the kernel: programs, maps, links, filters.
//!
//! Identifiers are read from the descriptors of the process, so that objects of
//! other processes are never taken for its own.

use std::{collections::BTreeSet, fs};

use crate::netns::NetNs;

/// Identifiers of eBPF objects, each with its kind.
pub(crate) type Objects = BTreeSet<(Kind, u32)>;

/// A kind of eBPF object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A program.
    Program,
    /// A map.
    Map,
    /// A link.
    Link,
}

/// The eBPF objects that a process holds by its descriptors; none when it is
/// gone.
pub(crate) fn held(pid: u32) -> Objects {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fdinfo")) else {
        return Objects::new();
    };
    // A descriptor may be closed while they are listed.
    let texts = descriptors.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok());
    texts.flat_map(|text| text.lines().filter_map(identifier).collect::<Vec<_>>()).collect()
}

fn identifier(line: &str) -> Option<(Kind, u32)> {
    let (key, value) = line.split_once(':')?;
    let kind = match key {
        "prog_id" => Kind::Program,
        "map_id" => Kind::Map,
        "link_id" => Kind::Link,
        _ => return None,
    };
    Some((kind, value.trim().parse().ok()?))
}

/// Those of `objects` that the kernel still has.
pub(crate) fn alive(objects: &Objects) -> Objects {
    let programs = aya::programs::loaded_programs().flatten().map(|it| (Kind::Program, it.id()));
    let links = aya::programs::loaded_links().flatten().map(|it| (Kind::Link, it.id()));
    let maps = aya::maps::loaded_maps().flatten().map(|it| (Kind::Map, it.id()));
    let all: Objects = programs.chain(links).chain(maps).collect();
    objects.intersection(&all).copied().collect()
}

/// How many filters of netmon a device has in a direction, by what tc says.
pub(crate) fn filters(namespace: &NetNs, device: &str, direction: &str) -> usize {
    let listed = namespace.run(["tc", "filter", "show", "dev", device, direction]);
    let name = format!("netmon_{direction}");
    String::from_utf8(listed).unwrap().lines().filter(|line| line.contains(&name)).count()
}

/// Whether a device has a clsact qdisc.
pub(crate) fn has_clsact(namespace: &NetNs, device: &str) -> bool {
    let listed = namespace.run(["tc", "qdisc", "show", "dev", device]);
    String::from_utf8(listed).unwrap().contains("qdisc clsact")
}
