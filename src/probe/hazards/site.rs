//! Where a run makes something: a record of it must not be settled anywhere else.

use super::Leftover;
use crate::model::{Reason, Target};
use crate::probe::ProbeError;
use crate::probe::line::line;

/// A target, and the address that it has now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Site {
    target: String,
    address: String,
}

/// Bytes of an address in a sentence.
const SAID: usize = 200;

impl Site {
    /// Of the addresses only what names a place is kept: no user, no password, no query.
    pub(crate) fn new<'a>(target: Option<&Target>, addresses: impl IntoIterator<Item = &'a str>) -> Self {
        let target = target.map(|target| target.name.to_string()).unwrap_or_default();
        let addresses: Vec<String> = addresses.into_iter().map(place).collect();
        Self { target, address: addresses.join(" ") }
    }

    /// Writes into the record that it is of here.
    pub(crate) fn sign(&self, record: &mut Leftover) {
        record.target.clone_from(&self.target);
        record.address = Some(self.address.clone());
    }

    /// Fails if the record was made elsewhere: what it names must not be looked for here.
    pub(crate) fn holds(&self, record: &Leftover) -> Result<(), ProbeError> {
        let Some(made_at) = record.address.as_ref().filter(|made_at| **made_at != self.address) else { return Ok(()) };
        let named = |target: &str| if target.is_empty() { String::new() } else { format!(" (target {target})") };
        let detail = format!(
            "it was made at {}{}, and the address is {}{} now: set it back, or clean up there by hand and remove the \
             record of run {}",
            line(made_at, SAID),
            named(&record.target),
            line(&self.address, SAID),
            named(&self.target),
            line(&record.run, SAID),
        );
        Err(ProbeError::observer(Reason::Other, detail))
    }
}

fn place(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = address.split_once("://").map_or(("", address), |(scheme, rest)| (scheme, rest));
    let (authority, path) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let colon = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{colon}{host}{}", path.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_without_a_login_and_a_query() {
        for (address, kept) in [
            ("https://me:s3cret@h:1/a/box.git/?token=s3cret#x", "https://h:1/a/box.git"),
            ("postgresql://me@h:5432/db?sslmode=require", "postgresql://h:5432/db"),
            ("h:5432", "h:5432"),
            ("me@h:5432", "h:5432"),
            ("/srv/a@b", "/srv/a@b"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(place(address), kept);
        }
    }

    #[test]
    fn a_record_of_elsewhere_is_told_and_an_old_one_is_taken() {
        let (here, there) = (Site::new(None, ["http://h:1/"]), Site::new(None, ["http://u:s3cret@h:2/"]));
        let mut record = Leftover::default();
        here.holds(&record).unwrap();
        there.sign(&mut record);
        there.holds(&record).unwrap();
        let error = here.holds(&record).unwrap_err();
        assert!(error.detail.contains("made at http://h:2") && error.detail.contains("is http://h:1 now"), "{error}");
        assert!(!error.detail.contains("s3cret"), "{error}");
    }
}
