//! Domain names as they stand in messages (RFC 1035, sections 3.1 and 4.1.4).
//!
//! Invariant: a [`Name`] was walked once from end to end, so its labels can be
//! iterated without an error, and in bounded time: pointers only lead backwards.

use super::Malformed;

/// Longest name in bytes, with the length of every label and the root.
pub const MAX_NAME_LEN: usize = 255;

/// Longest label in bytes, without its length.
pub const MAX_LABEL_LEN: usize = 63;

/// Pointers that are followed for one name. Each could be followed by a label, of which
/// no name has more: whoever needs more of them wants to keep readers busy.
const MAX_POINTERS: u32 = 127;

/// The two bits of a length that say what follows it: none set for a label, both
/// for a pointer.
const KIND: u8 = 0xc0;

/// A name within a message.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a> {
    message: &'a [u8],
    at: usize,
    len: usize,
}

/// The labels of a name, leftmost first, without the root.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    message: &'a [u8],
    at: usize,
}

/// What stands at some offset of a name.
enum Step<'a> {
    Label(&'a [u8]),
    Root,
    Pointer(usize),
}

fn step(message: &[u8], at: usize) -> Result<Step<'_>, Malformed> {
    let length = *message.get(at).ok_or(Malformed::Cut)?;
    let next = at.wrapping_add(1);
    match length & KIND {
        0 if length == 0 => Ok(Step::Root),
        0 => {
            let rest = message.get(next..).ok_or(Malformed::Cut)?;
            rest.get(..usize::from(length)).map(Step::Label).ok_or(Malformed::Cut)
        }
        KIND => {
            let low = *message.get(next).ok_or(Malformed::Cut)?;
            Ok(Step::Pointer(usize::from(u16::from_be_bytes([length & !KIND, low]))))
        }
        _ => Err(Malformed::Label),
    }
}

impl<'a> Name<'a> {
    /// Reads the name at `at`, and says where it ends.
    ///
    /// # Errors
    ///
    /// When it is not one: see [`Malformed`].
    pub fn read(message: &'a [u8], at: usize) -> Result<(Self, usize), Malformed> {
        let (mut from, mut here, mut len) = (at, at, 1_usize);
        let (mut end, mut pointers) = (None, 0_u32);
        loop {
            match step(message, here)? {
                Step::Root => {
                    let after = here.wrapping_add(1);
                    return Ok((Self { message, at, len }, end.unwrap_or(after)));
                }
                Step::Label(label) => {
                    // No more labels than fit into a name, and no more pointers than are
                    // followed: so the loop ends whatever the bytes are.
                    len = len.wrapping_add(label.len()).wrapping_add(1);
                    if len > MAX_NAME_LEN {
                        return Err(Malformed::Name);
                    }
                    here = here.wrapping_add(label.len()).wrapping_add(1);
                }
                Step::Pointer(target) => {
                    // Backwards from where this run of labels began: no loop can be.
                    pointers = pointers.wrapping_add(1);
                    if target >= from || pointers > MAX_POINTERS {
                        return Err(Malformed::Pointer);
                    }
                    end = end.or(Some(here.wrapping_add(2)));
                    (from, here) = (target, target);
                }
            }
        }
    }

    /// Its length in bytes as if it were not compressed, 1 to [`MAX_NAME_LEN`]; 1 is
    /// the root.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it is the root.
    pub const fn is_empty(&self) -> bool {
        self.len == 1
    }

    /// Its labels, leftmost first, without the root.
    pub const fn labels(&self) -> Labels<'a> {
        Labels { message: self.message, at: self.at }
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            match step(self.message, self.at).ok()? {
                Step::Root => return None,
                Step::Label(label) => {
                    self.at = self.at.wrapping_add(label.len()).wrapping_add(1);
                    return Some(label);
                }
                Step::Pointer(target) => self.at = target,
            }
        }
    }
}
