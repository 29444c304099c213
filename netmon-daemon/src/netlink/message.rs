//! The messages of a netlink datagram, and requests for lists.
//!
//! Must not trust a length: a message that does not fit in its datagram is told
//! as damaged and ends the walk. Invariant: every step consumes at least the
//! bytes of a header, so that a walk ends.

use super::attribute::array;

/// Kinds of messages that every family of netlink has.
pub(crate) const ERROR: u16 = 2;
/// The end of a list.
pub(crate) const DONE: u16 = 3;
/// Messages were lost.
pub(crate) const OVERRUN: u16 = 4;
/// The flag of a list that changed while it was written.
pub(crate) const DUMP_INTR: u16 = 0x10;
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;

/// Bytes of `struct nlmsghdr`.
pub(crate) const HEADER_LEN: usize = 16;

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// What it is; the meaning depends on the family of netlink.
    pub(crate) kind: u16,
    flags: u16,
    /// The number of the request that it answers.
    pub(crate) sequence: u32,
    /// What follows the header.
    pub(crate) payload: &'a [u8],
}

/// A message that cannot be read: the kernel said more than was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

/// The messages of one datagram, in order.
#[derive(Clone, Debug)]
pub(crate) struct Messages<'a> {
    rest: &'a [u8],
}

impl Message<'_> {
    /// Whether the list that it belongs to changed while it was written.
    pub(crate) const fn interrupted(&self) -> bool {
        self.flags & DUMP_INTR != 0
    }

    /// The error number of an [`ERROR`] or of a [`DONE`], as in errno.h; 0 means
    /// success.
    pub(crate) fn errno(&self) -> Option<i32> {
        Some(i32::from_ne_bytes(array(self.payload, 0)?).saturating_neg())
    }
}

impl<'a> Messages<'a> {
    /// Walks over `datagram`.
    pub(crate) const fn parse(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }

    fn split(&mut self) -> Option<Message<'a>> {
        let len = usize::try_from(u32::from_ne_bytes(array(self.rest, 0)?)).ok()?;
        let message = Message {
            kind: u16::from_ne_bytes(array(self.rest, 4)?),
            flags: u16::from_ne_bytes(array(self.rest, 6)?),
            sequence: u32::from_ne_bytes(array(self.rest, 8)?),
            payload: self.rest.get(HEADER_LEN..len)?,
        };
        self.rest = self.rest.get(len.checked_next_multiple_of(4)?..).unwrap_or_default();
        Some(message)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let message = self.split();
        if message.is_none() {
            self.rest = &[];
        }
        Some(message.ok_or(Damaged))
    }
}

/// A request of this kind for everything that there is, with `body` behind the
/// header.
pub(crate) fn dump_request(kind: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    build(kind, REQUEST | DUMP, sequence, body)
}

/// A request of this kind for one thing, with `body` behind the header.
pub(crate) fn request(kind: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    build(kind, REQUEST, sequence, body)
}

/// The bytes of a message, padded to four.
pub(crate) fn build(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(HEADER_LEN.saturating_add(payload.len())).unwrap_or(u32::MAX);
    let mut bytes = len.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_the_kernel_expects() {
        let expected = [21, 0, 0, 0, 20, 0, 1, 3, 7, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0];
        assert_eq!(dump_request(20, 7, &[1, 2, 3, 4, 5]), expected);
    }

    #[test]
    fn walks_what_is_whole_and_tells_of_damage() {
        type Case<'a> = (&'static str, Vec<u8>, Vec<Result<Message<'a>, Damaged>>);
        let message = |kind, payload| Ok(Message { kind, flags: 2, sequence: 9, payload });
        let [one, two] = [(20, b"abcde".as_slice()), (DONE, &[])]
            .map(|(kind, payload)| build(kind, 2, 9, payload));
        let cases: [Case<'_>; 6] = [
            ("nothing", vec![], vec![]),
            ("two", [one.clone(), two].concat(), vec![message(20, b"abcde"), message(DONE, b"")]),
            ("no padding at the end", one[..21].to_vec(), vec![message(20, b"abcde")]),
            ("cut", one[..20].to_vec(), vec![Err(Damaged)]),
            ("half a header", one[..9].to_vec(), vec![Err(Damaged)]),
            ("a length below the header", vec![0; 64], vec![Err(Damaged)]),
        ];
        for (name, datagram, expected) in cases {
            assert_eq!(Messages::parse(&datagram).collect::<Vec<_>>(), expected, "{name}");
        }
    }

    #[test]
    fn what_a_message_says_of_its_list() {
        let says = |flags, payload: &[u8]| {
            let bytes = build(DONE, flags, 1, payload);
            let message = Messages::parse(&bytes).next();
            message.and_then(Result::ok).map(|message| (message.interrupted(), message.errno()))
        };
        assert_eq!(says(2, &(-2_i32).to_ne_bytes()), Some((false, Some(2))));
        assert_eq!(says(2 | DUMP_INTR, &0_i32.to_ne_bytes()), Some((true, Some(0))));
        assert_eq!(says(2, &i32::MIN.to_ne_bytes()), Some((false, Some(i32::MAX))));
        assert_eq!(says(2, &[1, 2, 3]), Some((false, None)));
    }
}
