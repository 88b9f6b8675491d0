//! PromQL put together from the table of families, so that a family that is gone does not compile.
//! Labels are held against the table by a test that parses every expression that is written.

use std::fmt::Write;

use crate::families::{Family, table};

/// An item in whatever Prometheus has several exporters of: the job tells deployments apart.
pub(super) const ITEM: &[&str] = &["job", "checklist", "item"];

/// So long a series that is no longer scraped is taken for what it was. Longer than a restart or a
/// gap between scrapes, which must neither end an alert nor start it anew.
pub(super) const HELD: &str = "15m";

#[derive(Clone, Debug)]
pub(super) struct Expr {
    text: String,
    binds: Binds,
}

/// How tightly the outermost operator holds its operands together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Binds {
    /// Comparisons and sets.
    Loosely,
    /// `*` and `/`.
    AsProduct,
    /// There is no operator.
    AsOne,
}

impl Expr {
    /// Every series of the family.
    pub(super) fn family(family: Family) -> Self {
        Self::name(family.name)
    }

    /// The buckets of a histogram.
    pub(super) fn buckets(family: Family) -> Self {
        Self::name(&format!("{}_bucket", family.name))
    }

    /// A recorded series, by its name.
    pub(super) fn name(name: &str) -> Self {
        Self { text: name.to_owned(), binds: Binds::AsOne }
    }

    fn atom(text: String) -> Self {
        Self { text, binds: Binds::AsOne }
    }

    /// Only on a name, or on a name with matchers.
    fn matching(mut self, matcher: &str) -> Self {
        if self.text.ends_with('}') {
            self.text.pop();
            self.text.push_str(", ");
        } else {
            self.text.push('{');
        }
        let _ = write!(self.text, "{matcher}}}");
        self
    }

    pub(super) fn eq(self, label: &str, value: &str) -> Self {
        self.matching(&format!("{label}=\"{value}\""))
    }

