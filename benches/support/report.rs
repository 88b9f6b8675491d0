//! Tables, on the terminal and in the document.

use std::path::Path;

use anyhow::{Context, Result};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");

pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(heads: [&str; N]) -> Self {
        Self { rows: vec![heads.map(str::to_owned).to_vec(), vec!["---".to_owned(); N]] }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    fn text(&self) -> String {
        self.rows.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect()
    }
}

/// Prints the table. With `--write` it also takes the place of the one between `<!-- name -->` and
/// `<!-- /name -->` in docs/performance.md.
pub(crate) fn show(name: &str, table: &Table) -> Result<()> {
    let text = table.text();
    println!("\n{name}\n\n{text}");
    if std::env::args().any(|argument| argument == "--write") {
        write(name, &text)?;
    }
    Ok(())
}

fn write(name: &str, text: &str) -> Result<()> {
    let document = super::read(Path::new(DOCUMENT))?;
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = document.split_once(&begin).with_context(|| format!("no {begin}"))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("no {end}"))?;
    std::fs::write(DOCUMENT, format!("{before}{begin}\n{text}\n{end}{after}"))?;
    Ok(())
}

/// The machine, and how the daemon was built.
pub(crate) fn machine() -> Result<Table> {
    let cpu = super::read(Path::new("/proc/cpuinfo"))?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("?", |(_, m)| m);
    let cores = std::thread::available_parallelism()?;
    let memory = super::read(Path::new("/proc/meminfo"))?;
    let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    let gib = total.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap_or(0.0) / f64::from(1 << 20);
    let kernel = super::read(Path::new("/proc/sys/kernel/osrelease"))?;
    let kernel = kernel.split(['-', '+']).next().unwrap_or_default().trim();
    let mut table = Table::new(["cores", "processor", "memory", "kernel", "profile"]);
    let profile = super::daemon::profile().to_owned();
    table.row([cores.to_string(), model.to_owned(), format!("{gib:.0} GiB"), format!("Linux {kernel}"), profile]);
    Ok(table)
}
