//! Asks the upstream proxy for a tunnel.

use tokio::io::AsyncWriteExt;

use crate::policy::Upstream;
use crate::response::ResponseHead;
use crate::stop::Problem;
use crate::target::Target;
use crate::way::Way;

/// Returns once the tunnel is open. The caller bounds the time.
pub(crate) async fn ask(way: &mut Way, upstream: &Upstream, target: &Target) -> Result<(), Problem> {
    let request = upstream.request(target);
    way.outlet.write_all(&request).await.map_err(Problem::Connect)?;
    let head = ResponseHead::receive(&mut way.inlet, false).await.map_err(|_| Problem::UpstreamAnswer)?;
    if (200..300).contains(&head.status) { Ok(()) } else { Err(Problem::Upstream(head.status)) }
}
