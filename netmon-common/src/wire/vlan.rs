//! VLAN tags: IEEE 802.1Q, 802.1ad and the older 0x9100.

use super::Payload;
use crate::{bytes::Bytes, reject::Reject};

/// Tags that are opened; what lies behind more of them is not IP to netmon.
pub const MAX_TAGS: usize = 4;

/// Its length in bytes.
pub const TAG_LEN: usize = 4;
const INNER_ETHERTYPE: usize = 2;

/// Whether a frame with this EtherType goes on with a tag.
#[inline(always)]
pub const fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, 0x8100 | 0x88a8 | 0x9100)
}

/// Reads the tag at `at`.
#[inline(always)]
pub fn parse<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Result<Payload, Reject> {
    let ethertype = bytes.be16(at.wrapping_add(INNER_ETHERTYPE)).ok_or(Reject::Truncated)?;
    Ok(Payload { ethertype, at: at.wrapping_add(TAG_LEN) })
}

/// Skips the tags in front of a payload. `tags` counts them even when the frame
/// ends within the next one.
#[inline(always)]
pub fn skip<B: Bytes + ?Sized>(
    bytes: &B,
    mut payload: Payload,
    tags: &mut u64,
) -> Result<Payload, Reject> {
    for _ in 0..MAX_TAGS {
        if !is_tag(payload.ethertype) {
            break;
        }
        payload = parse(bytes, payload.at)?;
        *tags = bytes.forget(tags.wrapping_add(1));
    }
    payload.at = bytes.forget_offset(payload.at);
    Ok(payload)
}
