//! Which queueing discipline stands at the entrance of a device.
//!
//! `ingress` and `clsact` share one place. Adding the one where the other is
//! fails with the same error as adding it twice, and `ingress` takes filters
//! that are meant for egress as its own: who does not ask counts what a device
//! receives as sent.

use std::io;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use crate::netlink::attribute::{array, text, walk};

const NLMSG_ERROR: u16 = 2;
const RTM_NEWQDISC: u16 = 36;
const RTM_GETQDISC: u16 = 38;
const NLM_F_REQUEST: u16 = 1;
/// Where a qdisc was removed, the kernel confirms the request and says no more.
const NLM_F_ACK: u16 = 4;
/// Without it only listeners to announcements are told.
const NLM_F_ECHO: u16 = 8;
/// The place, as `linux/pkt_sched.h` calls it: `TC_H_CLSACT`, `TC_H_INGRESS`.
const ENTRANCE: u32 = 0xffff_fff1;
/// Attribute with the name of a kind.
const TCA_KIND: u16 = 1;
/// Bytes of `struct nlmsghdr`.
const HEADER_LEN: usize = 16;
/// Where the header says what kind of message it is.
const HEADER_TYPE: usize = 4;
/// Bytes of a header and a `struct tcmsg`.
const REQUEST_LEN: u8 = 36;
/// More than the kernel says of one queueing discipline.
const ANSWER_LEN: usize = 8192;

/// The kind of queueing discipline at the entrance of a device, such as
/// `clsact` or `ingress`; `None` where there is none.
///
/// # Errors
///
/// When the kernel cannot be asked or its answer not be read.
pub fn entrance_qdisc(ifindex: u32) -> io::Result<Option<String>> {
    kind(&ask(RTM_GETQDISC, NLM_F_ACK | NLM_F_ECHO, [ifindex, 0, ENTRANCE, 0])?)
}

/// Asks the kernel about one thing of traffic control, by what follows the family in
/// `struct tcmsg`: device, handle, parent, info.
pub(super) fn ask(what: u16, flags: u16, about: [u32; 4]) -> io::Result<Vec<u8>> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    // The answer is there when the request was taken; nothing waits here.
    socket.set_non_blocking(true)?;
    socket.send(&request(what, flags, about), 0)?;
    let mut answer = Vec::with_capacity(ANSWER_LEN);
    socket.recv(&mut answer, 0)?;
    Ok(answer)
}

fn request(what: u16, flags: u16, about: [u32; 4]) -> Vec<u8> {
    let mut request = u32::from(REQUEST_LEN).to_ne_bytes().to_vec();
    request.extend(what.to_ne_bytes());
    request.extend((NLM_F_REQUEST | flags).to_ne_bytes());
    // Sequence and sender do not matter to one question; then comes the family.
    request.resize(HEADER_LEN + 4, 0);
    request.extend(about.iter().flat_map(|word| word.to_ne_bytes()));
    request
}

fn kind(answer: &[u8]) -> io::Result<Option<String>> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "an answer that cannot be read");
    let message = array(answer, HEADER_TYPE).map(u16::from_ne_bytes);
    match message.ok_or_else(damaged)? {
        RTM_NEWQDISC => {
            let attributes = answer.get(usize::from(REQUEST_LEN)..).ok_or_else(damaged)?;
            let (_, name) =
                walk(attributes).find(|(kind, _)| *kind == TCA_KIND).ok_or_else(damaged)?;
            Ok(Some(String::from_utf8_lossy(text(name)).into_owned()))
        }
        NLMSG_ERROR => {
            let negative = array(answer, HEADER_LEN).map(i32::from_ne_bytes).ok_or_else(damaged)?;
            match negative.checked_neg() {
                Some(0 | libc::ENOENT) => Ok(None),
                Some(errno) => Err(io::Error::from_raw_os_error(errno)),
                None => Err(damaged()),
            }
        }
        _ => Err(damaged()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(message: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        bytes.extend(message.to_ne_bytes());
        bytes.resize(HEADER_LEN, 0);
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn reads_what_the_kernel_says() {
        let named = [&[0; 20][..], &[11, 0, 1, 0], b"clsact\0\0"].concat();
        let error = |errno: i32| answer(NLMSG_ERROR, &(-errno).to_ne_bytes());
        let cases = [
            ("a name", answer(RTM_NEWQDISC, &named), Ok(Some("clsact"))),
            ("nothing there", error(libc::ENOENT), Ok(None)),
            ("nothing there any more", error(0), Ok(None)),
            ("no such device", error(libc::ENODEV), Err(Some(libc::ENODEV))),
            ("no name", answer(RTM_NEWQDISC, &[0; 20]), Err(None)),
            ("cut off", answer(RTM_NEWQDISC, &[0; 3]), Err(None)),
            ("cut off in the header", vec![0; 5], Err(None)),
            ("an error without a number", answer(NLMSG_ERROR, &[]), Err(None)),
            ("another message", answer(RTM_GETQDISC, &named), Err(None)),
            ("nothing", Vec::new(), Err(None)),
        ];
        for (name, bytes, expected) in cases {
            let found = kind(&bytes).map_err(|error| error.raw_os_error());
            assert_eq!(found.as_ref().map(Option::as_deref), expected.as_ref().copied(), "{name}");
        }
    }
}
