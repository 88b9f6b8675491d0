//! Plays a script and writes down what happened.

use std::fmt::Write;

use super::language::{item, shorten, shown, time, words};
use crate::core::fixture::{Def, evaluation, id, plan, verdict, waiver};
use crate::core::{Effects, Event, World, explain_with};
use crate::model::{Digest, Effective, ItemId, ItemMemory, Outcome, Reason, Slot, State, Timestamp, Waiver};

#[derive(Default)]
pub(super) struct Stage {
    defs: Vec<Def>,
    waivers: Vec<Waiver>,
    world: Option<World>,
    /// What the store holds while nothing runs.
    stopped: Option<Vec<(ItemId, ItemMemory)>>,
    wake_at: Option<Timestamp>,
    out: String,
}

impl Stage {
    pub(super) fn transcript(&self) -> String {
        self.out.clone()
    }

    pub(super) fn line(&mut self, line: &str) -> Result<(), String> {
        let words = words(line);
        let Some((verb, rest)) = words.split_first().filter(|(verb, _)| !verb.starts_with('#')) else {
            writeln!(self.out, "{line}").unwrap();
            return Ok(());
        };
        writeln!(self.out, "{line}").unwrap();
        match (verb.as_str(), rest) {
            ("item", rest) => {
                let def = item(rest)?;
                match self.defs.iter_mut().find(|known| known.name == def.name) {
                    Some(known) => *known = def,
                    None => self.defs.push(def),
                }
            }
            ("drop", [name]) => self.defs.retain(|def| def.name != *name),
            ("waive", [name, _, waiver_id, _, from, _, to]) => {
                self.waivers.push(waiver(waiver_id, name, time(from)?, time(to)?));
            }
            ("at", [at, rest @ ..]) => return self.happens(time(at)?, rest),
            _ => return Err(format!("cannot read `{line}`")),
        }
        Ok(())
    }

