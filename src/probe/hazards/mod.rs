//! What the daemon lends to probes that change or load their target. That they may run at all was
//! decided before; this bounds what they do, and sees to it that what they made goes away again.

mod afterwards;
mod debt;
mod leftovers;

pub use afterwards::Afterwards;
pub(crate) use debt::{Debt, Undo, on_disk, random_name, settle};
pub(crate) use leftovers::Leftover;
pub use leftovers::Leftovers;

/// The default allows nothing to be put under load, and remembers and finishes nothing.
#[derive(Default)]
pub struct Hazards {
    /// `host:port` of targets that may be put under load.
    pub load_targets: Vec<String>,
    /// Addresses of repositories into which a branch may be pushed.
    pub sandbox_repositories: Vec<String>,
    /// What runs that ended without cleaning up may have left behind. Without it nothing is changed.
    pub leftovers: Option<Leftovers>,
    /// Where a run that is dropped has its clean-up done.
    pub afterwards: Afterwards,
}

impl Hazards {
    /// Whether this address is on the list, as it is written; a slash or `.git` at the end makes no
    /// difference.
    pub(crate) fn may_push(&self, address: &str) -> bool {
        let plain = |text: &str| text.trim_end_matches('/').trim_end_matches(".git").to_owned();
        self.sandbox_repositories.iter().any(|listed| !listed.is_empty() && plain(listed) == plain(address))
    }

    /// Whether this host and port are on the list. Names are compared, not what they resolve to.
    pub(crate) fn may_load(&self, host: &str, port: u16) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        self.load_targets.iter().any(|listed| {
            listed.rsplit_once(':').is_some_and(|(name, number)| {
                name.trim_start_matches('[').trim_end_matches(']').eq_ignore_ascii_case(host)
                    && number.parse() == Ok(port)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_may_be_pushed_to() {
        let hazards = Hazards { sandbox_repositories: vec!["https://h/a/box.git".to_owned()], ..Hazards::default() };
        assert!(hazards.may_push("https://h/a/box") && hazards.may_push("https://h/a/box.git/"));
        for other in ["https://h/a/boxes", "http://h/a/box", "https://h/a", "https://h/b/box", ""] {
            assert!(!hazards.may_push(other), "{other}");
        }
    }

    #[test]
    fn only_what_is_listed_may_be_loaded() {
        assert!(!Hazards::default().may_load("127.0.0.1", 80));
        let hazards =
            Hazards { load_targets: vec!["Api.example:443".to_owned(), "[::1]:80".to_owned()], ..Hazards::default() };
        assert!(hazards.may_load("api.example", 443) && hazards.may_load("[::1]", 80));
        assert!(!hazards.may_load("api.example", 80) && !hazards.may_load("b.api.example", 443));
    }
}
