//! What is kept of an object: the fields that somebody needs, and never what may be a secret.

use std::collections::BTreeMap;

use serde_json::Value;

/// Fields to keep, as a tree; without branches everything below is kept. Lists are passed through: the
/// fields of a list are those of each of its elements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keep(BTreeMap<String, Keep>);

/// The last step of a path whose texts are sealed: they can be compared, and are never kept.
const SEALED: &str = "#";
/// Of whoever applied the object; as long as the object, and it may hold what a secret held.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl Keep {
    /// From dotted paths such as `spec.template.spec.containers.name`. A name with dots of its own stands
    /// in brackets: `metadata.annotations[rotated-at/x.y]`.
    pub(super) fn of<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut keep = Self::default();
        for path in paths {
            let mut at = &mut keep;
            for step in steps(path)? {
                at = at.0.entry(step).or_default();
            }
        }
        Ok(keep)
    }

    /// What is kept of a field; `None` if nothing is.
    pub(super) fn below(&self, name: &str) -> Option<&Self> {
        let below = if self.is_all() || self.is_sealed() { Some(self) } else { self.0.get(name) };
        below.filter(|_| name != APPLIED && name != "managedFields" || self.names(name))
    }

    /// Whether all is kept.
    fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether texts are sealed here, and whatever is below.
    pub(super) fn is_sealed(&self) -> bool {
        self.names(SEALED)
    }

    fn names(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// The names on the way to a field.
pub(super) fn steps(path: &str) -> Result<Vec<String>, String> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (step, after) = rest.split_at(end);
        if !step.is_empty() {
            steps.push(step.to_owned());
        }
        rest = match after.strip_prefix('[') {
            Some(inner) => {
                let (name, after) = inner.split_once(']').ok_or_else(|| format!("`{path}` has no end of `[`"))?;
                steps.push(name.to_owned());
                after
            }
            None => after.strip_prefix('.').unwrap_or(after),
        };
    }
    if steps.is_empty() || steps.iter().any(String::is_empty) || path.ends_with('.') || path.contains("..") {
        return Err(format!("`{path}` is no path of fields, such as `spec.replicas`"));
    }
    Ok(steps)
}

/// Everything that a path leads to. Lists on the way are passed through, and one at its end is its elements.
pub(super) fn reached<'a>(value: &'a Value, steps: &[String], into: &mut Vec<&'a Value>) {
    match (value, steps) {
        (Value::Array(items), _) => items.iter().for_each(|item| reached(item, steps, into)),
        (Value::Null, []) => {}
        (value, []) => into.push(value),
        (value, [first, rest @ ..]) => {
            if let Some(below) = value.get(first) {
                reached(below, rest, into);
            }
        }
    }
}

/// About how many bytes a value takes.
pub(super) fn weight(value: &Value) -> usize {
    const EACH: usize = 32;
    match value {
        Value::String(text) => EACH + text.len(),
        Value::Array(items) => items.iter().fold(EACH, |sum, item| sum + weight(item)),
        Value::Object(fields) => fields.iter().fold(EACH, |sum, (key, value)| sum + EACH + key.len() + weight(value)),
        _ => EACH,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::probe::guard::seal::seal;
    use crate::probe::kinds::kubernetes::page::object;

    fn apply(keep: &Keep, value: &Value) -> Value {
        object(value.to_string().as_bytes(), keep).unwrap()
    }

    #[test]
    fn only_what_is_needed_is_kept() {
        let keep = Keep::of(["metadata.name", "spec.containers.ports", "metadata.annotations[a.b/c]"]).unwrap();
        let object = json!({
            "metadata": {"name": "x", "uid": "1", "annotations": {"a.b/c": "y", "d": "z"}},
            "spec": {"containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 1}]}, {"name": "d"}]},
            "status": {"phase": "Running"},
        });
        let kept = json!({
            "metadata": {"name": "x", "annotations": {"a.b/c": "y"}},
            "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 1}]}, {}]},
        });
        assert_eq!(apply(&keep, &object), kept);
    }

    #[test]
    fn what_may_be_a_secret_is_not() {
        let env =
            json!([{"name": "A", "value": "hunter22"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s"}}}]);
        let object = json!({
            "metadata": {"annotations": {APPLIED: "hunter22", "x": "y"}, "managedFields": [{"manager": "hunter22"}]},
            "spec": {"template": {"containers": [{"env": env}]}},
        });
        for paths in [vec![], vec!["metadata", "spec"], vec!["metadata.annotations", "spec.template.containers.env"]] {
            let kept = apply(&Keep::of(paths).unwrap(), &object);
            assert!(!kept.to_string().contains("hunter22"), "{kept}");
            assert!(kept.to_string().contains("secretKeyRef"), "{kept}");
        }
        let named = apply(&Keep::of(["spec.template.containers.env.value"]).unwrap(), &object);
        assert!(!named.to_string().contains("hunter22"), "{named}");
        let told = apply(&Keep::of(["spec.template.containers.env.literal"]).unwrap(), &object);
        assert_eq!(told["spec"]["template"]["containers"][0]["env"], json!([{"literal": seal("hunter22")}, {}]));
        let data = apply(&Keep::of(["data.#"]).unwrap(), &json!({"data": {"A": "hunter22", "B": 22}}));
        assert_eq!(data, json!({"data": {"A": seal("hunter22"), "B": seal("22")}}));
        let asked = apply(&Keep::of(["metadata.managedFields.manager"]).unwrap(), &object);
        assert_eq!(asked, json!({"metadata": {"managedFields": [{"manager": "hunter22"}]}}));
    }

    #[test]
    fn lists_within_objects_are_their_elements() {
        let object = json!({"spec": {"a": [{"n": 1}, {"n": 2}, {}], "b": {"x.y/z": "t"}, "c": null}});
        let found = |path: &str| {
            let mut into = Vec::new();
            reached(&object, &steps(path).unwrap(), &mut into);
            into.into_iter().cloned().collect::<Vec<_>>()
        };
        assert_eq!(found("spec.a"), [json!({"n": 1}), json!({"n": 2}), json!({})]);
        assert_eq!((found("spec.a.n"), found("spec.b[x.y/z]")), (vec![json!(1), json!(2)], vec![json!("t")]));
        assert!(found("spec.c").is_empty() && found("spec.d.e").is_empty());
    }

    #[test]
    fn paths_that_are_none_are_refused() {
        for path in ["", ".", "a.", "a..b", "a[b", "[]"] {
            assert!(Keep::of([path]).is_err(), "{path}");
        }
    }
}
