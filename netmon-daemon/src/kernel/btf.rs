//! The kernel's own description of its types: just enough of BTF to find where
//! a member of a structure lies and how many parameters a function has.
//!
//! The format: Documentation/bpf/btf.rst of the kernel, sections 2 and 3. What
//! is not understood yields no answer, never a wrong one.

/// Where the kernel shows its types.
pub(super) const PATH: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: u16 = 0xeb9f;
const TYPE_LEN: usize = 12;

const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_POINTER: u32 = 2;
const KIND_ENUMERATION: u32 = 6;
const KIND_TYPEDEF: u32 = 8;
const KIND_PROTOTYPE: u32 = 13;

/// The types of a kernel.
#[derive(Debug)]
pub(super) struct Btf<'a> {
    strings: &'a [u8],
    /// Type records by identifier, which counts from 1.
    types: Vec<&'a [u8]>,
}

impl<'a> Btf<'a> {
    /// Reads the tables of a BTF blob in this machine's byte order; none if it
    /// is damaged or has a kind of type that is not known.
    pub(super) fn parse(blob: &'a [u8]) -> Option<Self> {
        if u16::from_ne_bytes(*blob.first_chunk()?) != MAGIC {
            return None;
        }
        let header_len = word(blob, 4)? as usize;
        let section = |offset: u32, len: u32| {
            let start = header_len.checked_add(offset as usize)?;
            blob.get(start..start.checked_add(len as usize)?)
        };
        let mut records = section(word(blob, 8)?, word(blob, 12)?)?;
        let strings = section(word(blob, 16)?, word(blob, 20)?)?;
        let mut types = Vec::new();
        while !records.is_empty() {
            let len = TYPE_LEN.checked_add(extra_len(word(records, 4)?)?)?;
            let (record, rest) = records.split_at_checked(len)?;
            types.push(record);
            records = rest;
        }
        Some(Self { strings, types })
    }

    /// Offset in bytes of a member of a structure, also inside of anonymous
    /// structures and unions; none where there is no such member, or where it
    /// is a bit field that begins inside of a byte.
    pub(super) fn member_offset(&self, structure: &str, member: &str) -> Option<u32> {
        self.types
            .iter()
            .filter(|record| kind(record) == Some(KIND_STRUCT))
            .filter(|record| self.is_named(record, 0, structure))
            .find_map(|record| self.find(record, member, 0))
    }

    /// How many parameters the functions have to which a named type points; none
    /// where there is no such type, or where it is of another kind.
    pub(super) fn parameters(&self, name: &str) -> Option<u32> {
        let target = |record: &[u8], expected| {
            (kind(record) == Some(expected)).then(|| self.type_of(word(record, 8)?)).flatten()
        };
        let mut named = self.types.iter().filter(|record| self.is_named(record, 0, name));
        let function =
            named.find_map(|record| target(target(record, KIND_TYPEDEF)?, KIND_POINTER))?;
        (kind(function) == Some(KIND_PROTOTYPE)).then(|| word(function, 4)).flatten().map(count)
    }

    /// The values of an enumeration and their names, as far as they are valid UTF-8.
    pub(super) fn enumerators(&self, name: &str) -> impl Iterator<Item = (u32, &'a str)> {
        let is_named = |record: &&&[u8]| {
            kind(record) == Some(KIND_ENUMERATION) && self.is_named(record, 0, name)
        };
        let record = self.types.iter().find(is_named).copied().unwrap_or_default();
        let values = record.get(TYPE_LEN..).unwrap_or_default().chunks_exact(8);
        let named =
            |value: &'a [u8]| Some((word(value, 4)?, str::from_utf8(self.text(value, 0)?).ok()?));
        values.filter_map(named).collect::<Vec<_>>().into_iter()
    }

    fn find(&self, record: &[u8], member: &str, depth: u32) -> Option<u32> {
        // Deeper than any real type; only a damaged blob refers to itself.
        if depth > 8 {
            return None;
        }
        let info = word(record, 4)?;
        let has_bit_fields = info >> 31 == 1;
        for at in (TYPE_LEN..record.len()).step_by(12) {
            let offset = word(record, at + 8)?;
            let bits = if has_bit_fields { offset & 0x00ff_ffff } else { offset };
            if self.is_named(record, at, member) {
                return (bits % 8 == 0).then_some(bits / 8);
            }
            let inner = self.type_of(word(record, at + 4)?)?;
            let anonymous = word(record, at)? == 0;
            if anonymous
                && matches!(kind(inner), Some(KIND_STRUCT | KIND_UNION))
                && let Some(within) = self.find(inner, member, depth + 1)
            {
                return Some(bits / 8 + within);
            }
        }
        None
    }

    fn type_of(&self, identifier: u32) -> Option<&'a [u8]> {
        self.types.get((identifier as usize).checked_sub(1)?).copied()
    }

    /// Whether the name whose offset stands at `at` is `name`.
    fn is_named(&self, record: &[u8], at: usize, name: &str) -> bool {
        self.text(record, at) == Some(name.as_bytes())
    }

    /// The text whose offset stands at `at`.
    fn text(&self, record: &[u8], at: usize) -> Option<&'a [u8]> {
        let text = self.strings.get(word(record, at)? as usize..)?;
        text.split(|byte| *byte == 0).next().filter(|found| found.len() < text.len())
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn kind(record: &[u8]) -> Option<u32> {
    Some(word(record, 4)? >> 24 & 0x1f)
}

