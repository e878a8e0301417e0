//! The SDKs that the interop tests talk to, installed into `.tools/interop` once for each change of what is pinned.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

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
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))
        .context("python3 cannot make an environment for the SDKs of PyPI")?;
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-compile"])
        .args(["--disable-pip-version-check", "--only-binary", ":all:"])
        .arg("-r")
        .arg(pinned.join("requirements.txt"));
    patiently(|| run(&mut pip)).context("the SDKs of PyPI are not installed")?;
    for name in NPM {
        fs::copy(pinned.join(name), tools.join(name))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&tools);
    patiently(|| run(&mut npm)).context("the SDKs of npm are not installed")?;
    // Last: with it there, the tests take everything else to be there.
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Tries again where it fails, since a network does now and then.
fn patiently(mut work: impl FnMut() -> Result<()>) -> Result<()> {
    for pause in PAUSES {
        match work() {
            Ok(()) => return Ok(()),
            Err(error) => eprintln!("    {error:#}; again in {} s", pause.as_secs()),
        }
        thread::sleep(pause);
    }
    work()
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

const PAUSES: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(15)];
const NPM: [&str; 2] = ["package.json", "package-lock.json"];
