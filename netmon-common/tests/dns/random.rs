//! The walker reads what was written, and damaged messages as the plain reader does.

use netmon_common::dns::{Malformed, Message, Name};
use proptest::{collection::vec, option, prelude::*, sample::Index};

use super::{
    generate::{Asked, Plan, Told, noise, plan},
    message,
};

/// The first question and all records, as the walker reads them.
fn walked(bytes: &[u8]) -> Result<(Option<Asked>, Vec<Told>), Malformed> {
    let message = Message::new(bytes)?;
    let asked = |name: Name, kind, class| Asked {
        labels: name.labels().map(<[u8]>::to_vec).collect(),
        kind,
        class,
    };
    let question = message.question()?.map(|q| asked(q.name, q.kind, q.class));
    let records = message.records().map(|record| {
        let record = record?;
        let of = asked(record.name, record.kind, record.class);
        Ok(Told { section: record.section, of, ttl: record.ttl, data: record.data.to_vec() })
    });
    Ok((question, records.collect::<Result<_, _>>()?))
}

fn reads_what_was_written(plan: &Plan, bytes: &[u8]) {
    let expected = (plan.questions.first().cloned(), plan.records.clone());
    assert_eq!(walked(bytes), Ok(expected));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn plain_and_compressed(plan in plan(), compress in any::<u64>()) {
        for compress in [0, u64::MAX, compress] {
            let bytes = plan.write(compress);
            reads_what_was_written(&plan, &bytes);
            message::walk(&bytes);
            message::check(&bytes);
        }
    }

    #[test]
    fn bytes_behind_the_end_change_nothing(
        plan in plan(),
        compress in any::<u64>(),
        tail in vec(any::<u8>(), 0..40),
    ) {
        let bytes = plan.write(compress);
        reads_what_was_written(&plan, &[bytes, tail].concat());
    }

    #[test]
    fn a_cut_message_is_cut(
        plan in plan(),
        compress in any::<u64>(),
        cut in any::<Index>(),
    ) {
        let bytes = plan.write(compress);
        let cut = &bytes[..cut.index(bytes.len())];
        let expected = if cut.len() < 12 { Malformed::Short } else { Malformed::Cut };
        prop_assert_eq!(walked(cut).err(), Some(expected));
        message::walk(cut);
        message::check(cut);
    }

    #[test]
    fn damaged(
        plan in plan(),
        compress in any::<u64>(),
        damage in vec((any::<Index>(), noise(3)), 1..6),
        cut in option::weighted(0.3, any::<Index>()),
    ) {
        let mut bytes = plan.write(compress);
        for (at, noise) in damage {
            let at = at.index(bytes.len());
            for (place, byte) in bytes[at..].iter_mut().zip(noise) {
                *place = byte;
            }
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        message::walk(&bytes);
        message::check(&bytes);
    }

    #[test]
    fn any_bytes(bytes in noise(600)) {
        message::walk(&bytes);
        message::check(&bytes);
    }
}
