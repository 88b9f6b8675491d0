//! What the daemon lends to probes that change or load their target. That they may run at all was
//! decided before; this bounds what they do, and sees to it that what they made goes away again.

mod afterwards;
mod debt;
mod leftovers;
mod site;

pub use afterwards::Afterwards;
pub(crate) use debt::{Debt, Paid, Undo, on_disk, random_name, settle};
pub(crate) use leftovers::Leftover;
pub use leftovers::Leftovers;
pub(crate) use site::Site;

/// The default allows nothing to be put under load, and remembers and finishes nothing.
#[derive(Default)]
pub struct Hazards {
    /// `host:port` of targets that may be put under load.
    pub load_targets: Vec<String>,
    /// Addresses of repositories into which a branch may be pushed.
    pub sandbox_repositories: Vec<String>,
    /// `host:port` of servers of PostgreSQL on which a scratch database may be made.
    pub sandbox_databases: Vec<String>,
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

    /// Whether this host and port may be put under load.
    pub(crate) fn may_load(&self, host: &str, port: u16) -> bool {
        is_listed(&self.load_targets, host, port)
    }

    /// Whether a scratch database may be made at this host and port. Of a Unix socket the host is its directory.
    pub(crate) fn may_make_database(&self, host: &str, port: u16) -> bool {
        is_listed(&self.sandbox_databases, host, port)
    }
}

/// Names are compared, not what they resolve to.
fn is_listed(list: &[String], host: &str, port: u16) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    list.iter().any(|listed| {
        listed.rsplit_once(':').is_some_and(|(name, number)| {
            name.trim_start_matches('[').trim_end_matches(']').eq_ignore_ascii_case(host) && number.parse() == Ok(port)
        })
    })
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
        assert!(!hazards.may_make_database("api.example", 443), "each has a list of its own");
    }

    #[test]
    fn only_on_what_is_listed_a_database_may_be_made() {
        assert!(!Hazards::default().may_make_database("127.0.0.1", 5432));
        let listed = vec!["db-test.example:5432".to_owned(), "/var/run/postgresql:5433".to_owned()];
        let hazards = Hazards { sandbox_databases: listed, ..Hazards::default() };
        assert!(hazards.may_make_database("DB-test.example", 5432));
        assert!(hazards.may_make_database("/var/run/postgresql", 5433));
        for (host, port) in [("db.example", 5432), ("db-test.example", 5433), ("", 5432)] {
            assert!(!hazards.may_make_database(host, port), "{host}:{port}");
        }
    }
}
