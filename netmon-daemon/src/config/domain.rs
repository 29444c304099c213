//! A domain below which something is different.

use std::{fmt, str::FromStr};

use super::setting::{quoted, textual};

/// Longest domain and longest label, in bytes.
const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// A domain name in lower case, without a dot at its end, and of two labels at least.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Domain(String);

impl Domain {
    /// Domains below which many names are asked for in the ordinary course: lists that
    /// are asked about files and senders, where what is asked about stands in the name;
    /// services of mail with names for each customer; and the largest networks that
    /// deliver content. None of them hands a zone to a stranger.
    pub fn busy() -> Vec<Self> {
        const DOMAINS: &[&str] = &[
            // Lists of senders, addresses and files.
            "surbl.org",
            "spamhaus.org",
            "spamhaus.net",
            "uribl.com",
            "barracudacentral.org",
            "spamcop.net",
            "sorbs.net",
            "dnswl.org",
            "mailspike.net",
            "msbl.org",
            "abuseat.org",
            "senderscore.com",
            "senderbase.org",
            "cloudmark.com",
            "habeas.com",
            "njabl.org",
            "rspamd.com",
            "invaluement.com",
            "cymru.com",
            "abuse.ch",
            "mcafee.com",
            "trellix.com",
            "sophosxl.net",
            "sophos.com",
            "trendmicro.com",
            "e5.sk",
            "eset.com",
            "brightcloud.com",
            "webcfs00.com",
            "bitdefender.net",
            "kaspersky-labs.com",
            "f-secure.com",
            "avast.com",
            "avcdn.net",
            // Mail.
            "mx-verification.com",
            "amazonses.com",
            "sendgrid.net",
            "mailgun.org",
            "mcsv.net",
            "onmicrosoft.com",
            "outlook.com",
            "messagelabs.com",
            "pphosted.com",
            "mimecast.com",
            // Content and clouds.
            "akamai.net",
            "akamaiedge.net",
            "akamaihd.net",
            "akadns.net",
            "edgekey.net",
            "edgesuite.net",
            "rackcdn.com",
            "amazonaws.com",
            "cloudfront.net",
            "fastly.net",
            "googlevideo.com",
            "googleusercontent.com",
            "gvt1.com",
            "gvt2.com",
            "fbcdn.net",
            "windows.net",
            "azure.com",
            "trafficmanager.net",
            "icloud.com",
            "aaplimg.com",
            "apple.com",
            "nflxvideo.net",
            "steamcontent.com",
            // Within clusters.
            "cluster.local",
        ];
        DOMAINS.iter().map(|domain| Self((*domain).to_owned())).collect()
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Domain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = quoted(text);
        let domain = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_label =
            |label: &str| (1..=LONGEST_LABEL).contains(&label.len()) && label.bytes().all(fits);
        if text.contains('*') {
            Err(format!(
                "{found} has a wildcard: leave it out, what is below a domain counts anyway"
            ))
        } else if domain.len() > LONGEST || !domain.split('.').all(is_label) {
            Err(format!(
                "{found} is no domain: letters, digits, - and _ between dots make one, others \
                 as \"xn--...\""
            ))
        } else if !domain.contains('.') {
            Err(format!("{found} is a whole top-level domain: write those that you mean below it"))
        } else {
            Ok(Self(domain))
        }
    }
}

textual!(Domain, "a domain such as \"example.com\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_one_whatever_their_case() {
        for (text, domain) in [
            ("example.com", "example.com"),
            ("Multi.SURBL.org.", "multi.surbl.org"),
            ("_tcp.xn--bcher-kva.example", "_tcp.xn--bcher-kva.example"),
        ] {
            assert_eq!(text.parse(), Ok(Domain(domain.to_owned())));
        }
    }

    #[test]
    fn what_is_no_domain_is_refused_with_advice() {
        let (label, name) = ("a".repeat(64) + ".com", "a.".repeat(127) + "com");
        for (text, hint) in [
            ("", "between dots"),
            (".", "between dots"),
            ("example..com", "between dots"),
            (".example.com", "between dots"),
            ("exa mple.com", "between dots"),
            ("b\u{fc}cher.example", "xn--"),
            (&label, "between dots"),
            (&name, "between dots"),
            ("*.example.com", "wildcard"),
            ("com", "top-level"),
            ("com.", "top-level"),
        ] {
            let refusal = text.parse::<Domain>().err().unwrap_or_default();
            assert!(refusal.contains(hint), "{text:?}: {refusal}");
        }
    }

    #[test]
    fn the_domains_that_are_built_in_are_domains() {
        let busy = Domain::busy();
        for domain in &busy {
            assert_eq!(domain.0.parse().as_ref(), Ok(domain));
            assert_eq!(busy.iter().filter(|it| *it == domain).count(), 1, "{domain}");
        }
    }
}
