//! Sockets of this machine that have a path instead of a port.

use std::io::ErrorKind;
use std::path::Path;

use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};

use super::{Clients, Took, from_io, spoken};
use crate::model::Reason;
use crate::probe::{ProbeCx, ProbeError};

impl Clients {
    /// Connects within the deadline of the run. A missing socket means that its server does not run,
    /// and a missing folder that it is not to be found where this process looks.
    pub(crate) async fn dial_local(&self, cx: &ProbeCx, path: &Path) -> Result<UnixStream, ProbeError> {
        let (what, begun) = (path.display().to_string(), Instant::now());
        let budget = cx.remaining();
        let connected = timeout_at(cx.deadline(), UnixStream::connect(path)).await.map_err(|_| {
            let text = format!("{what} did not accept the connection within {}", spoken(budget));
            ProbeError::target(Reason::Timeout, text)
        })?;
        let stream = connected.map_err(|error| match error.kind() {
            ErrorKind::NotFound if path.parent().is_some_and(Path::is_dir) => {
                ProbeError::target(Reason::Unreachable, format!("there is no socket {what}: nothing listens there"))
            }
            ErrorKind::NotFound => {
                ProbeError::unconfigured(format!("there is no socket {what}, nor a folder in which it could be"))
            }
            ErrorKind::PermissionDenied => {
                let text = format!("the exporter is not permitted to open the socket {what}");
                ProbeError::observer(Reason::PermissionDenied, text)
            }
            _ => from_io(&error, &what),
        })?;
        cx.note("connect", format_args!("{what} in {}", Took(begun.elapsed())));
        Ok(stream)
    }
}
