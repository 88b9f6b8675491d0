//! Quantities as Kubernetes writes them: `500m`, `512Mi`, `1e3`.

/// What one stands for in its base unit; `None` if it is none.
pub(crate) fn quantity(text: &str) -> Option<f64> {
    let digits = text.trim_start_matches(['+', '-']);
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
    let at = text.len() - digits.len() + end;
    let (number, suffix) = text.split_at_checked(at)?;
    let number: f64 = number.parse().ok()?;
    let power = |base: f64, letters: &str, suffix: &str| {
        letters
            .find(suffix)
            .filter(|_| suffix.len() == 1)
            .and_then(|place| i32::try_from(place).ok())
            .map(|n| base.powi(n + 1))
    };
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        binary if binary.ends_with('i') => power(1024.0, "KMGTPE", binary.strip_suffix('i')?)?,
        // `1E3` and `1e3` are a thousand, `1E` is a million of millions of millions.
        exponent if exponent.len() > 1 && exponent.starts_with(['e', 'E']) => {
            10_f64.powi(exponent.get(1..)?.parse().ok().filter(|n| (-30..=30).contains(n))?)
        }
        decimal => power(1e3, "KMGTPE", decimal).filter(|_| decimal != "K")?,
    };
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::quantity;

    #[test]
    fn quantities_are_numbers() {
        for (text, number) in [
            ("1", 1.0),
            ("500m", 0.5),
            ("0.5", 0.5),
            ("512Mi", 536_870_912.0),
            ("1Gi", 1_073_741_824.0),
            ("1Ki", 1024.0),
            ("2k", 2000.0),
            ("1M", 1e6),
            ("1E", 1e18),
            ("1e3", 1000.0),
            ("15E-1", 1.5),
            ("-1Ki", -1024.0),
        ] {
            assert_eq!(quantity(text), Some(number), "{text}");
        }
        for text in ["", "m", "1K", "1 Gi", "1Gib", "1.2.3", "Gi", "1e99", "1i", "ä", "1ä"] {
            assert_eq!(quantity(text), None, "{text}");
        }
    }
}
