//! Lengths of time as sentences and traces say them.

use std::fmt;
use std::time::Duration;

/// A length of time in words, such as `0.4 ms`, `12 ms`, `2 s`: fine enough for a local answer,
/// round enough to read.
pub fn spoken(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..9_950 => tenths((micros + 50) / 100, " ms"),
        // Numbers are written here and not by `format!`: every run says a few.
        9_950..999_500 => whole((micros + 500) / 1000, " ms"),
        _ => match (micros + 50_000) / 100_000 {
            round if round % 10 == 0 => whole(round / 10, " s"),
            tenth => tenths(tenth, " s"),
        },
    }
}

fn tenths(n: u128, unit: &str) -> String {
    let mut text = whole(n / 10, ".");
    text.push(char::from(b'0' + u8::try_from(n % 10).unwrap_or(0)));
    text.push_str(unit);
    text
}

fn whole(mut n: u128, unit: &str) -> String {
    let mut digits = [0; 40];
    let mut first = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(n % 10).unwrap_or(0);
        first -= 1;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    let mut text = String::with_capacity(16);
    text.push_str(digits.get(first..).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default());
    text.push_str(unit);
    text
}

/// The same for traces: of what took less than a millisecond, microseconds.
pub(crate) struct Took(pub(crate) Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        f.write_str(&if micros < 1000 { whole(micros, " µs") } else { spoken(self.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_well() {
        for (micros, text) in [
            (0, "0.0 ms"),
            (420, "0.4 ms"),
            (9_949, "9.9 ms"),
            (9_950, "10 ms"),
            (12_300, "12 ms"),
            (299_900, "300 ms"),
            (999_499, "999 ms"),
            (999_500, "1 s"),
            (1_999_600, "2 s"),
            (2_340_000, "2.3 s"),
            (3_600_000_000, "3600 s"),
        ] {
            assert_eq!(spoken(Duration::from_micros(micros)), text);
        }
        assert_eq!(spoken(Duration::MAX), "18446744073709551616 s");
        assert_eq!(Took(Duration::from_micros(204)).to_string(), "204 µs");
        assert_eq!(Took(Duration::from_micros(1_204)).to_string(), "1.2 ms");
    }
}
