#![doc = include_str!("../README.md")]

mod accept;
mod admin;
pub mod app;
pub mod cli;
pub mod config;
mod deliver;
mod dispatch;
mod forward;
mod hop;
mod ingress;
mod listener;
mod live;
mod log;
mod moment;
mod random;
mod schedule;
pub mod tasks;
