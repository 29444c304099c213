//! Where every signal comes from, and what stands in the way of a better source.

use crate::{
    signal::{Signal, Sources},
    view::{HookHealth, Refusal, SignalHealth},
};

/// How every signal fares, by the hooks that feed it and by what is known of those
/// that no hook feeds.
pub(super) fn report(
    sources: &Sources,
    hooks: &[HookHealth],
    others: &[(Signal, Refusal)],
) -> Vec<SignalHealth> {
    let health = |signal| {
        let of_hooks = hooks.iter().filter(|hook| hook.feeds.contains(&signal));
        let of_others = others.iter().filter(|(of, _)| *of == signal);
        let found = of_hooks.flat_map(|hook| &hook.refused).chain(of_others.map(|(_, it)| it));
        let mut better: Vec<Refusal> = Vec::new();
        for refusal in found {
            // Both directions of packets are refused alike.
            if !better.contains(refusal) {
                better.push(refusal.clone());
            }
        }
        SignalHealth { signal, source: sources.of(signal), better }
    };
    Signal::ALL.into_iter().map(health).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::PROC;

    fn refusal(mechanism: &'static str) -> Refusal {
        Refusal { mechanism, why: "no".to_owned(), fix: "yes".to_owned() }
    }

    fn hook(
        feeds: &'static [Signal],
        mechanism: Option<&'static str>,
        refused: &[&'static str],
    ) -> HookHealth {
        HookHealth {
            program: "hook",
            measures: "something",
            feeds,
            mechanism,
            refused: refused.iter().map(|mechanism| refusal(mechanism)).collect(),
            verified_instructions: None,
            run: None,
            missed: None,
        }
    }

    #[test]
    fn a_signal_has_the_refusals_of_its_hooks() {
        use Signal::{Connections, Handshakes, Packets, Sockets};
        let mut sources = Sources::default();
        sources.set(Packets, Some("clsact"));
        sources.set(Connections, Some(PROC));
        let hooks = [
            hook(&[Packets], Some("clsact"), &["tcx"]),
            hook(&[Packets], Some("clsact"), &["tcx"]),
            hook(&[Connections, Handshakes], None, &["tp_btf", "raw_tp"]),
        ];
        let report = report(&sources, &hooks, &[(Sockets, refusal("sock_diag"))]);
        for (signal, source, rung, better) in [
            (Packets, Some("clsact"), Some(2), &["tcx"][..]),
            (Connections, Some(PROC), Some(3), &["tp_btf", "raw_tp"]),
            (Handshakes, None, None, &["tp_btf", "raw_tp"]),
            (Sockets, None, None, &["sock_diag"]),
            (Signal::Drops, None, None, &[]),
        ] {
            let found = report.iter().find(|it| it.signal == signal);
            let expected = SignalHealth {
                signal,
                source,
                better: better.iter().map(|mechanism| refusal(mechanism)).collect(),
            };
            assert_eq!(found, Some(&expected));
            assert_eq!(expected.rung(), rung, "{}", signal.label());
        }
        assert_eq!(report.len(), Signal::ALL.len());
    }
}
