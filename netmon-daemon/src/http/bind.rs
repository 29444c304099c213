//! Addresses to listen on, and how to change them without a gap.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}: {source}{}", hint(source))]
pub struct BindError {
    /// The address.
    pub addr: SocketAddr,
    /// What the kernel said.
    pub source: io::Error,
}

/// How to mend it.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program (or another netmon) has this port: stop it, or choose another one \
             with web.listen or --listen"
        }
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher one with web.listen or \
             --listen"
        }
        io::ErrorKind::AddrNotAvailable => {
            "; no interface of this host has this address: choose one with web.listen or --listen"
        }
        _ => "",
    }
}

/// Listeners, each with the address that was asked for.
#[derive(Debug, Default)]
pub(super) struct Listeners(pub(super) Vec<(SocketAddr, TcpListener)>);

async fn bind(addr: SocketAddr) -> Result<(SocketAddr, TcpListener), BindError> {
    match TcpListener::bind(addr).await {
        Ok(listener) => Ok((addr, listener)),
        Err(source) => Err(BindError { addr, source }),
    }
}

impl Listeners {
    /// Binds all of `addrs`, or none.
    pub(super) async fn bind(addrs: &[SocketAddr]) -> Result<Self, BindError> {
        let mut listeners = Self::default();
        listeners.rebind(addrs).await?;
        Ok(listeners)
    }

    /// Listens on `addrs` instead. What is in both stays untouched; on failure
    /// all stays as it was.
    pub(super) async fn rebind(&mut self, addrs: &[SocketAddr]) -> Result<(), BindError> {
        let mut added = Vec::new();
        // Old listeners that stand in the way: the same port, on another address
        // that overlaps with a new one.
        let mut yielded: Vec<SocketAddr> = Vec::new();
        for addr in addrs {
            let known = self.0.iter().chain(&added).any(|(old, _)| old == addr);
            if known {
                continue;
            }
            let mut outcome = bind(*addr).await;
            let blocked =
                matches!(&outcome, Err(error) if error.source.kind() == io::ErrorKind::AddrInUse);
            if blocked {
                let stays = |old: &SocketAddr| old.port() != addr.port() || addrs.contains(old);
                let before = yielded.len();
                yielded.extend(self.0.iter().map(|(old, _)| *old).filter(|old| !stays(old)));
                if yielded.len() > before {
                    self.0.retain(|(old, _)| stays(old));
                    outcome = bind(*addr).await;
                }
            }
            match outcome {
                Ok(listener) => added.push(listener),
                Err(error) => {
                    drop(added);
                    for old in yielded {
                        self.0.push(bind(old).await?);
                    }
                    return Err(error);
                }
            }
        }
        self.0.retain(|(old, _)| addrs.contains(old));
        self.0.extend(added);
        Ok(())
    }
}
