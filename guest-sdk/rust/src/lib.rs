//! What a Holdfast guest in Rust needs, with no other crate.
//!
//! A guest is a `cdylib` for `wasm32-unknown-unknown`. It names two functions
//! in [`guest!`]: one that registers its classes while the image is made, and
//! one that makes the [`Handler`] of an instance. Under wasm32 the crate is
//! `no_std` and asks for an allocator; anywhere else the host is [`native`], a
//! small one in memory for tests.

#![cfg_attr(target_arch = "wasm32", no_std)]
#![deny(missing_docs)]

extern crate alloc;

pub mod abi;
pub mod guest;
pub mod host;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
pub mod wire;

pub use guest::{Alarm, Call, Construct, Fetch, Handler, Response};
pub use host::Failure;

/// Exports a guest: `guest!(register, construct)`, where `register` is a
/// `fn()` and `construct` a `fn(&Construct) -> Result<Box<dyn Handler>, Failure>`.
#[macro_export]
macro_rules! guest {
    ($register:expr, $construct:expr) => {
        #[cfg(target_arch = "wasm32")]
        #[no_mangle]
        extern "C" fn _initialize() {
            $register();
        }
        #[cfg(target_arch = "wasm32")]
        #[no_mangle]
        extern "C" fn hf_buffer(len: u32) -> *mut u8 {
            $crate::guest::with(|g| g.buffer(len))
        }
        #[cfg(target_arch = "wasm32")]
        #[no_mangle]
        extern "C" fn hf_event(kind: u32, len: u32) -> u32 {
            $crate::guest::with(|g| g.event(kind, len, $construct))
        }
        #[cfg(target_arch = "wasm32")]
        #[no_mangle]
        extern "C" fn hf_completion(op: u32, status: u32, len: u32) -> u32 {
            $crate::guest::with(|g| g.completion(op, status, len))
        }
        #[cfg(target_arch = "wasm32")]
        #[no_mangle]
        extern "C" fn hf_tick() -> u32 {
            $crate::abi::ANSWER_PUMPED
        }
    };
}
