//! Putting a diagnostic together.

use super::{Diagnostic, Label, Severity, Span};

impl Diagnostic {
    pub fn error(code: &'static str, at: impl Into<Span>, message: impl Into<String>) -> Self {
        let label = Label { span: at.into(), text: String::new() };
        Self { code, severity: Severity::Error, message: message.into(), labels: vec![label], help: None }
    }

    pub fn warning(code: &'static str, at: impl Into<Span>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, at, message) }
    }

    /// Says at the place itself what is wrong there.
    pub fn here(mut self, text: impl Into<String>) -> Self {
        if let Some(label) = self.labels.first_mut() {
            label.text = text.into();
        }
        self
    }

    /// A further place that explains the first.
    pub fn also(mut self, at: impl Into<Span>, text: impl Into<String>) -> Self {
        self.labels.push(Label { span: at.into(), text: text.into() });
        self
    }

    /// What to do about it.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }
}
