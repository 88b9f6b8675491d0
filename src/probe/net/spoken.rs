//! Lengths of time as sentences say them.

use std::time::Duration;

/// Such as `0.4 ms`, `12 ms`, `2 s`: fine enough for a local answer, round enough to read.
pub fn spoken(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if milliseconds < 9.95 {
        format!("{milliseconds:.1} ms")
    } else if milliseconds < 999.5 {
        format!("{milliseconds:.0} ms")
    } else {
        let seconds = format!("{:.1}", milliseconds / 1000.0);
        format!("{} s", seconds.trim_end_matches(".0"))
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
            (12_300, "12 ms"),
            (299_900, "300 ms"),
            (1_999_600, "2 s"),
            (2_340_000, "2.3 s"),
        ] {
            assert_eq!(spoken(Duration::from_micros(micros)), text);
        }
    }
}
