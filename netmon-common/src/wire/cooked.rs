//! Linux cooked captures, versions 1 and 2 (LINKTYPE_LINUX_SLL, _SLL2).

use super::Payload;
use crate::{bytes::Bytes, reject::Reject};

const V1_PROTOCOL: usize = 14;
const V1_LEN: usize = 16;
const V2_PROTOCOL: usize = 0;
const V2_LEN: usize = 20;

/// Reads a version 1 header.
#[inline(always)]
pub fn parse_v1<B: Bytes + ?Sized>(bytes: &B) -> Result<Payload, Reject> {
    let ethertype = bytes.be16(V1_PROTOCOL).ok_or(Reject::Truncated)?;
    Ok(Payload { ethertype, at: V1_LEN })
}

/// Reads a version 2 header, which ends far behind its protocol field.
#[inline(always)]
pub fn parse_v2<B: Bytes + ?Sized>(bytes: &B) -> Result<Payload, Reject> {
    bytes.byte(V2_LEN - 1).ok_or(Reject::Truncated)?;
    let ethertype = bytes.be16(V2_PROTOCOL).ok_or(Reject::Truncated)?;
    Ok(Payload { ethertype, at: V2_LEN })
}
