//! One-time passwords of RFC 6238: SHA-1, six digits, thirty seconds, as every app for them does it.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::model::{Secret, Timestamp};

const STEP_S: i64 = 30;

/// The code of this moment. `None` if the secret is not base32.
pub(super) fn code(secret: &str, now: Timestamp) -> Option<Secret> {
    let key = base32(secret)?;
    let step = u64::try_from(now.0.div_euclid(1000).div_euclid(STEP_S)).ok()?;
    Some(Secret::new(format!("{:06}", truncated(&key, step)? % 1_000_000)))
}

/// What RFC 4226 calls the dynamic truncation.
fn truncated(key: &[u8], counter: u64) -> Option<u32> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last()? & 0xf);
    let four = tag.get(offset..)?.first_chunk()?;
    Some(u32::from_be_bytes(*four) & 0x7fff_ffff)
}

/// RFC 4648, in any case, with or without padding; apps show it in groups.
fn base32(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let (mut bits, mut held) = (0_u32, 0_u32);
    for letter in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'=' | b'-')) {
        let value = match letter.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        held = (held << 5 | u32::from(value)) & 0xffff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: eight digits there, of which these are the last six.
    #[test]
    fn codes_are_those_of_the_specification() {
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let cases = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        for (at, expected) in cases {
            assert_eq!(code(secret, Timestamp::from_secs(at)).unwrap().expose(), expected, "{at}");
        }
        let grouped = "gezd gnbv gy3t qojq gezd-gnbv-gy3t-qojq====";
        assert_eq!(code(grouped, Timestamp::from_secs(59)).unwrap().expose(), "287082");
        for bad in ["", "0", "A", "gezd!"] {
            assert!(code(bad, Timestamp::from_secs(59)).is_none(), "{bad}");
        }
    }

    /// RFC 4226, appendix D.
    #[test]
    fn truncation_is_that_of_the_specification() {
        let key = b"12345678901234567890";
        for (counter, expected) in [(0, 1_284_755_224), (1, 1_094_287_082)] {
            assert_eq!(truncated(key, counter), Some(expected));
        }
    }
}