    pub(super) fn any<'a>(self, label: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let values: Vec<&str> = values.into_iter().collect();
        self.matching(&format!("{label}=~\"{}\"", values.join("|")))
    }

    /// What the reader of a board has chosen in the variable of the label's name.
    pub(super) fn chosen(self, label: &str) -> Self {
        self.matching(&format!("{label}=~\"${label}\""))
    }

    /// A function of the samples of a range, such as `max_over_time` and `1h`.
    pub(super) fn over(self, function: &str, range: &str) -> Self {
        Self::atom(format!("{function}({}[{range}])", self.text))
    }

    /// A function of all samples of the time that a board shows, the same at each of its points.
    pub(super) fn at_the_end(self, function: &str) -> Self {
        Self::atom(format!("{function}({}[$__range] @ end())", self.text))
    }

    /// A function of one vector.
    pub(super) fn call(self, function: &str) -> Self {
        Self::atom(format!("{function}({})", indented(&self.text)))
    }

    /// An aggregation, such as `max`; without labels, over everything.
    pub(super) fn by(self, function: &str, labels: &[&str]) -> Self {
        if labels.is_empty() {
            return self.call(function);
        }
        Self::atom(format!("{function} by ({}) ({})", labels.join(", "), indented(&self.text)))
    }

    /// One series for each of `labels`, whichever.
    pub(super) fn first_by(self, labels: &[&str]) -> Self {
        Self::atom(format!("topk by ({}) (1, {})", labels.join(", "), self.text))
    }

    /// The estimated quantile of a histogram's buckets.
    pub(super) fn quantile(self, quantile: &str) -> Self {
        Self::atom(format!("histogram_quantile({quantile}, {})", self.text))
    }

    /// What an item is called in labels that name another one: `checklist/item`.
    pub(super) fn full_name(self, label: &str) -> Self {
        Self::atom(format!("label_join({}, \"{label}\", \"/\", \"checklist\", \"item\")", self.text))
    }

    pub(super) fn and(self, on: &[&str], other: Self) -> Self {
        self.set("and", on, other)
    }

    pub(super) fn unless(self, on: &[&str], other: Self) -> Self {
        self.set("unless", on, other)
    }

    pub(super) fn or(self, on: &[&str], other: Self) -> Self {
        self.set("or", on, other)
    }

    /// Both, where their labels differ.
    pub(super) fn or_also(self, other: Self) -> Self {
        let text = format!("{}\nor {}", self.text, other.operand());
        Self { text, binds: Binds::Loosely }
    }

    fn set(self, operator: &str, on: &[&str], other: Self) -> Self {
        let text = format!("{}\n{operator} on ({}) {}", self.chained(), on.join(", "), other.operand());
        Self { text, binds: Binds::Loosely }
    }

    /// Compared with, or reckoned with, a number or another expression without matching.
    pub(super) fn op(self, operator: &str, other: impl Into<Self>) -> Self {
        let binds = if ["*", "/"].contains(&operator) { Binds::AsProduct } else { Binds::Loosely };
        let text = format!("{} {operator} {}", self.at_least(binds), other.into().operand());
        Self { text, binds }
    }

    /// Times an information series: adds its `labels`.
    pub(super) fn with(self, on: &[&str], labels: &[&str], info: Self) -> Self {
        let (on, labels) = (on.join(", "), labels.join(", "));
        let text = format!("{}\n* on ({on}) group_left ({labels}) {}", self.at_least(Binds::AsProduct), info.operand());
        Self { text, binds: Binds::AsProduct }
    }

    /// The family as it is, and as it was within the last [`HELD`] where its exporter is no longer
    /// scraped. One series for each of `labels`, whatever instance it came from; what an exporter
    /// that is scraped no longer shows is gone at once. `of`: by what the current one is preferred.
    pub(super) fn held(self, labels: &[&str], of: &[&str]) -> Self {
        let before = self.clone().before_the_gap().by("max", labels);
        self.by("max", labels).or(of, before)
    }

    /// Only the series of exporters that are not scraped now.
    pub(super) fn before_the_gap(self) -> Self {
        self.over("last_over_time", HELD).unless(&["job", "instance"], Self::family(table::BUILD_INFO))
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn operand(&self) -> String {
        self.at_least(Binds::AsOne)
    }

    /// In parentheses where it binds less than that.
    fn at_least(&self, binds: Binds) -> String {
        // A comparison of a comparison would be read, but not by people.
        let holds = self.binds >= binds && self.binds != Binds::Loosely;
        if holds { self.text.clone() } else { format!("({})", indented(&self.text)) }
    }

    /// The left side of `and` and `unless`, which bind alike and from the left; `or` binds less.
    fn chained(&self) -> String {
        if self.text.contains("\nor on") && self.binds == Binds::Loosely { self.operand() } else { self.text.clone() }
    }
}

impl From<&str> for Expr {
    fn from(number: &str) -> Self {
        Self::name(number)
    }
}

/// Inside parentheses: text of several lines gets lines of its own.
fn indented(text: &str) -> String {
    if text.contains('\n') { format!("\n  {}\n", text.replace('\n', "\n  ")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_are_put_in_parentheses_where_they_must_be() {
        let up = Expr::family(table::READY).op("==", "1");
        assert_eq!(
            up.clone().and(ITEM, up.clone()).text(),
            "readiness_item_ready == 1\nand on (job, checklist, item) (readiness_item_ready == 1)"
        );
        let either = up.clone().or(ITEM, up.clone());
        assert!(either.and(ITEM, up).text().starts_with("(\n  readiness_item_ready == 1\n  or on"));
    }

    #[test]
    fn matchers_are_added_one_after_the_other() {
        let both = Expr::family(table::STATE).eq("state", "fail").any("checklist", ["a", "b"]);
        assert_eq!(both.text(), "readiness_item_state{state=\"fail\", checklist=~\"a|b\"}");
    }
}
