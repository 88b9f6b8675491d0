//! Small files: median under 150 lines, 95th percentile under 420, none over 600, tests aside.

use crate::source;

#[test]
fn files_stay_small() {
    let mut sizes: Vec<(usize, String)> = source::all()
        .into_iter()
        .filter(|file| !file.is_test())
        .map(|file| (file.production().lines().count(), file.path))
        .collect();
    sizes.sort_unstable();
    let at = |percent: usize| sizes[(sizes.len() - 1) * percent / 100].0;
    let largest = sizes.last().expect("files");
    assert!(at(50) < 150, "median {}", at(50));
    assert!(at(95) < 420, "95th percentile {}", at(95));
    assert!(largest.0 <= 600, "{} has {} lines", largest.1, largest.0);
}

#[test]
fn no_file_is_named_after_nothing() {
    for file in source::all() {
        let name = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        for banned in ["util", "utils", "helper", "helpers", "manager", "common", "misc"] {
            assert_ne!(name, banned, "{}: say what it is", file.path);
        }
    }
}
