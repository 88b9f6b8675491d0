//! Where a probe that listens to its target says what it hears.

/// What came to an ear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// From now on changes are heard.
    Listening,
    /// Something has changed, or may have: whoever looks at it should look again.
    Change,
}

/// Lent to `Probe::listen`. It says only that something changed, never what: a look at the target
/// decides what that means.
pub struct Changes(Box<dyn Fn(Heard) + Send + Sync>);

impl Changes {
    /// `hear` must not block.
    pub fn new(hear: impl Fn(Heard) + Send + Sync + 'static) -> Self {
        Self(Box::new(hear))
    }

    /// To be called once the target will tell of every change that is still to come.
    pub fn listening(&self) {
        (self.0)(Heard::Listening);
    }

    pub fn change(&self) {
        (self.0)(Heard::Change);
    }
}
