//! Whether a filter of TC still stands where it was put.

use std::io;

use netmon_common::abi::labels::Direction;

use super::qdisc::ask;
use crate::netlink::{attribute::array, message::ERROR};

const RTM_NEWTFILTER: u16 = 44;
const RTM_GETTFILTER: u16 = 46;
/// The places of clsact, as `linux/pkt_sched.h` calls them: `TC_H_CLSACT` with
/// `TC_H_MIN_INGRESS` or `TC_H_MIN_EGRESS`.
const INGRESS: u32 = 0xffff_fff2;
const EGRESS: u32 = 0xffff_fff3;
/// Filters for all protocols, `linux/if_ether.h`.
const ETH_P_ALL: u16 = 3;

/// A filter below the clsact qdisc of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Index of the device.
    pub ifindex: u32,
    /// Which packets it sees.
    pub direction: Direction,
    /// Its priority.
    pub priority: u16,
    /// Its number within the priority.
    pub handle: u32,
}

impl Filter {
    /// Whether the kernel has it.
    ///
    /// # Errors
    ///
    /// When the kernel cannot be asked, as where the device is gone.
    pub fn stands(self) -> io::Result<bool> {
        let parent = match self.direction {
            Direction::Ingress => INGRESS,
            Direction::Egress => EGRESS,
        };
        let info = u32::from(self.priority) << 16 | u32::from(ETH_P_ALL.to_be());
        read(&ask(RTM_GETTFILTER, 0, [self.ifindex, self.handle, parent, info])?)
    }
}

fn read(answer: &[u8]) -> io::Result<bool> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "an answer that cannot be read");
    let message = array(answer, 4).map(u16::from_ne_bytes);
    match message.ok_or_else(damaged)? {
        RTM_NEWTFILTER => Ok(true),
        ERROR => match array(answer, 16).map(i32::from_ne_bytes).ok_or_else(damaged)? {
            // No filter, or no qdisc below which it could be.
            error if error == -libc::ENOENT || error == -libc::EINVAL => Ok(false),
            error => Err(io::Error::from_raw_os_error(error.saturating_neg())),
        },
        _ => Err(damaged()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_says() {
        let answer = |message: u16, payload: i32| {
            let mut bytes = vec![0; 4];
            bytes.extend(message.to_ne_bytes());
            bytes.resize(16, 0);
            bytes.extend(payload.to_ne_bytes());
            bytes
        };
        for (name, bytes, expected) in [
            ("it is there", answer(RTM_NEWTFILTER, 0), Ok(true)),
            ("no such filter", answer(ERROR, -libc::ENOENT), Ok(false)),
            ("no qdisc", answer(ERROR, -libc::EINVAL), Ok(false)),
            ("no device", answer(ERROR, -libc::ENODEV), Err(Some(libc::ENODEV))),
            ("another message", answer(RTM_GETTFILTER, 0), Err(None)),
            ("cut off", vec![0; 5], Err(None)),
        ] {
            assert_eq!(read(&bytes).map_err(|error| error.raw_os_error()), expected, "{name}");
        }
    }
}
