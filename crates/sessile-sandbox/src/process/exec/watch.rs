//! Watching a command until it has ended.

use super::start::{LAST_BREATH, Parent, Started};
use crate::Exit;
use crate::exec::{Exec, ExecError, ExecGrip, Streams, WindowSize};
use crate::readiness;
use rustix::termios::{Winsize, tcsetwinsize};
use sessile_link::{FromExec, Inbox, ServerEnd};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as BlockingStream;
use std::sync::Arc;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio::sync::{Notify, watch};

/// What the handle and the watch over its command share.
struct Control {
    link: BlockingStream,
    terminal: Option<OwnedFd>,
    /// Somebody wants it to end.
    dismissed: Notify,
}

impl ExecGrip for Control {
    fn resize(&self, WindowSize { rows, columns }: WindowSize) {
        if let Some(terminal) = &self.terminal {
            // Fails once the terminal is gone, and nobody is there to mind.
            let _ = tcsetwinsize(terminal, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 });
        }
    }

    fn kill(&self) {
        Parent::dismiss(&self.link);
        self.dismissed.notify_one();
    }
}

/// Begins to watch over `started`, and gives out its handle.
pub(super) fn watch_over(started: Started) -> Result<Exec, ExecError> {
    let Started { parent, inbox, streams } = started;
    let host = |error: io::Error| ExecError::host("watch the command")(error);
    let terminal = match &streams {
        Streams::Terminal(terminal) => Some(terminal.try_clone().map_err(host)?),
        Streams::Pipes(_) => None,
    };
    let link = parent.link.try_clone().map_err(host)?;
    let control = Arc::new(Control { link, terminal, dismissed: Notify::new() });
    parent.link.set_nonblocking(true).map_err(host)?;
    let link = UnixStream::from_std(parent.link.try_clone().map_err(host)?).map_err(host)?;
    let ended = readiness::watch(parent.process.handle().map_err(host)?).map_err(host)?;
    let watch = Watch { parent, ended, link, inbox, control: Arc::clone(&control) };
    let (say_ended, ended) = watch::channel(None);
    // It ends by itself soon after the command does. If the tokio runtime goes first, dropping it kills the command all the same.
    tokio::spawn(async move {
        let exit = watch.until_gone().await;
        let _ = say_ended.send(Some(exit));
    });
    Ok(Exec::new(streams, control, ended))
}

/// The watch over one command.
struct Watch {
    parent: Parent,
    ended: AsyncFd<OwnedFd>,
    link: UnixStream,
    inbox: Inbox<FromExec>,
    control: Arc<Control>,
}

impl Watch {
    async fn until_gone(mut self) -> Exit {
        let mut exit = Exit::Lost;
        let mut listening = true;
        loop {
            tokio::select! {
                _ = self.ended.readable() => break,
                ready = self.link.readable(), if listening => {
                    listening = ready.is_ok() && hear(&self.link, &mut self.inbox, &mut exit);
                }
                () = self.control.dismissed.notified() => {
                    // What hangs is killed; its child has been told to go with it.
                    if tokio::time::timeout(LAST_BREATH, self.ended.readable()).await.is_err() {
                        self.parent.process.kill();
                    }
                }
            }
        }
        // Its last word may have come together with its end.
        hear(&self.link, &mut self.inbox, &mut exit);
        self.parent.process.reap();
        exit
    }
}

/// Takes in what is there. `false` once there will be no more.
fn hear(link: &UnixStream, inbox: &mut Inbox<FromExec>, exit: &mut Exit) -> bool {
    let mut bytes = [0; 1024];
    loop {
        match link.try_read(&mut bytes) {
            Ok(0) => return false,
            Ok(count) => inbox.push(bytes.get(..count).unwrap_or_default()),
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
        loop {
            match inbox.next() {
                Ok(Some(FromExec::Ended(ServerEnd::Code(code)))) => *exit = Exit::Code(code),
                Ok(Some(FromExec::Ended(ServerEnd::Signal(signal)))) => *exit = Exit::Signal(signal),
                Ok(Some(FromExec::Started | FromExec::Refused(_))) => {}
                Ok(None) => break,
                Err(_) => return false,
            }
        }
    }
}
