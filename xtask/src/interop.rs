//! The SDKs that the interop tests talk to, installed into `.tools/interop` once for each change of what is pinned.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::step::{output, run, skip, step};

const NAME: &str = "the senders' SDKs";

/// Installs what `tests/interop` pins; without Python, node or a network, CI fails and people are told.
pub(crate) fn install(root: &Path) -> Result<()> {
    if env::var_os("CI").is_some() {
        return step(NAME, || installed(root));
    }
    if let Err(error) = installed(root) {
        skip(NAME, &format!("the interop tests show nothing: {error:#}"));
    }
    Ok(())
}

fn installed(root: &Path) -> Result<()> {
    let pinned = root.join("tests/interop");
    let tools = root.join(".tools/interop");
    let stamp = tools.join("installed");
    let wanted = wanted(&pinned)?;
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    match fs::remove_dir_all(&tools) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot empty {}", tools.display()));
        }
        _ => fs::create_dir_all(&tools)?,
    }
    let venv = tools.join("venv");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    run(Command::new(venv.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--no-compile"])
        .args([
            "--disable-pip-version-check",
            "--only-binary",
            ":all:",
            "-r",
        ])
        .arg(pinned.join("requirements.txt")))?;
    for name in NPM {
        fs::copy(pinned.join(name), tools.join(name))?;
    }
    run(Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&tools))?;
    // Last: with it there, the tests take everything else to be there.
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

/// What an installation depends on: another pin, Python or node makes a new one.
fn wanted(pinned: &Path) -> Result<String> {
    let mut wanted = String::new();
    for program in ["python3", "node"] {
        wanted.push_str(&output(Command::new(program).arg("--version"))?);
    }
    for name in ["requirements.txt"].iter().chain(&NPM) {
        let path = pinned.join(name);
        wanted.push_str(
            &fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?,
        );
    }
    Ok(wanted)
}

const NPM: [&str; 2] = ["package.json", "package-lock.json"];
