//! Images: the file systems that microVMs start from, built once and shared by every session.
//!
//! A reference ([`ImageRef`]) names a directory of this host, an OCI image layout, or an image of a registry.
//! [`Store::build`] turns it into one erofs file, named by what it was made from, and gives an [`Image`]: a path, and what
//! the image says of the program in it. The next call finds the file there.
//!
//! What it is not: a container engine. It runs nothing of an image, keeps no layers, and pushes nothing.
//!
//! **Trust.** Layers, manifests and registries are hostile input. Bytes are checked against their digests before they are
//! read; layers are merged in memory ([`sessile_erofs::Tree`]), so that no name in them reaches the disk of the host; all that an image
//! may cost is bounded ([`Limits`]); devices, set-user-id bits and capabilities are left out.
//!
//! **Crashes.** An image becomes visible by one rename, after it was synced. What a crash leaves lies in `.staging` and
//! goes with the next [`Store::open`]. A stored file that is no longer what was stored is found when it is opened, if it
//! was written to, and by [`Store::list`] with `verify` in any case.
//!
//! Where to start reading: [`Store::build`] in `store/build.rs`; then `oci.rs` or `directory.rs` (what comes in),
//! `layer/unpack.rs` (how it is merged); what goes out is written by `sessile-erofs`.

mod config;
mod digest;
mod directory;
mod error;
mod image;
pub mod layer;
mod oci;
mod progress;
mod registry;
mod store;

pub use config::ImageConfig;
pub use error::ImageError;
pub use image::Image;
pub use layer::Limits;
pub use progress::{Event, Progress};
pub use registry::{Access, RegistryError};
pub use sessile_manifest::{ImageDigest, ImageRef, LayoutImage, NotAnImage, RegistryRef};
pub use store::{Keep, Pruned, State, Store, Stored};
