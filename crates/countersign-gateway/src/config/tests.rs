//! The promises of the configuration, over whole files.

use std::io;
use std::path::Path;

use super::*;

mod fetched;
mod handshakes;
mod keys;
mod proxied;
mod redaction;
mod reference;
mod refusals;
mod values;

/// A secret long enough to be one, that must appear nowhere.
const MARKER: &str = "hunter2-hunter2-hunter2";

/// An environment and files for tests: nothing of the process is read or changed.
const GIVEN: Surroundings = Surroundings {
    file: |path| match path.to_str() {
        Some("/etc/cs/secrets/github" | "/etc/cs/secrets/legacy") => {
            Ok(b"a secret out of a file".to_vec())
        }
        Some("/etc/cs/secrets/htpasswd") => Ok(HTPASSWD.into()),
        Some("/etc/cs/secrets/latin1") => Ok(b"b\xe9a:x\n".to_vec()),
        Some("/etc/cs/secrets/plain") => Ok(b"# users\neve:hunter2-hunter2-hunter2\n".to_vec()),
        Some("/etc/cs/secrets/locked") => Err(io::ErrorKind::PermissionDenied.into()),
        Some("/etc/cs/secrets/pem") => Ok(keys::KEY.replace("\\n", "\n").into()),
        Some("/etc/cs/secrets/line") => Ok(b"a secret out of a file\n".to_vec()),
        Some("/etc/cs/secrets/empty") => Ok(b"\n".to_vec()),
        Some("/etc/cs/good.toml") => Ok(SMALLEST.into()),
        Some("/etc/cs/latin1.toml") => Ok(b"# fine\n# caf\xe9\n".to_vec()),
        Some("/etc/cs/locked.toml") => Err(io::ErrorKind::PermissionDenied.into()),
        _ => Err(io::ErrorKind::NotFound.into()),
    },
    variable: |name| match name {
        "MARKER" => Some(MARKER.into()),
        "SHORT" => Some("hunter2".into()),
        "EMPTY" => Some("".into()),
        "LONG"
        | "ORDERS_SECRET"
        | "BILLING_SECRET"
        | "ACME_SECRET"
        | "META_APP_SECRET"
        | "META_VERIFY_TOKEN"
        | "BASIC_PASSWORD"
        | "BEARER_KEY"
        | "QUERY_KEY"
        | "ARCHIVE_AUTHORIZATION"
        | "COUNTERSIGN_TOKEN" => Some(format!("{name}-0123456789abcdef").into()),
        "ARCHIVE_SECRET" | "ARCHIVE_SECRET_OLD" => {
            Some("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz".into())
        }
        _ => None,
    },
};

/// eve:kept elsewhere
const HTPASSWD: &str = "eve:$2y$04$abcdefghijklmnopqrstuuaxSCn9f1oQabaM6bv7D1taiDa1tu1Ae\n";

const SMALLEST: &str = "[[flows]]\nid = \"open\"\nauth = { mode = \"none\" }\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse_with(text, Path::new("/etc/cs/countersign.toml"), GIVEN)
}

/// A flow with this text in it, and a signature that is in order.
fn signed(rest: &str) -> String {
    format!(
        "[[flows]]\nid = \"orders\"\nauth = {{ scheme = \"designer-cloud\", keys = [{{ secret = {{ env = \"LONG\" }} }}] }}\n{rest}"
    )
}

/// A flow with these keys in its `auth`.
fn with_auth(auth: &str) -> String {
    format!("[[flows]]\nid = \"orders\"\nauth = {{ {auth} }}\n")
}

fn flow(text: &str) -> Arc<Flow> {
    let config = parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Arc::clone(config.flows.first().unwrap())
}

fn steps(flow: &Flow) -> &[Arc<Step>] {
    match &flow.then {
        Then::Queue { steps } => steps,
        Then::Forward(_) => panic!("it forwards"),
    }
}
