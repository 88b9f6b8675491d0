//! The examples of the manual load.

use super::{NOW, builtins};
use crate::catalog::load;
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
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &example).unwrap();
        // With the kinds there are, not with stand-ins: people copy these.
        let loaded = load(file.path(), &builtins(), NOW);
        assert!(loaded.report.diagnostics.is_empty(), "{}", human(&loaded.report, Palette::Plain));
        assert!(loaded.compiled.is_some());
    }
}
