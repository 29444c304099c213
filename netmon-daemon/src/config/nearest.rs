//! What somebody may have meant.

/// The candidate that is fewest typing mistakes away from `word`, unless even
/// that one is too different to be meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    // Long words come from a long line of garbage: nobody meant a key by them.
    if word.len() > 100 {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|&(distance, candidate)| distance <= (candidate.len() / 3).max(1))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from
/// one word to the other (optimal string alignment).
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    // Row i holds the distances of the first i characters of `from`; a swap
    // looks two rows back.
    let mut above: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=to.len()).collect();
    for (i, &a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &b) in to.iter().enumerate() {
            let replaced = previous[j] + usize::from(a != b);
            let mut fewest = replaced.min(previous[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a == to[j - 1] && b == from[i - 1] {
                fewest = fewest.min(above[j - 1] + 1);
            }
            row.push(fewest);
        }
        above = std::mem::replace(&mut previous, row);
    }
    previous[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_strange_one_is_not() {
        let keys = ["listen", "enable_lifecycle", "max_connections"];
        for (word, expected) in [
            ("listen", Some("listen")),
            ("lisen", Some("listen")),
            ("LISTNE", Some("listen")),
            ("max_conections", Some("max_connections")),
            ("enable_lifecyle", Some("enable_lifecycle")),
            ("port", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys), expected, "{word}");
        }
        assert_eq!(distance("abcd", "acbd"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
