//! The commands a leg may send. All of them only read; no text of a catalogue becomes a command.

use redis::{Cmd, cmd};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Command {
    /// Must be answered with PONG.
    Ping,
    /// Gives `role`, `replicas` and `link`.
    Role,
    /// Gives `info`.
    Info,
    /// Of a sentinel: gives `masters`.
    SentinelMasters,
    /// Of a sentinel: gives `sentinel_replicas`, those of `master`.
    SentinelReplicas,
    /// Of a sentinel: fails unless enough sentinels are there to replace `master`.
    SentinelCkquorum,
}

impl Command {
    /// As sentences name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ping => "PING",
            Self::Role => "ROLE",
            Self::Info => "INFO",
            Self::SentinelMasters => "SENTINEL MASTERS",
            Self::SentinelReplicas => "SENTINEL REPLICAS",
            Self::SentinelCkquorum => "SENTINEL CKQUORUM",
        }
    }

    pub(super) fn needs_master(self) -> bool {
        matches!(self, Self::SentinelReplicas | Self::SentinelCkquorum)
    }

    /// As sent. `argument` is a section, or the name of a master.
    pub(super) fn packed(self, argument: Option<&str>) -> Vec<u8> {
        let mut words = Cmd::new();
        for word in self.name().split(' ') {
            words.arg(word);
        }
        words.arg(argument).get_packed_command()
    }
}

/// A login, as sent.
pub(super) fn auth(user: Option<&str>, password: &str) -> Vec<u8> {
    cmd("AUTH").arg(user).arg(password).get_packed_command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_what_the_protocol_says() {
        assert_eq!(Command::Ping.packed(None), b"*1\r\n$4\r\nPING\r\n");
        let two = Command::SentinelCkquorum.packed(Some("a b"));
        assert_eq!(two, b"*3\r\n$8\r\nSENTINEL\r\n$8\r\nCKQUORUM\r\n$3\r\na b\r\n");
        assert_eq!(auth(None, "pw"), b"*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n");
    }
}
