//! Sample lines: what may be a label value, and how numbers are written.

use std::io::Write;

use crate::core::Drift;
use crate::model::{Claim, Coverage, Mode, Priority, Reason, State, Timestamp};

/// A label value that cannot carry text from a target: a value of a closed list, or text of the
/// catalogue.
#[derive(Clone, Copy)]
pub(super) struct LabelValue<'a>(&'a str);

impl<'a> LabelValue<'a> {
    /// An id, a title or another text that the catalogue gives; never what a probe saw.
    pub(super) fn catalogue(text: &'a str) -> Self {
        Self(text)
    }
}

macro_rules! closed {
    ($($list:ident)*) => {
        $(impl From<$list> for LabelValue<'static> {
            fn from(value: $list) -> Self {
                Self(value.as_str())
            }
        })*
    };
}

closed! { State Reason Priority Mode Coverage Claim Drift }

/// `,name="value"`; the comma only if `out` does not end with a brace.
pub(super) fn label(out: &mut Vec<u8>, name: &str, value: LabelValue<'_>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    escape(out, value.0);
    out.push(b'"');
}

/// Control characters become spaces: parsers end at a NUL and people are misled by the rest.
pub(super) fn escape(out: &mut Vec<u8>, text: &str) {
    // Nearly all texts. Looks at each byte without stopping at the first that is special, because that
    // way it looks at many of them at once.
    let special = |byte: u8| !(b' '..=b'~').contains(&byte) | (byte == b'"') | (byte == b'\\');
    if !text.bytes().fold(false, |found, byte| found | special(byte)) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let written: &[u8] = match c {
            '\\' => b"\\\\",
            '"' => b"\\\"",
            '\n' => b"\\n",
            c if c.is_control() => b" ",
            _ => continue,
        };
        out.extend_from_slice(text.as_bytes().get(plain..at).unwrap_or(&[]));
        out.extend_from_slice(written);
        plain = at + c.len_utf8();
    }
    out.extend_from_slice(text.as_bytes().get(plain..).unwrap_or(&[]));
}

/// The value of a sample and the end of its line.
pub(super) trait Value: Copy {
    fn write(self, out: &mut Vec<u8>);
}

impl Value for bool {
    fn write(self, out: &mut Vec<u8>) {
        out.push(if self { b'1' } else { b'0' });
    }
}

impl Value for u64 {
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(itoa::Buffer::new().format(self).as_bytes());
    }
}

impl Value for f64 {
    fn write(self, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = if self.is_nan() {
            write!(out, "NaN")
        } else if self.is_infinite() {
            write!(out, "{}Inf", if self > 0.0 { '+' } else { '-' })
        } else if self != 0.0 && !(1e-5..1e17).contains(&self.abs()) {
            write!(out, "{self:e}")
        } else {
            write!(out, "{self}")
        };
    }
}

/// In seconds.
impl Value for Timestamp {
    fn write(self, out: &mut Vec<u8>) {
        milliseconds(out, i128::from(self.0));
    }
}

/// In seconds.
impl Value for crate::model::Span {
    fn write(self, out: &mut Vec<u8>) {
        milliseconds(out, i128::from(self.0));
    }
}

/// As exact seconds, without the digits that a division in binary would add.
fn milliseconds(out: &mut Vec<u8>, ms: i128) {
    if ms < 0 {
        out.push(b'-');
    }
    // The size of any sum of 64 bits fits.
    let size = u64::try_from(ms.unsigned_abs()).unwrap_or(u64::MAX);
    (size / 1000).write(out);
    let rest = size % 1000;
    if rest != 0 {
        out.extend_from_slice(if rest < 10 {
            b".00"
        } else if rest < 100 {
            b".0"
        } else {
            b"."
        });
        rest.write(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    fn written(value: impl Value) -> String {
        let mut out = Vec::new();
        value.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_what_parsers_expect() {
        assert_eq!(written(f64::INFINITY), "+Inf");
        assert_eq!(written(f64::NEG_INFINITY), "-Inf");
        assert_eq!(written(f64::NAN), "NaN");
        assert_eq!(written(0.25), "0.25");
        assert_eq!(written(1e300), "1e300");
        assert_eq!(written(5e-324), "5e-324");
        assert_eq!(written(-0.0), "-0");
    }

    #[test]
    fn times_are_exact_seconds() {
        assert_eq!(written(Timestamp(1_763_700_000_007)), "1763700000.007");
        assert_eq!(written(Timestamp(-1_500)), "-1.500");
        assert_eq!(written(Span(90_000)), "90");
        assert_eq!(written(Timestamp(i64::MIN)), "-9223372036854775.808");
    }

    #[test]
    fn control_characters_are_spaces() {
        let mut out = Vec::new();
        escape(&mut out, "a\0b\r\"\\\n\u{85}ü");
        assert_eq!(String::from_utf8(out).unwrap(), "a b \\\"\\\\\\n ü");
    }
}
