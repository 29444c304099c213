//! The frame in which netlink says everything: messages in a datagram, and
//! attributes in a message.
//!
//! What a message means is for the module that asked for it.

pub(crate) mod attribute;
pub(crate) mod message;
