//! Disk by a real Docker engine: figures are exact, and what cannot be asked is lost alone.
#![allow(clippy::unwrap_used, missing_docs)]

mod engine;
mod faults;
mod figures;
mod killed;
mod proxy;
mod scene;
mod shapes;
