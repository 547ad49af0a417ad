//! What a server with an image of its own starts as: the image is all that it sees.

use sessile_images::{Image, Store};
use sessile_manifest::{ImageRef, Kind, Server};
use sessile_sandbox::FileView;
use sessile_sandbox::view::View;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where programs are looked for in an image that does not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is private to each session, whatever the image holds there.
const PRIVATE: [&str; 3] = ["/tmp", "/workspace", "/home/server"];

/// The view of `server`, and its image, which is not removed as long as this is held. Builds the image if it is not there.
pub(super) async fn view_of(server: &Server, image: &ImageRef, state_dir: &Path) -> Result<(View, Image), String> {
    let Kind::Command(command) = &server.kind else {
        return Err("an image goes with `command`".to_owned());
    };
    let store = Store::open(state_dir).map_err(|error| error.to_string())?;
    let image = store.build(image, Arc::new(())).await.map_err(|error| error.to_string())?;
    let config = image.config();
    let mut env: Vec<(String, String)> = [("PATH", PATH), ("HOME", "/home/server"), ("TMPDIR", "/tmp")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let given = command.env.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    for (name, value) in config.env.iter().cloned().chain(given) {
        env.retain(|(known, _)| *known != name);
        env.push((name, value));
    }
    let path = image.path().canonicalize().map_err(|error| format!("{}: {error}", image.path().display()))?;
    let private = PRIVATE.iter().map(|target| FileView::Private { target: target.into() });
    let view = View {
        command: command.command.clone(),
        cwd: config.workdir.as_ref().map_or_else(|| "/workspace".into(), PathBuf::from),
        files: std::iter::once(FileView::CopyOnWrite { source: path, target: "/".into() }).chain(private).collect(),
        env,
        explanation: vec![format!("all of it: image {}, changes end with the session", image.digest())],
        started_in: None,
    };
    Ok((view, image))
}
