//! Handshakes as control groups see them: the second source of their times.
//!
//! It knows no kernel structure and therefore works without the kernel's types, but
//! also without the reason for an end. Invariant: it leaves the reply of the kernel's
//! questions as it is, so that TCP and programs of others do what they would do.

use aya_ebpf::{
    EbpfContext,
    bindings::{
        BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB, BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB,
        BPF_SOCK_OPS_STATE_CB, BPF_SOCK_OPS_STATE_CB_FLAG, BPF_SOCK_OPS_TCP_CONNECT_CB,
    },
    helpers::{bpf_get_socket_cookie, bpf_ktime_get_ns},
    macros::sock_ops,
    programs::SockOpsContext,
};
use netmon_common::abi::{
    connection::Connection,
    labels::{Role, TcpState},
};

use super::{connection, count};
use crate::{maps::CONNECTIONS, retried, services};

/// What a program has to return for all to go its way.
const GO_ON: u32 = 1;

/// `AF_INET6`.
const IPV6: u32 = 10;

#[sock_ops]
fn sock_ops(ctx: SockOpsContext) -> u32 {
    happened(&ctx);
    GO_ON
}

#[inline(always)]
fn happened(ctx: &SockOpsContext) {
    match ctx.op() {
        BPF_SOCK_OPS_TCP_CONNECT_CB => requested(ctx),
        BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB => opened(ctx, Role::Active),
        BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB => opened(ctx, Role::Passive),
        BPF_SOCK_OPS_STATE_CB if ctx.arg(1) == TcpState::Close as u32 => {
            // It fails where there is none: only requests are there.
            let _ = CONNECTIONS.remove(cookie(ctx));
        }
        _ => {}
    }
}

/// Remembers when a connection was asked for, in case that is done again.
#[inline(always)]
fn requested(ctx: &SockOpsContext) {
    let service = services::service_of(remote_port(ctx));
    // SAFETY: the helper has no preconditions.
    let request = Connection::new(unsafe { bpf_ktime_get_ns() }, service, Role::Active);
    if CONNECTIONS.insert(cookie(ctx), request, 0).is_err() {
        count(|events| events.untracked = events.untracked.wrapping_add(1));
        return;
    }
    // So that it is forgotten when it fails. Others may have asked for more.
    let flags = ctx.cb_flags() | BPF_SOCK_OPS_STATE_CB_FLAG;
    let _ = ctx.set_cb_flags(flags.cast_signed());
}

/// The handshake of a connection is complete.
#[inline(always)]
fn opened(ctx: &SockOpsContext, role: Role) {
    // SAFETY: the helper has no preconditions.
    let now = unsafe { bpf_ktime_get_ns() };
    let (port, began) = match role {
        Role::Active => (remote_port(ctx), asked(ctx)),
        Role::Passive => {
            let port = local_port(ctx);
            connection::listens(port);
            (port, retried::first_answer_to(key(ctx)))
        }
    };
    // SAFETY: the context is that of a whole socket for these events.
    let (retried, eighths) = unsafe { ((*ctx.ops).total_retrans, (*ctx.ops).srtt_us) };
    // The kernel does not know which of several was answered.
    let nanoseconds = if retried == 0 && eighths != 0 {
        Some(u64::from(eighths).wrapping_mul(1000) >> 3)
    } else {
        began.map(|began| now.saturating_sub(began))
    };
    if let Some(nanoseconds) = nanoseconds {
        connection::took(services::service_of(port), role, nanoseconds);
    }
}

/// When a connection was asked for, which is then forgotten.
#[inline(always)]
fn asked(ctx: &SockOpsContext) -> Option<u64> {
    let cookie = cookie(ctx);
    // SAFETY: the entry of a socket is only touched while the kernel holds its lock.
    let since = CONNECTIONS.get_ptr(cookie).map(|request| unsafe { (*request).since });
    let _ = CONNECTIONS.remove(cookie);
    since
}

/// A number that no other socket has, and that is no address of one.
#[inline(always)]
fn cookie(ctx: &SockOpsContext) -> u64 {
    // SAFETY: the helper takes the context of this kind of program.
    unsafe { bpf_get_socket_cookie(ctx.as_ptr()) }
}

#[inline(always)]
fn remote_port(ctx: &SockOpsContext) -> u16 {
    // In network byte order, in whichever half of the word that puts it.
    #[expect(clippy::cast_possible_truncation, reason = "a port has 16 bits")]
    let port = u32::from_be(ctx.remote_port()) as u16;
    port
}

#[inline(always)]
fn local_port(ctx: &SockOpsContext) -> u16 {
    #[expect(clippy::cast_possible_truncation, reason = "a port has 16 bits")]
    let port = ctx.local_port() as u16;
    port
}

/// By what a request and its connection are known.
#[inline(always)]
fn key(ctx: &SockOpsContext) -> u64 {
    // SAFETY: both are part of the context. The loads are volatile because the compiler
    // would make one of them, at an offset that depends on the family, which the
    // verifier does not allow.
    let (four, six) = unsafe {
        (
            (&raw const (*ctx.ops).remote_ip4).read_volatile(),
            (&raw const (*ctx.ops).remote_ip6[3]).read_volatile(),
        )
    };
    let address = if ctx.family() == IPV6 { six } else { four };
    retried::key(address, remote_port(ctx), local_port(ctx))
}
