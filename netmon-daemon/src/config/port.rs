//! A port number.

use serde::{Deserialize, Serialize};
use toml::Value;

use super::setting::{Setting, mismatch};

/// A TCP or UDP port, 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Port(pub u16);

impl Port {
    /// Ports on which on-call engineers most often look: SSH, mail, DNS, web, and
    /// the usual databases and caches.
    pub fn well_known() -> Vec<Self> {
        [22, 25, 53, 80, 443, 3306, 5432, 6379].map(Self).to_vec()
    }
}

impl Port {
    /// Ports on which one is asked who one is, and a guess may be let in: FTP, SSH,
    /// telnet, POP3, IMAP, LDAP, SMB, submission of mail, SQL Server, MySQL, RDP,
    /// PostgreSQL, VNC, WinRM, Redis (IANA's registry, and the usual ports of VNC and
    /// Redis).
    pub fn asking_for_passwords() -> Vec<Self> {
        let ports = [
            21, 22, 23, 110, 143, 389, 445, 465, 587, 636, 993, 995, 1433, 3306, 3389, 5432, 5900,
            5985, 5986, 6379,
        ];
        ports.map(Self).to_vec()
    }

    /// Ports of databases, caches and queues, whose clients keep their connections: SQL
    /// Server, Oracle, MySQL, PostgreSQL, AMQP, Redis, Cassandra, Elasticsearch,
    /// memcached, MongoDB.
    pub fn for_pools() -> Vec<Self> {
        [1433, 1521, 3306, 5432, 5672, 6379, 9042, 9200, 11_211, 27_017].map(Self).to_vec()
    }
}

impl Setting for Port {
    type Measure = u16;

    fn expected() -> String {
        "a port, 1 to 65535".to_owned()
    }

    fn read(value: &Value) -> Result<Self, String> {
        let port = value.as_integer().and_then(|number| u16::try_from(number).ok());
        port.filter(|port| *port > 0).map(Self).ok_or_else(|| mismatch(&Self::expected(), value))
    }

    fn measure(&self) -> Self::Measure {
        self.0
    }

    fn from_text(text: &str) -> Value {
        text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Integer)
    }
}
