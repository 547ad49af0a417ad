//! Images.
pub mod erofs;
pub mod layer;
pub mod tree;
