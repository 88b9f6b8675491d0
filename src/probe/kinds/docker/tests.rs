//! Without an engine.