    fn happens(&mut self, at: Timestamp, what: &[String]) -> Result<(), String> {
        if self.world.is_none() && self.stopped.is_none() {
            self.world = Some(World::new(plan(&self.defs, &self.waivers), at));
            self.apply(Event::Tick, at);
        }
        self.pass_time(at);
        let words: Vec<&str> = what.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["pass_time"] => self.apply(Event::Tick, at),
            ["reload"] => self.apply(Event::PlanReplaced(plan(&self.defs, &self.waivers)), at),
            ["stop"] => self.stop(),
            ["restart"] => self.restart(at),
            ["jump", "to", to] => self.apply(Event::ClockJumped { expected: at }, time(to)?),
            ["show", name] => self.show(name)?,
            ["expect", name, state, reason @ ..] => self.expect(name, state, reason.first().copied())?,
            [name, outcome, rest @ ..] => self.runs(at, name, outcome, rest)?,
            _ => return Err("nothing happens".to_owned()),
        }
        Ok(())
    }

    fn pass_time(&mut self, until: Timestamp) {
        while let Some(at) = self.wake_at.filter(|at| *at <= until) {
            self.apply(Event::Tick, at);
            assert!(self.wake_at.is_none_or(|next| next > at), "a wake-up at {} leads to itself", shown(at));
        }
    }

    fn runs(&mut self, at: Timestamp, name: &str, outcome: &str, rest: &[&str]) -> Result<(), String> {
        let outcome = match outcome {
            "pass" => Outcome::Pass,
            "fail" => Outcome::Fail,
            "unknown" => Outcome::Indeterminate,
            other => return Err(format!("`{other}` is no outcome")),
        };
        let (mut times, mut until, mut version) = (1, None, None);
        let mut reason = if outcome == Outcome::Fail { Reason::Refused } else { Reason::Timeout };
        let mut sentence = format!("expected a pass, saw {}", outcome.as_str());
        let mut words = rest.iter();
        while let Some(word) = words.next() {
            let mut next = || words.next().copied().ok_or("a word is missing");
            match *word {
                "of" => reason = Reason::parse(next()?).ok_or("no such reason")?,
                "until" => until = Some(time(next()?)?),
                "version" => version = next()?.parse().ok(),
                word if word.starts_with('x') && word[1..].parse::<u32>().is_ok() => times = word[1..].parse().unwrap(),
                text => text.clone_into(&mut sentence),
            }
        }
        for n in 0..times {
            let world = self.world.as_ref().unwrap();
            let slot = world.plan().slot(&id(name)).ok_or("no such item")?;
            let item = world.plan().item(slot).unwrap().clone();
            let finished = at + item.schedule.interval.times(n);
            self.pass_time(finished);
            let mut said = verdict(outcome, reason, &sentence);
            said.valid_until = until;
            let mut run = evaluation(&item, &said, finished);
            if let Some(version) = version {
                run.probe_digest = Digest(version);
            }
            self.apply(Event::Evaluated(Box::new(run)), finished);
        }
        Ok(())
    }

    fn stop(&mut self) {
        let old = self.world.take().unwrap();
        let memory = |(n, item): (usize, &std::sync::Arc<crate::model::Item>)| {
            (item.id.clone(), ItemMemory::clone(old.memory(Slot(n as u32)).unwrap()))
        };
        self.stopped = Some(old.plan().items.iter().enumerate().map(memory).collect());
        self.wake_at = None;
    }

    fn restart(&mut self, at: Timestamp) {
        if self.stopped.is_none() {
            self.stop();
        }
        self.world = Some(World::new(plan(&self.defs, &self.waivers), at));
        let kept = self.stopped.take().unwrap();
        self.apply(Event::Restored(kept), at);
    }

    fn apply(&mut self, event: Event, at: Timestamp) {
        let Effects { transitions, due, wake_at, removed, dropped, .. } = self.world.as_mut().unwrap().apply(event, at);
        self.wake_at = wake_at;
        let plan = self.world.as_ref().unwrap().plan().clone();
        for change in transitions {
            let from = change.from.map_or("nothing", State::as_str);
            let reason = change.reason.map(|reason| format!("({})", reason.as_str())).unwrap_or_default();
            let (name, to, cause) = (change.item.item(), change.to.as_str(), change.cause.as_str());
            writeln!(self.out, "    {} {name}: {from} -> {to}{reason} by {cause}", shown(at)).unwrap();
            writeln!(self.out, "             {}", shorten(&change.sentence)).unwrap();
        }
        for (slot, due) in due {
            writeln!(self.out, "    {} run {} at {}", shown(at), plan.item(slot).unwrap().id.item(), shown(due))
                .unwrap();
        }
        for gone in removed {
            writeln!(self.out, "    {} removed {}", shown(at), gone.item()).unwrap();
        }
        if dropped {
            writeln!(self.out, "    {} dropped", shown(at)).unwrap();
        }
    }

    fn find(&self, name: &str) -> Result<(Slot, Effective, ItemMemory), String> {
        let world = self.world.as_ref().unwrap();
        let slot = world.plan().slot(&id(name)).ok_or(format!("no item `{name}`"))?;
        Ok((slot, world.effective(slot).unwrap().clone(), ItemMemory::clone(world.memory(slot).unwrap())))
    }

    fn show(&mut self, name: &str) -> Result<(), String> {
        let (slot, one, memory) = self.find(name)?;
        let world = self.world.as_ref().unwrap();
        let look = |slot: Slot| Some((world.effective(slot)?, &**world.memory(slot)?));
        let item = world.plan().item(slot).unwrap();
        let sentence = explain_with(&one, &memory, item, world.plan(), &look);
        let out = &mut self.out;
        write!(out, "    {}", one.state.as_str()).unwrap();
        if let Some(reason) = one.reason {
            write!(out, "({})", reason.as_str()).unwrap();
        }
        write!(out, " since {}", shown(one.since)).unwrap();
        if one.underlying != one.state {
            let reason = one.underlying_reason.map_or("", Reason::as_str);
            write!(out, ", underneath {}({reason})", one.underlying.as_str()).unwrap();
        }
        for (flag, name) in [(one.soft, "soft"), (one.flapping, "flapping")] {
            if flag {
                write!(out, ", {name}").unwrap();
            }
        }
        if let Some(at) = one.regressed_since {
            write!(out, ", regressed since {}", shown(at)).unwrap();
        }
        if let Some(at) = one.next_change_at {
            write!(out, ", changes at {}", shown(at)).unwrap();
        }
        writeln!(out, "; {} runs, {} failed, {} regressions", memory.evaluations, memory.failures, memory.regressions)
            .unwrap();
        writeln!(out, "    {}", shorten(&sentence)).unwrap();
        Ok(())
    }

    fn expect(&self, name: &str, state: &str, reason: Option<&str>) -> Result<(), String> {
        let (_, one, _) = self.find(name)?;
        let seen = one.reason.map(Reason::as_str);
        if one.state.as_str() == state && (reason.is_none() || reason == seen) {
            return Ok(());
        }
        Err(format!("expected {name} {state} {reason:?}, saw {} {seen:?}", one.state.as_str()))
    }
}
