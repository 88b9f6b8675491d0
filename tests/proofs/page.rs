//! `docs/proofs.md`: every row with its passing and failing cases, made from the case files.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::cases::{Expected, File, Proof};
use crate::rows::{Row, Shipped};

pub(crate) const PATH: &str = "docs/proofs.md";

const HEAD: &str = "\
# Proofs

Made by `cargo test --test proofs -- --write` from the cases in `tests/proofs/`; do not edit. Each case points the
shipped item at a running component, in order or broken on purpose, and the run fails unless the item says what stands
here. What a row was proved against is counted apart: `real` is the product itself or the host; `recorded` replays what
the product itself once answered (a query of a panel that was not recorded by itself gets the recorded answer to another
one, and times are moved to the present); `double` is a server or program of ours that behaves like one; `written` is
answers written from the documentation of a product that was not at hand. A row that looks at several counts as the
last of them in this order.
";

/// What is counted; none of it may go down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Rows with at least one passing and one failing case, by [`Proof`].
    rows: [usize; Proof::ALL.len()],
    cases: usize,
}

/// The rows of one checklist.
#[derive(Default)]
struct Share {
    rows: usize,
    /// Every kind is built.
    built: usize,
    /// And there is a passing and a failing case.
    proved: usize,
}

/// The proofs of one row.
#[derive(Default)]
struct Proved {
    passes: Vec<String>,
    others: Vec<String>,
    fails: bool,
    blocked: bool,
    proof: Proof,
}

pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) counts: Counts,
    /// Rows that must have cases of both kinds and do not.
    pub(crate) missing: Vec<String>,
    /// Rows that are said to wait and do not, or that are none.
    pub(crate) idle: Vec<String>,
}

/// `waiting`: rows that cannot pass yet, with what they wait for.
pub(crate) fn make(
    files: &[File],
    rows: &[Row],
    shipped: &BTreeMap<String, Shipped>,
    waiting: &BTreeMap<String, String>,
) -> Page {
    let mut proved: BTreeMap<(&str, &str), Proved> = BTreeMap::new();
    let mut counts = Counts::default();
    for file in files {
        for case in &file.cases {
            for (item, expected) in &case.expect {
                let row = proved.entry((&file.checklist, item)).or_default();
                let own = shipped.get(&file.checklist).map_or(Proof::Real, |shipped| shipped.proof(item));
                row.proof = row.proof.max(own).max(file.proof);
                row.add(&case.case, expected);
                counts.cases += 1;
            }
        }
    }
    let (mut missing, mut body) = (Vec::new(), String::new());
    let mut shares: BTreeMap<&str, Share> = BTreeMap::new();
    let mut idle: Vec<String> = waiting.keys().cloned().collect();
    let mut heading = String::new();
    for row in rows {
        let found = proved.get(&(row.checklist, row.item));
        // What is made of the rows it depends on is blocked when one of them fails, and never fails itself.
        let fails = |proved: &Proved| proved.fails || (row.is_composite() && proved.blocked);
        let both = found.is_some_and(|proved| !proved.passes.is_empty() && fails(proved));
        let id = format!("{}/{}", row.checklist, row.item);
        let waits = waiting.get(&id);
        let share = shares.entry(row.checklist).or_default();
        share.rows += 1;
        share.built += usize::from(row.is_built());
        share.proved += usize::from(row.is_built() && both);
        idle.retain(|waits| *waits != id || both || !row.is_built());
        // Of the second checklist, whose rows come with the kinds that they need, those that are there.
        let is_there = shipped.get(row.checklist).is_some_and(|shipped| shipped.has_check(row.item));
        if !both && row.is_built() && (row.checklist == "parallax" || is_there) && waits.is_none() {
            missing.push(id);
        }
        let Some(found) = found else { continue };
        counts.rows[found.proof as usize] += usize::from(both);
        let section = format!("{}: {}", row.checklist, row.section());
        if section != heading {
            let _ = write!(body, "\n## {section}\n\n| row | proof | passes | does not pass |\n|---|---|---|---|\n");
            heading = section;
        }
        let last = row.item.rsplit('.').next().unwrap_or_default();
        let passes = match waits {
            Some(why) if found.passes.is_empty() => format!("waits for {why}"),
            _ => found.passes.join("; "),
        };
        let _ = writeln!(body, "| {last} | {} | {passes} | {} |", found.proof.as_str(), found.others.join("; "));
    }
    let waiting_rows: String = waiting.iter().fold(String::new(), |mut text, (row, why)| {
        let _ = writeln!(text, "| {row} | {why} |");
        text
    });
    let mut text = format!("{HEAD}\n{}\n", counts.line());
    for (checklist, Share { rows, built, proved }) in &shares {
        let _ = write!(text, "\nOf the {rows} rows of {checklist} {built} need only kinds that are built; ");
        let _ = writeln!(text, "{proved} of these are proved both ways, and what the others wait for is told below.");
    }
    if !waiting_rows.is_empty() {
        let _ = write!(text, "\nRows that cannot pass yet:\n\n| row | waits for |\n|---|---|\n{waiting_rows}");
    }
    text += &body;
    Page { text, counts, missing, idle }
}

impl Proved {
    fn add(&mut self, case: &str, expected: &Expected) {
        match expected.state.as_str() {
            "pass" => self.passes.push(case.to_owned()),
            state => {
                self.fails |= state == "fail";
                self.blocked |= state == "blocked";
                let reason = &expected.reason;
                self.others.push(format!("{case}: `{}`", format!("{state} {reason}").trim()));
            }
        }
    }
}

impl Counts {
    pub(crate) fn line(self) -> String {
        let each = |proof: Proof| format!("{} {}", self.rows[proof as usize], proof.as_str());
        let each = Proof::ALL.map(each).join(", ");
        format!("Rows proved both ways: {} ({each}); {} verdicts in all.", self.all(), self.cases)
    }

    /// What a page says of itself. A class that it does not name has no rows.
    pub(crate) fn of(page: &str) -> Self {
        let line = page.lines().find(|line| line.starts_with("Rows proved both ways: ")).unwrap_or_default();
        let words: Vec<&str> = line.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let before = |name: &str| {
            let counted = words.windows(2).filter(|pair| pair[1] == name);
            counted.filter_map(|pair| pair[0].parse().ok()).next().unwrap_or_default()
        };
        Self { rows: Proof::ALL.map(|proof| before(proof.as_str())), cases: before("verdicts") }
    }

    /// What became a stronger proof is no loss.
    pub(crate) fn is_less_than(self, other: Self) -> bool {
        let real = |counts: Self| counts.rows[Proof::Real as usize];
        real(self) < real(other) || self.all() < other.all() || self.cases < other.cases
    }

    fn all(self) -> usize {
        self.rows.iter().sum()
    }
}
