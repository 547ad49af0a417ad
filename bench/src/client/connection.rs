//! One HTTP/1.1 connection, driven by the task that uses it.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Fault;

type Driver = Pin<Box<http1::Connection<TokioIo<TcpStream>, Full<Bytes>>>>;

/// A kept-alive connection with TCP_NODELAY.
///
/// The usual way is to spawn the connection as a task of its own; then every message wakes two tasks,
/// perhaps on two cores, and the client costs more than what it measures. Here the caller's own task
/// drives the connection while it waits.
pub struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Driver,
    ended: bool,
}

impl Connection {
    /// Connects to `addr`.
    ///
    /// # Errors
    /// [`Fault::Connection`] when nobody listens there.
    pub async fn open(addr: SocketAddr) -> Result<Self, Fault> {
        let broken = |error: std::io::Error| Fault::Connection(error.to_string());
        let stream = TcpStream::connect(addr).await.map_err(broken)?;
        stream.set_nodelay(true).map_err(broken)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(hyper_fault)?;
        Ok(Self { sender, driver: Box::pin(driver), ended: false })
    }

    /// Sends a request and waits for the head of the response.
    ///
    /// # Errors
    /// [`Fault::Connection`] when the connection breaks first.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Fault> {
        let response = self.sender.send_request(request);
        drive(&mut self.driver, &mut self.ended, response).await?.map_err(hyper_fault)
    }

    /// The next piece of a response's body, `None` at its end.
    ///
    /// # Errors
    /// [`Fault::Connection`] when the connection breaks first.
    pub async fn piece(&mut self, body: &mut Incoming) -> Result<Option<Bytes>, Fault> {
        loop {
            match drive(&mut self.driver, &mut self.ended, body.frame()).await? {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame.map_err(hyper_fault)?.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// Whether the server still holds its end open. Nobody drives the connection between two requests,
    /// so a close in that time is seen only when somebody looks.
    pub async fn is_open(&mut self) -> bool {
        if !self.ended {
            let (driver, ended) = (&mut self.driver, &mut self.ended);
            poll_fn(|cx| {
                *ended = driver.as_mut().poll(cx).is_ready();
                Poll::Ready(())
            })
            .await;
        }
        !self.ended && self.sender.is_ready()
    }
}

/// Waits for `work` while moving the connection along.
async fn drive<T>(driver: &mut Driver, ended: &mut bool, work: impl Future<Output = T>) -> Result<T, Fault> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Ok(done));
        }
        if !*ended {
            *ended = driver.as_mut().poll(cx).is_ready();
        }
        // The driver may just have brought what the work waits for.
        match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending if *ended => Poll::Ready(Err(Fault::Connection("closed by the server".to_owned()))),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn hyper_fault(error: hyper::Error) -> Fault {
    Fault::Connection(error.to_string())
}
