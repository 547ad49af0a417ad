//! `sessile images`: the file systems that microVMs start from, built ahead of need, listed, and removed.

mod build;
mod list;
mod prune;

use crate::host::{Failure, plan};
use clap::{Args, Subcommand};
use sessile_images::{ImageError, ImageRef, RegistryError, Store};
use sessile_manifest::{Manifest, Surroundings};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// `sessile images [build REF…|list|prune]`
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct ImagesArgs {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where images are kept [default: node.state_dir of the manifest, else ~/.local/state/sessile]
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// The manifest [default: sessile.toml in this directory, if there is one]
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build images that are not built yet, and print their digests: those named, or all of the manifest
    Build(BuildArgs),
    /// List the images of the store (the default)
    List(ListArgs),
    /// Remove images that were not used for long, that the manifest does not name, and that no session uses
    Prune(PruneArgs),
}

#[derive(Debug, Args)]
struct BuildArgs {
    /// dir:/PATH, oci:/PATH[:TAG|@sha256:…], or HOST/NAME[:TAG][@sha256:…]
    #[arg(value_name = "REF")]
    images: Vec<String>,
}

#[derive(Debug, Default, Args)]
struct ListArgs {
    /// Read every image and check its digest; fails when one is damaged
    #[arg(long)]
    verify: bool,
}

#[derive(Debug, Args)]
struct PruneArgs {
    /// Keep what was used within this time
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = humantime::parse_duration)]
    older_than: Duration,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// Builds, lists or removes images.
pub(crate) async fn images(args: ImagesArgs) -> Result<ExitCode, Failure> {
    let ImagesArgs { command, state_dir, config, json } = args;
    let manifest = config.or_else(found).map(|file| plan::load(&file)).transpose()?;
    let state_dir = match (state_dir, &manifest) {
        (Some(directory), _) => directory,
        (None, Some(manifest)) => manifest.node.state_dir.clone(),
        (None, None) => surroundings()?.default_state_dir().map_err(Failure::Usage)?,
    };
    let store = Store::open(state_dir).map_err(failure)?;
    match command.unwrap_or(Command::List(ListArgs::default())) {
        Command::Build(build) => {
            let images = match (build.images.as_slice(), &manifest) {
                ([], Some(manifest)) => of_manifest(manifest),
                ([], None) => {
                    return Err(Failure::Usage("name an image to build, or a manifest with -c FILE".to_owned()));
                }
                (named, _) => named.iter().map(|text| parse(text)).collect::<Result<_, _>>()?,
            };
            build::build(store, &images, json).await
        }
        Command::List(list) => list::list(&store, list.verify, json),
        Command::Prune(prune) => {
            let named = manifest.as_ref().map(of_manifest).unwrap_or_default();
            prune::prune(&store, prune.older_than, &named, prune.dry_run, json)
        }
    }
}

/// The manifest of this directory. The format of other tools knows no images.
fn found() -> Option<PathBuf> {
    plan::found().filter(|file| file.extension().is_some_and(|extension| extension == "toml"))
}

/// Every image of a manifest, once.
fn of_manifest(manifest: &Manifest) -> Vec<ImageRef> {
    let mut images: Vec<ImageRef> = Vec::new();
    for image in manifest.servers.iter().filter_map(|server| server.image.as_ref()) {
        if !images.contains(image) {
            images.push(image.clone());
        }
    }
    images
}

/// A reference of the command line; paths start from the working directory.
fn parse(text: &str) -> Result<ImageRef, Failure> {
    let image = ImageRef::parse_relative(text).map_err(|error| Failure::Usage(format!("{text:?}: {error}")))?;
    image.resolved(|path| std::path::absolute(path)).map_err(|error| Failure::Usage(format!("{text:?}: {error}")))
}

fn surroundings() -> Result<Surroundings, Failure> {
    let here = std::env::current_dir();
    here.map(Surroundings::of_process)
        .map_err(|error| Failure::Failed(format!("the working directory cannot be read: {error}")))
}

/// With the exit code for whose fault it is.
fn failure(error: ImageError) -> Failure {
    let text = crate::client::one_line(&error.to_string());
    match error {
        ImageError::Registry { source: RegistryError::Credentials { .. }, .. } | ImageError::Unpinned { .. } => {
            Failure::Usage(text)
        }
        ImageError::Store { .. } | ImageError::Full { .. } => Failure::Host(text),
        _ => Failure::Failed(text),
    }
}
