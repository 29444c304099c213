//! A hardware address.

use std::fmt;

/// A hardware address of Ethernet (MAC, EUI-48).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hardware(pub [u8; 6]);

impl Hardware {
    /// The address in these bytes; none where they are of another kind, or of nobody.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let address = bytes.try_into().ok()?;
        (address != [0; 6]).then_some(Self(address))
    }
}

impl fmt::Display for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let before = if at == 0 { "" } else { ":" };
            write!(f, "{before}{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_six_bytes() {
        let text = |bytes: &[u8]| Hardware::new(bytes).map(|it| it.to_string());
        assert_eq!(text(&[2, 0xfc, 0, 0, 0, 9]).as_deref(), Some("02:fc:00:00:00:09"));
        for bytes in [&[][..], &[0; 6], &[1; 5], &[1; 20]] {
            assert_eq!(text(bytes), None);
        }
    }
}
