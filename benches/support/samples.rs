//! Samples of an exposition.

pub(crate) struct Samples(String);

impl Samples {
    pub(crate) fn new(body: Vec<u8>) -> Self {
        Self(String::from_utf8_lossy(&body).into_owned())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The sum over all labels of a family; zero if it is not there.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.of(name).map(|(_, value)| value).sum()
    }

    /// Buckets of a histogram over all other labels: upper bound and count up to it, ascending.
    pub(crate) fn buckets(&self, name: &str) -> Vec<(f64, f64)> {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for (labels, value) in self.of(&format!("{name}_bucket")) {
            let bound = labels.split("le=\"").nth(1).and_then(|rest| rest.split('"').next());
            let Some(bound) = bound.and_then(|bound| bound.parse::<f64>().ok()) else { continue };
            match buckets.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, count)) => *count += value,
                None => buckets.push((bound, value)),
            }
        }
        buckets.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        buckets
    }

    /// Labels and value of each sample of exactly this name.
    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        let lines = self.0.lines().filter_map(move |line| line.strip_prefix(name));
        let exact = lines.filter(|rest| rest.starts_with(['{', ' ']));
        exact.filter_map(|rest| {
            let (labels, value) = rest.rsplit_once(' ')?;
            Some((labels, value.parse().ok()?))
        })
    }
}

/// The quantile as Prometheus estimates it: linear inside its bucket.
pub(crate) fn quantile(before: &[(f64, f64)], after: &[(f64, f64)], q: f64) -> f64 {
    let grown = |at: usize| {
        let old = before.get(at).map_or(0.0, |(_, count)| *count);
        after.get(at).map_or(0.0, |(_, count)| *count - old)
    };
    let wanted = grown(after.len().saturating_sub(1)) * q;
    let (mut lower, mut below) = (0.0, 0.0);
    for (at, (bound, _)) in after.iter().enumerate() {
        let count = grown(at);
        if count >= wanted {
            let share = if count > below { (wanted - below) / (count - below) } else { 1.0 };
            return if bound.is_finite() { lower + (bound - lower) * share } else { lower };
        }
        (lower, below) = (*bound, count);
    }
    lower
}
