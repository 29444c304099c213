//! Several of whom one detector speaks: of each the worst that is said.

use std::cmp::Ordering;

use super::Verdict;

/// Of how many a detector speaks at once.
const MOST: usize = 8;

/// The worst verdict on each subject, of as many as fit, worst first; a quiet one where
/// there is nobody.
pub(super) fn apart(
    verdicts: impl IntoIterator<Item = Verdict>,
    thresholds: [f64; 2],
) -> Vec<Verdict> {
    let mut apart: Vec<Verdict> = Vec::new();
    for verdict in verdicts {
        match apart.iter_mut().find(|known| known.subject == verdict.subject) {
            Some(known) => {
                let before = std::mem::replace(known, Verdict::blind());
                *known = before.or_worse(verdict);
            }
            None => apart.push(verdict),
        }
    }
    apart.sort_by(worse_first);
    apart.truncate(MOST);
    if apart.is_empty() {
        apart.push(Verdict::quiet(thresholds));
    }
    apart
}

fn worse_first(one: &Verdict, other: &Verdict) -> Ordering {
    let is_critical = |it: &Verdict| it.critical >= 1.0;
    let by_severity = is_critical(other).cmp(&is_critical(one));
    by_severity.then(other.warning.max(other.critical).total_cmp(&one.warning.max(one.critical)))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn said(last: u8, count: u64) -> Verdict {
        let subject = IpAddr::from([192, 0, 2, last]);
        Verdict::of_count(count, [10.0, 100.0], String::new()).about(subject)
    }

    #[test]
    fn of_each_the_worst() {
        let found = apart([said(1, 3), said(2, 40), said(1, 500), said(1, 4)], [10.0, 100.0]);
        let counts: Vec<_> = found.iter().map(|it| (it.subject.clone(), it.critical)).collect();
        let subject = |last| Some(IpAddr::from([192, 0, 2, last]).into());
        assert_eq!(counts, [(subject(1), 5.0), (subject(2), 0.4)]);
        let many = apart((0..99).map(|last| said(last, u64::from(last))), [10.0, 100.0]);
        let first: Vec<_> = many.iter().map(|it| it.subject.clone()).collect();
        assert_eq!(first, (91..99).rev().map(subject).collect::<Vec<_>>());
        assert_eq!(apart([], [10.0, 100.0]), [Verdict::quiet([10.0, 100.0])]);
    }
}
