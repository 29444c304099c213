//! Type-length-value records of netlink.
//!
//! Must not trust a length: a record that does not fit in its buffer ends the
//! walk. Invariant: every step consumes at least the four bytes of a header, so
//! that a walk ends.

/// Bytes of a header: length and type.
const HEADER_LEN: usize = 4;

/// The lower bits of a type; the upper two say "nested" and "network order".
const TYPE_MASK: u16 = 0x3fff;

/// Walks over the attributes in `bytes`: pairs of type and payload.
pub(crate) fn walk(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let len = usize::from(u16::from_ne_bytes(array(rest, 0)?));
        let kind = u16::from_ne_bytes(array(rest, 2)?) & TYPE_MASK;
        let payload = rest.get(HEADER_LEN..len)?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, payload))
    })
}

/// The `N` bytes at `at`.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// A whole payload as a `u32`.
pub(crate) fn u32(payload: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(array(payload, 0)?))
}

/// A payload as text: the bytes before the first NUL.
pub(crate) fn text(payload: &[u8]) -> &[u8] {
    payload.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_what_is_whole_and_stops_at_damage() {
        type Case = (&'static str, &'static [u8], &'static [(u16, &'static [u8])]);
        let cases: [Case; 7] = [
            ("nothing", &[], &[]),
            ("half a header", &[8, 0, 1], &[]),
            ("a length below the header", &[3, 0, 1, 0, 9, 9, 9, 9], &[]),
            ("a length of zero", &[0, 0, 1, 0, 9, 9, 9, 9], &[]),
            ("empty payload", &[4, 0, 7, 0], &[(7, &[])]),
            (
                "padding, the nested bit, a second record",
                &[5, 0, 3, 0x80, 0xaa, 0, 0, 0, 6, 0, 4, 0, 1, 2],
                &[(3, &[0xaa]), (4, &[1, 2])],
            ),
            (
                "a record longer than the buffer",
                &[5, 0, 3, 0, 1, 0, 0, 0, 200, 0, 4, 0],
                &[(3, &[1])],
            ),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(walk(bytes).collect::<Vec<_>>(), expected, "{name}");
        }
    }

    #[test]
    fn text_ends_at_the_first_nul() {
        assert_eq!(text(b"eth0\0junk"), b"eth0");
        assert_eq!(text(b"eth0"), b"eth0");
        assert_eq!(text(b""), b"");
    }
}
