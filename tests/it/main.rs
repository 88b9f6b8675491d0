<<<<<<< HEAD
//! The one integration binary: everything that needs the whole program, a real server, or the
//! source tree.

mod daemon;
mod layers;
mod metrics;
mod sizes;
mod source;
=======
//! The one integration binary.

mod probes;
>>>>>>> kinds
mod support;