/// How many members, values or parameters a type with this `info` has.
const fn count(info: u32) -> u32 {
    info & 0xffff
}

/// Bytes that follow the fixed part of a type with this `info`.
fn extra_len(info: u32) -> Option<usize> {
    let count = count(info) as usize;
    Some(match info >> 24 & 0x1f {
        // Pointer, forward, typedef, volatile, const, restrict, function, float,
        // type tag.
        KIND_POINTER | 7..=12 | 16 | 18 => 0,
        // Integer, variable, declaration tag.
        1 | 14 | 17 => 4,
        // Array.
        3 => 12,
        // Structure, union, data section, 64-bit enumeration.
        KIND_STRUCT | KIND_UNION | 15 | 19 => count.checked_mul(12)?,
        // Enumeration, function prototype.
        KIND_ENUMERATION | KIND_PROTOTYPE => count.checked_mul(8)?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A blob with these type records and strings.
    fn blob(types: &[u32], strings: &[u8]) -> Vec<u8> {
        let types_len = u32::try_from(types.len() * 4).unwrap_or(0);
        let strings_len = u32::try_from(strings.len()).unwrap_or(0);
        let mut blob = MAGIC.to_ne_bytes().to_vec();
        blob.extend([1, 0]);
        for word in [24, 0, types_len, types_len, strings_len] {
            blob.extend(u32::to_ne_bytes(word));
        }
        blob.extend(types.iter().flat_map(|word| word.to_ne_bytes()));
        blob.extend(strings);
        blob
    }

    const fn info(kind: u32, count: u32) -> u32 {
        kind << 24 | count
    }

    #[test]
    fn members_are_found_also_in_anonymous_types() {
        // Offsets of names:         1      7     10      15    20
        let strings = b"\0outer\0a\0\0deep\0bits\0more\0";
        #[rustfmt::skip]
        let types = [
            // 1: int
            0, info(1, 0), 4, 32,
            // 2: union { int deep; }
            0, info(KIND_UNION, 1), 4,   10, 1, 0,
            // 3: struct outer { int a; union {..} at 8; int bits : 3 at 16; int more : 5; }
            1, 1 << 31 | info(KIND_STRUCT, 4), 20,   7, 1, 0,   0, 2, 64,
            15, 1, (3 << 24) + 128,   20, 1, (5 << 24) + 131,
        ];
        let blob = blob(&types, strings);
        let btf = Btf::parse(&blob);
        let offset = |member| btf.as_ref().and_then(|btf| btf.member_offset("outer", member));
        assert_eq!(offset("a"), Some(0));
        assert_eq!(offset("deep"), Some(8));
        assert_eq!(offset("bits"), Some(16), "a bit field at the beginning of a byte");
        assert_eq!(offset("more"), None, "a bit field inside of a byte");
        assert_eq!(offset("missing"), None);
    }

    #[test]
    fn parameters_of_what_a_type_points_to_are_counted() {
        // Offsets of names: 1        9
        let strings = b"\0handler\0number\0";
        #[rustfmt::skip]
        let types = [
            // 1: int
            0, info(1, 0), 4, 32,
            // 2: void (int, int, int)
            0, info(KIND_PROTOTYPE, 3), 0,   0, 1,   0, 1,   0, 1,
            // 3: pointer to 2
            0, info(KIND_POINTER, 0), 2,
            // 4: typedef of 3, 5: typedef of 1
            1, info(KIND_TYPEDEF, 0), 3,
            9, info(KIND_TYPEDEF, 0), 1,
        ];
        let blob = blob(&types, strings);
        let btf = Btf::parse(&blob);
        let parameters = |name| btf.as_ref().and_then(|btf| btf.parameters(name));
        assert_eq!(parameters("handler"), Some(3));
        assert_eq!(parameters("number"), None, "no function");
        assert_eq!(parameters("missing"), None);
    }

    #[test]
    fn enumerators_are_named() {
        // Offsets of names: 1       8    12
        let strings = b"\0reason\0ONE\0SEVEN\0";
        let types = [1, info(KIND_ENUMERATION, 2), 4, 8, 1, 12, 7];
        let blob = blob(&types, strings);
        let btf = Btf::parse(&blob);
        let names = |name| btf.iter().flat_map(|btf| btf.enumerators(name)).collect::<Vec<_>>();
        assert_eq!(names("reason"), [(1, "ONE"), (7, "SEVEN")]);
        assert_eq!(names("missing"), []);
    }

    #[test]
    fn a_damaged_blob_is_no_blob() {
        // 1: struct self { struct self <anonymous>; }, which cannot be.
        let whole = blob(&[1, info(KIND_STRUCT, 1), 8, 0, 1, 0], b"\0self\0");
        let endless = Btf::parse(&whole).and_then(|btf| btf.member_offset("self", "x"));
        assert_eq!(endless, None);
        for len in 0..whole.len() {
            assert!(Btf::parse(&whole[..len]).is_none(), "{len} bytes");
        }
        assert!(Btf::parse(&blob(&[0, info(31, 0), 0], b"\0")).is_none(), "unknown kind");
    }
}
