//! Finds what is under test, and says what to do when it is not there.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The built binary `countersign`.
pub(crate) fn binary() -> PathBuf {
    built("countersign", "cargo build")
}

/// The built example `name`.
pub(crate) fn example(name: &str) -> PathBuf {
    built(name, &format!("cargo build --package {name}"))
}

/// Runs the binary to its end with nothing on its standard input.
pub(crate) fn countersign(words: &[&str]) -> Output {
    Command::new(binary())
        .args(words)
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts")
}

/// Whether the tool `name` is installed: says so loudly when it is not, and is a failure in CI.
pub(crate) fn tool(name: &str) -> bool {
    let found = Command::new(name)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !found {
        assert!(
            env::var_os("CI").is_none(),
            "CI must have `{name}` installed"
        );
        eprintln!("SKIPPED: `{name}` is not installed here, so this test shows nothing");
    }
    found
}

fn built(name: &str, remedy: &str) -> PathBuf {
    let mut folder = env::current_exe().expect("a test knows its own path");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let path = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(
        path.is_file(),
        "{} is not built; run `{remedy}` first",
        path.display()
    );
    path
}
