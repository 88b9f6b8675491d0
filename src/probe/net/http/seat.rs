//! A connection that belongs to one user, who asks over it again and again.

use super::exchange::{Answer, Call, Phases, key};
use super::kept::Line;
use crate::probe::net::Clients;
use crate::probe::{ProbeCx, ProbeError};

/// At most one connection, to one peer; empty at first and after an error.
#[derive(Default)]
pub(crate) struct Seat(Option<Line>);

impl Seat {
    pub(super) fn take_back(&mut self, line: Line) {
        self.0 = Some(line);
    }
}

impl Clients {
    /// Makes one exchange over the connection of the seat, or over a fresh one. Nothing that may have
    /// been sent is sent again, so that whoever counts requests counts what the target saw.
    pub(crate) async fn call_from(&self, cx: &ProbeCx, call: &Call<'_>, seat: &mut Seat) -> Result<Answer, ProbeError> {
        let key = key(call)?;
        if let Some(line) = seat.0.take() {
            match self.over(cx, call, &key, line, Phases::default(), true, Some(seat)).await {
                Ok(answer) => return answer,
                Err(failed) if !failed.never_sent => return Err(failed.error),
                Err(_) => {}
            }
        }
        let mut phases = Phases::default();
        let line = self.open(cx, call, &key, &mut phases).await?;
        match self.over(cx, call, &key, line, phases, false, Some(seat)).await {
            Ok(answer) => answer,
            Err(failed) => Err(failed.error),
        }
    }
}
