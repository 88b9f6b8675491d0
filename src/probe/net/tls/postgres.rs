//! PostgreSQL asks for TLS in the clear before it begins.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout_at;

use crate::model::Reason;
use crate::probe::net::from_io;
use crate::probe::{ProbeCx, ProbeError};

/// PostgreSQL's SSLRequest.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// True if TLS may begin on this stream, false if the server does without. Exactly one byte is
/// read: what follows an agreement must be encrypted.
pub(crate) async fn ask_postgres(cx: &ProbeCx, stream: &mut TcpStream, what: &str) -> Result<bool, ProbeError> {
    let asked = timeout_at(cx.deadline(), async {
        stream.write_all(&SSL_REQUEST).await?;
        stream.read_u8().await
    });
    match asked.await {
        Ok(Ok(b'S')) => Ok(true),
        Ok(Ok(b'N')) => Ok(false),
        Ok(Ok(_)) => Err(ProbeError::target(
            Reason::Protocol,
            format!("{what} did not answer the request for TLS as PostgreSQL does"),
        )),
        Ok(Err(error)) => Err(from_io(&error, what)),
        Err(_) => Err(ProbeError::target(
            Reason::Timeout,
            format!("{what} accepted the connection but did not answer the request for TLS in time"),
        )),
    }
}
