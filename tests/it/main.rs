//! The one integration binary: a module for each part of the program.

#[cfg(test)]
mod metrics;

#[cfg(test)]
mod store;
