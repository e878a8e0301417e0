#![doc = include_str!("../README.md")]

mod accept;
mod admin;
pub mod app;
mod beside;
pub mod cli;
pub mod config;
mod deliver;
mod dispatch;
mod explain;
mod forward;
mod handshake;
mod hop;
mod htpasswd;
mod ingress;
mod keysource;
mod listener;
mod live;
mod log;
mod moment;
mod random;
mod rejections;
mod schedule;
mod tally;
pub mod tasks;
mod warnings;
