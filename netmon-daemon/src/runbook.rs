//! The runbooks: what an alert means, and what to do about it. They are part of the
//! program, so that whoever is on call has them where netmon is.
//!
//! The files below `docs/runbooks` are the only place where that is written.

/// Every runbook: the name of its alert, and its text in Markdown.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/runbooks.rs"));

/// The alert of a detector: `Netmon` and its name in camel case.
pub fn alert(detector: &str) -> String {
    let words = detector.split('_').flat_map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
    });
    "Netmon".chars().chain(words).collect()
}

/// Where the runbook of a detector is, from the top of the project.
pub fn path(detector: &str) -> String {
    format!("docs/runbooks/{}.md", alert(detector))
}

/// The runbook of a detector, if it has one.
pub fn page(detector: &str) -> Option<&'static str> {
    let alert = alert(detector);
    PAGES.iter().find(|(name, _)| *name == alert).map(|(_, text)| *text)
}

/// What a runbook says below one of its headings, without the heading.
pub fn section<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let start = format!("\n## {heading}\n");
    let (_, behind) = page.split_once(start.as_str())?;
    Some(behind.split("\n## ").next().unwrap_or(behind).trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect;

    #[test]
    fn every_detector_has_a_runbook_with_its_sections() {
        assert_eq!(path("syn_flood"), "docs/runbooks/NetmonSynFlood.md");
        for detector in detect::NAMES {
            let page = page(detector).unwrap_or_default();
            for heading in ["Meaning", "Impact", "Diagnosis", "Mitigation"] {
                let text = section(page, heading).unwrap_or_default();
                assert!(text.len() > 20 && !text.contains("## "), "{detector}: {heading}: {text}");
            }
        }
        assert_eq!(section("# a\n\n## b\n\nc\n\n## d\n", "b"), Some("c"));
        assert_eq!((page("nothing"), section("# a", "b")), (None, None));
    }
}
