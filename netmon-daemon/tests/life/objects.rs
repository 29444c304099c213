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
///
/// By their numbers alone. Whoever opens the map of programs that are called by others, as
/// listing tools do, may do so while the kernel takes it apart, and the kernel then forgets
/// to free it (`prog_array_map_clear` in kernel/bpf/arraymap.c takes a reference for work
/// that may be under way already).
pub(crate) fn alive(objects: &Objects) -> Objects {
    objects.iter().copied().filter(|(kind, id)| exists(*kind, *id)).collect()
}

/// Whether the kernel has an object of this number.
fn exists(kind: Kind, id: u32) -> bool {
    let command = match kind {
        Kind::Program => BPF_PROG_GET_NEXT_ID,
        Kind::Map => BPF_MAP_GET_NEXT_ID,
        Kind::Link => BPF_LINK_GET_NEXT_ID,
    };
    // The number before, and room for the next one; then flags.
    let mut attribute = [id - 1, 0, 0];
    let size = size_of_val(&attribute);
    // SAFETY: the kernel reads the attribute to the size that is passed, and writes to it.
    let failed =
        unsafe { libc::syscall(libc::SYS_bpf, command, attribute.as_mut_ptr(), size) } != 0;
    !failed && attribute[1] == id
}

/// Commands of `enum bpf_cmd`.
const BPF_PROG_GET_NEXT_ID: libc::c_int = 11;
const BPF_MAP_GET_NEXT_ID: libc::c_int = 12;
const BPF_LINK_GET_NEXT_ID: libc::c_int = 31;

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
