//! A scrape: headers, and the samples of all items family by family.

use std::collections::HashSet;
use std::mem;
use std::ops::Deref;

use bytes::Bytes;
use prometheus::proto::MetricFamily;

use super::series::Detail;
use super::table::{FAMILIES, Family, Kind, Level};
use super::{Format, gathered, item, rollup};
use crate::snapshot::Snapshot;

/// A frame is sent when it has this size; it exceeds it by what was being written.
const FRAME: usize = 64 * 1024;
/// Room for the samples of one block of rows, so that a frame is seldom moved while it grows.
const SLACK: usize = 32 * 1024;

/// Writes one scrape. `extra` are the gathered families of the daemon itself; one whose name was
/// written before is left out, because a second header makes scrapers refuse all of it.
///
/// Lazy: each frame is made when it is asked for, so that a slow reader of a big exposition holds
/// one frame and not the whole.
pub fn encode<S, E>(snapshot: S, extra: E, format: Format, detail: Detail) -> Exposition<S, E>
where
    S: Deref<Target = Snapshot>,
    E: AsRef<[MetricFamily]>,
{
    Exposition { snapshot, extra, format, detail, at: At::Family { family: 0, item: 0 }, frame: Vec::new() }
}

/// The frames of a scrape.
#[derive(Debug)]
pub struct Exposition<S, E> {
    snapshot: S,
    extra: E,
    format: Format,
    detail: Detail,
    at: At,
    frame: Vec<u8>,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum At {
    /// The items from `item` on, of one family of `FAMILIES`.
    Family {
        family: usize,
        item: usize,
    },
    Extra,
    Done,
}

impl<S: Deref<Target = Snapshot>, E: AsRef<[MetricFamily]>> Iterator for Exposition<S, E> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.frame.reserve(FRAME + SLACK);
        while self.frame.len() < FRAME {
            match self.at {
                At::Family { family, item } => self.at = self.family(family, item),
                At::Extra => {
                    self.extra();
                    if self.format == Format::OpenMetrics {
                        self.frame.extend_from_slice(b"# EOF\n");
                    }
                    self.at = At::Done;
                }
                At::Done => break,
            }
        }
        (!self.frame.is_empty()).then(|| Bytes::from(mem::take(&mut self.frame)))
    }
}

impl<S: Deref<Target = Snapshot>, E: AsRef<[MetricFamily]>> Exposition<S, E> {
    /// Writes one family until it ends or the frame is full.
    fn family(&mut self, place: usize, from: usize) -> At {
        let Some(family) = FAMILIES.get(place) else { return At::Extra };
        let next = At::Family { family: place + 1, item: 0 };
        if family.level == Level::Daemon || !self.detail.has_family(family.compact) {
            return next;
        }
        if from == 0 {
            header(&mut self.frame, family, self.format);
        }
        let snapshot: &Snapshot = &self.snapshot;
        if family.level == Level::Rollup {
            rollup::write(&mut self.frame, family, snapshot);
            return next;
        }
        for (first, block) in snapshot.rows.blocks_from(from) {
            let end = first + block.len();
            let items = snapshot.plan.items.get(first..end).unwrap_or(&[]);
            item::write(&mut self.frame, family, (block, items), &snapshot.plan, self.detail);
            // Not before a block: a family that stops at item 0 would write its header again.
            if self.frame.len() >= FRAME {
                return At::Family { family: place, item: end };
            }
        }
        next
    }

    fn extra(&mut self) {
        let ours = FAMILIES.iter().filter(|family| family.level != Level::Daemon);
        let mut written: HashSet<&str> = ours.map(|family| gathered::base(family.name)).collect();
        for family in self.extra.as_ref() {
            if written.insert(gathered::base(family.name())) {
                gathered::write(&mut self.frame, family, self.format);
            }
        }
    }
}

fn header(out: &mut Vec<u8>, family: &Family, format: Format) {
    let name = match (format, family.kind) {
        (Format::OpenMetrics, Kind::Counter) => gathered::base(family.name),
        _ => family.name,
    };
    gathered::header(out, name, family.kind.as_str(), family.unit, family.help, format);
}
