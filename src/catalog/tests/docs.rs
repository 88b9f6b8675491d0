//! The examples of the manual load.

use super::{compiled, load_text};
use crate::diag::{Palette, human};

/// The blocks marked `yaml` in `docs/catalogue.md` whose first line is `# complete`.
fn examples() -> Vec<String> {
    let text = std::fs::read_to_string("docs/catalogue.md").unwrap();
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.starts_with("# complete")).map(str::to_owned).collect()
}

#[test]
fn complete_examples_load_without_a_word() {
    let examples = examples();
    assert!(examples.len() >= 3);
    for example in examples {
        compiled(&example);
        let report = load_text(&example).report;
        assert!(report.diagnostics.is_empty(), "{}", human(&report, Palette::Plain));
    }
}
