//! A copy of a shipped checklist whose items all run every few seconds, and confirm as quickly.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// Writes the copy below `directory` and gives its root file. Conditions, hysteresis and
/// dependencies stay as shipped; only times change.
pub(crate) fn faster(checklist: &str, directory: &Path, interval: &str) -> PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/checklists");
    let head = directory.join(format!("{checklist}.yaml"));
    let mut root = read(&shipped.join(format!("{checklist}.yaml")));
    root["checklists"][checklist]["defaults"] = json!({ "timeout": "2s", "interval": interval });
    write(&head, &root);
    for entry in std::fs::read_dir(shipped.join(checklist)).expect("folder") {
        let path = entry.expect("entry").path();
        let mut file = read(&path);
        let items = file["checklists"][checklist]["items"].as_object_mut().expect("items");
        for item in items.values_mut().filter_map(Value::as_object_mut) {
            for key in ["interval", "retry", "timeout", "fresh_for"] {
                item.remove(key);
            }
            if let Some(check) = item.get_mut("check") {
                without_timeouts(check);
            }
        }
        write(&directory.join(checklist).join(path.file_name().expect("name")), &file);
    }
    head
}

fn without_timeouts(check: &mut Value) {
    match check {
        Value::Array(legs) => legs.iter_mut().for_each(without_timeouts),
        Value::Object(leg) => {
            // Beside the key of a kind, not among its parameters.
            for key in ["all_of", "any_of", "none_of", "at_least"] {
                leg.get_mut(key).into_iter().for_each(without_timeouts);
            }
            leg.remove("timeout");
        }
        _ => {}
    }
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("shipped file");
    let map: Map<String, Value> = serde_saphyr::from_str(&text).expect("shipped file");
    Value::Object(map)
}

/// JSON is YAML.
fn write(path: &Path, value: &Value) {
    std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
    std::fs::write(path, value.to_string()).expect("copy");
}
