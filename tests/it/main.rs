//! The one integration binary: a module for each part of the program.

mod metrics;
