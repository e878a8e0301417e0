//! The steps that `countersign --help` shows a beginner, one after the other.

use std::fs;
use std::process::{Command, Output};

use crate::support::{Process, Setup, binary, countersign};

const SECRET: &str = "a secret for the quick start";
const TOKEN: &str = "a token for the quick start";

#[test]
fn the_steps_of_the_help_work_as_they_stand() {
    let help = countersign(&["--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    for step in [
        "export ORDERS_SECRET=",
        "export COUNTERSIGN_TOKEN=",
        "countersign config example > countersign.toml\n    countersign config check\n    countersign serve\n",
        "countersign send --secret-env ORDERS_SECRET --data '{\"order\":7}' \\\n      http://localhost:8080/hooks/orders\n    countersign events\n",
    ] {
        assert!(help.contains(step), "{help}");
    }
    let setup = Setup::new();
    let run = |words: &[&str]| -> Output { prepared(&setup).args(words).output().unwrap() };

    // Any free port, so that tests can run side by side.
    let example = run(&["config", "example"]).stdout;
    let example = String::from_utf8(example).unwrap();
    let on_any_port = example.replace(":8080", ":0").replace(":8081", ":0");
    assert_ne!(on_any_port, example);
    fs::write(setup.folder().join("countersign.toml"), on_any_port).unwrap();
    let checked = run(&["config", "check"]);
    assert!(checked.status.success(), "{checked:?}");

    let process = Process::start(prepared(&setup).arg("serve"));
    let (ingress, admin) = process.ready();
    let sent = run(&[
        "send",
        "--secret-env",
        "ORDERS_SECRET",
        "--data",
        "{\"order\":7}",
        &format!("http://localhost:{}/hooks/orders", ingress.port()),
    ]);
    let events = run(&[
        "events",
        "--admin",
        &format!("http://127.0.0.1:{}", admin.port()),
    ]);

    assert!(sent.status.success(), "{sent:?}");
    let events = String::from_utf8(events.stdout).unwrap();
    assert!(events.contains("POST /hooks/orders"), "{events}");
}

/// The binary in the beginner's folder, with the two variables of the help.
fn prepared(setup: &Setup) -> Command {
    let mut command = Command::new(binary());
    command
        .current_dir(setup.folder())
        .env("ORDERS_SECRET", SECRET)
        .env("COUNTERSIGN_TOKEN", TOKEN)
        .env_remove("COUNTERSIGN_CONFIG");
    command
}
