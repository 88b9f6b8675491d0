//! Follows the messages of a server without keeping them: a type, a length that counts itself,
//! a body. sqlx reserves what a message announces, so a bad length must not reach it.

use super::relay::Relayed;

/// Of all messages but rows. The longest honest one describes 1,600 columns.
const LONGEST: usize = 1 << 20;
const ROW: u8 = b'D';
const AUTHENTICATION: u8 = b'R';
const HEAD: usize = 5;

#[derive(Default)]
pub(super) struct Messages {
    head: Vec<u8>,
    /// Bytes of the present message that are still to come.
    left: usize,
    /// The number in a message about the authentication, as far as it has come.
    step: Option<u32>,
    authenticated: bool,
}

impl Messages {
    /// Takes the next bytes. Fails at a head that announces less than itself, or a body beyond
    /// `limit` for a row.
    pub(super) fn follow(&mut self, mut bytes: &[u8], limit: usize) -> Result<(), Relayed> {
        while !bytes.is_empty() {
            let (body, rest) = bytes.split_at(self.left.min(bytes.len()));
            self.left -= body.len();
            self.follow_step(body);
            bytes = rest;
            let head = bytes.len().min(HEAD - self.head.len());
            self.head.extend_from_slice(bytes.get(..head).unwrap_or(&[]));
            bytes = bytes.get(head..).unwrap_or(&[]);
            if let [kind, a, b, c, d] = *self.head.as_slice() {
                self.head.clear();
                let announced = u32::from_be_bytes([a, b, c, d]) as usize;
                let Some(length) = announced.checked_sub(4) else { return Err(Relayed::Malformed(announced)) };
                if kind == ROW && length > limit {
                    return Err(Relayed::TooMuch);
                }
                if kind != ROW && length > LONGEST {
                    return Err(Relayed::Malformed(announced));
                }
                self.left = length;
                self.step = (kind == AUTHENTICATION && length == size_of::<u32>()).then_some(0);
            }
        }
        Ok(())
    }

    /// Whether the server has accepted the credentials. It may still refuse the session.
    pub(super) fn authenticated(&self) -> bool {
        self.authenticated
    }

    fn follow_step(&mut self, body: &[u8]) {
        let Some(step) = &mut self.step else { return };
        *step = body.iter().fold(*step, |step, byte| step << 8 | u32::from(*byte));
        if self.left == 0 {
            // Zero is "complete"; every other number asks for something.
            self.authenticated |= *step == 0;
            self.step = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TALK: &[u8] = b"R\0\0\0\x08\0\0\0\0D\0\0\0\x0a123456Z\0\0\0\x05I";

    #[test]
    fn bad_lengths_are_told_wherever_they_are_cut() {
        let cases: [(&[u8], Relayed); 4] = [
            (b"R\x7f\xff\xff\xff\0\0", Relayed::Malformed(0x7fff_ffff)),
            (b"R\0\0\0\x03", Relayed::Malformed(3)),
            (b"HTTP/1.1 400 Bad Request", Relayed::Malformed(0x5454_502f)),
            (b"D\0\x10\0\0", Relayed::TooMuch),
        ];
        for (bytes, expected) in cases {
            let all = [TALK, bytes].concat();
            assert_eq!(Messages::default().follow(&all, 1000), Err(expected));
            let mut one_by_one = Messages::default();
            let told = all.iter().find_map(|byte| one_by_one.follow(&[*byte], 1000).err());
            assert!(told.is_some());
        }
        assert_eq!(Messages::default().follow(TALK, 6), Ok(()));
    }

    #[test]
    fn only_the_last_step_of_an_authentication_counts() {
        let told = |talk: &[u8]| {
            let (mut whole, mut bytes) = (Messages::default(), Messages::default());
            whole.follow(talk, 100).unwrap();
            talk.iter().for_each(|byte| bytes.follow(&[*byte], 100).unwrap());
            assert_eq!(whole.authenticated(), bytes.authenticated());
            whole.authenticated()
        };
        assert!(told(TALK));
        // A password is asked for; a SCRAM exchange; an error; a key that is zero.
        assert!(!told(b"R\0\0\0\x08\0\0\0\x03E\0\0\0\x08\0\0\0\0"));
        assert!(!told(b"R\0\0\0\x0c\0\0\0\0\0\0\0\0K\0\0\0\x08\0\0\0\0"));
        assert!(told(b"R\0\0\0\x08\0\0\0\x0aR\0\0\0\x08\0\0\0\0"));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_are_judged_alike(bytes in proptest::collection::vec(any::<u8>(), 0..60), at in 0usize..60) {
            let whole = [TALK, &bytes].concat();
            let (one, two) = whole.split_at(at.min(whole.len()));
            let mut pieces = Messages::default();
            let told = pieces.follow(one, 100).and_then(|()| pieces.follow(two, 100));
            prop_assert_eq!(told, Messages::default().follow(&whole, 100));
        }
    }
}
