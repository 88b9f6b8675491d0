//! The whole program, as somebody runs it.

mod credentials;
mod echoes;
mod hanging;
mod outage;
mod reload;
mod restart;
mod scrape;
mod secrets;
