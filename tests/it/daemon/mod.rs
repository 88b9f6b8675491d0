//! The whole program, as somebody runs it.

mod badge;
mod credentials;
mod echoes;
mod hanging;
mod harmful;
mod outage;
mod reload;
mod remembered;
mod restart;
mod scrape;
mod secrets;
mod service;
