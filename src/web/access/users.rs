//! Basic authentication against bcrypt hashes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, header};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Outcomes remembered. A guesser cannot make it grow, and cannot push valid ones out.
const CACHE_LIMIT: usize = 256;
/// Hashes computed at once: each keeps a core busy for tens of milliseconds.
const CHECKS_AT_ONCE: usize = 2;
/// Logins that wait for one; more are told to come back.
const CHECKS_WAITING: usize = 32;
/// Checked when the user is unknown, so that the answer takes as long. It is the hash of nothing
/// that could be sent; its cost is that of most files.
const NOBODY: &str = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Admission {
    Granted,
    Denied,
    /// Too many logins are being checked.
    Busy,
}

pub(super) struct Users {
    hashes: BTreeMap<String, Arc<str>>,
    /// By a digest of user, hash and password; lost with the process and with each new reading.
    known: Arc<Mutex<HashMap<[u8; 32], bool>>>,
    checks: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Users {
    fn default() -> Self {
        Self {
            hashes: BTreeMap::new(),
            known: Arc::default(),
            checks: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
            waiting: Arc::new(Semaphore::new(CHECKS_WAITING)),
        }
    }
}

impl Users {
    pub(super) fn new(hashes: BTreeMap<String, String>) -> Result<Self, String> {
        for (user, hash) in &hashes {
            if hash.parse::<bcrypt::HashParts>().is_err() {
                return Err(format!("basic_auth_users: what stands for “{user}” is not a bcrypt hash"));
            }
        }
        let hashes = hashes.into_iter().map(|(user, hash)| (user, hash.into())).collect();
        Ok(Self { hashes, ..Self::default() })
    }

    /// Without users everybody is let in.
    pub(super) async fn admit(&self, headers: &HeaderMap) -> Admission {
        if self.hashes.is_empty() {
            return Admission::Granted;
        }
        let Some((user, password)) = credentials(headers) else { return Admission::Denied };
        let (exists, hash) = match self.hashes.get(&user) {
            Some(hash) => (true, hash.clone()),
            None => (false, NOBODY.into()),
        };
        let key = fingerprint(&user, &hash, &password);
        if let Some(right) = self.recall(&key) {
            return if right { Admission::Granted } else { Admission::Denied };
        }
        let Ok(_waiting) = self.waiting.try_acquire() else { return Admission::Busy };
        let Ok(check) = self.checks.clone().acquire_owned().await else { return Admission::Busy };
        let work = tokio::task::spawn_blocking(move || {
            let right = bcrypt::verify(password.as_bytes(), &hash).unwrap_or(false);
            drop(check);
            right
        });
        let right = work.await.unwrap_or(false) && exists;
        self.remember(key, right);
        if right { Admission::Granted } else { Admission::Denied }
    }

    fn recall(&self, key: &[u8; 32]) -> Option<bool> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    fn remember(&self, key: [u8; 32], right: bool) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CACHE_LIMIT {
            known.retain(|_, right| *right);
        }
        known.insert(key, right);
    }
}

fn credentials(headers: &HeaderMap) -> Option<(String, Zeroizing<String>)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = Zeroizing::new(String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?);
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), Zeroizing::new(password.to_owned())))
}

fn fingerprint(user: &str, hash: &str, password: &str) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in [user, hash, password] {
        // Lengths keep the parts apart.
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref().try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(user: &str, password: &str) -> HeaderMap {
        let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Basic {encoded}").parse().unwrap());
        headers
    }

    fn users() -> Users {
        let hash = bcrypt::hash("right:one", 4).unwrap();
        Users::new([("ann".to_owned(), hash)].into()).unwrap()
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_let_in() {
        let users = users();
        for _ in 0..2 {
            assert_eq!(users.admit(&login("ann", "right:one")).await, Admission::Granted);
            assert_eq!(users.admit(&login("ann", "wrong")).await, Admission::Denied);
            assert_eq!(users.admit(&login("bob", "right:one")).await, Admission::Denied);
            assert_eq!(users.admit(&HeaderMap::new()).await, Admission::Denied);
        }
        assert_eq!(users.known.lock().unwrap().len(), 3, "each outcome is computed once");
    }

    #[tokio::test]
    async fn guessing_does_not_grow_the_cache_or_push_the_valid_user_out() {
        let users = users();
        assert_eq!(users.admit(&login("ann", "right:one")).await, Admission::Granted);
        for n in 0_u64..2000 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&n.to_be_bytes());
            users.remember(key, false);
        }
        let known = users.known.lock().unwrap();
        assert!(known.len() <= CACHE_LIMIT);
        assert!(known.values().any(|right| *right));
    }

    #[test]
    fn the_hash_for_unknown_users_is_a_real_one() {
        assert_eq!(NOBODY.parse::<bcrypt::HashParts>().unwrap().get_cost(), 10);
    }
}
