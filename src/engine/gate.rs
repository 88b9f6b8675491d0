//! Whether probes that change or load their target may run at all.

use crate::settings;

/// Open only if the global switch is on *and* the watched environment is on the allow-list. The
/// item's own switch is checked beside it.
#[derive(Clone, Debug)]
pub struct Gate {
    open: bool,
}

impl Gate {
    pub(crate) fn new(settings: &settings::Engine) -> Self {
        let listed = settings.mutation_environments.contains(&settings.environment);
        Self { open: settings.allow_mutation && !settings.environment.is_empty() && listed }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_the_switch_and_the_list() {
        let gate = |allow_mutation, environment: &str, list: &[&str]| {
            Gate::new(&settings::Engine {
                allow_mutation,
                environment: environment.to_owned(),
                mutation_environments: list.iter().map(|&name| name.to_owned()).collect(),
                ..Default::default()
            })
            .is_open()
        };
        assert!(gate(true, "staging", &["staging"]));
        assert!(!gate(false, "staging", &["staging"]));
        assert!(!gate(true, "production", &["staging"]));
        assert!(!gate(true, "", &[""]), "an unnamed environment is never allowed");
    }
}
