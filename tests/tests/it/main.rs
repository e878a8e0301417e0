//! Drives the real binary from outside: sockets, signals, files.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accept;
mod auth;
mod certificates;
mod cli;
mod config;
mod crash;
mod deliver;
mod events;
mod examples;
mod forward;
mod handshakes;
mod interop;
mod keys;
mod logs;
mod overload;
mod perf;
mod quickstart;
mod refuse;
mod refused_page;
mod rejections;
mod repeat;
mod replays;
mod schemes;
mod shutdown;
mod slow;
mod store;
mod support;
