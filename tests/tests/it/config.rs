//! A configuration that is not right is refused at start: where, in which flow, and what to do.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::support::countersign;

const SECRET: &str = "a-secret-that-must-never-be-printed";

/// What is wrong, the file, the line it is on, and words that the message must say.
struct Bad {
    what: &'static str,
    text: String,
    line: usize,
    says: &'static [&'static str],
}

fn bad() -> Vec<Bad> {
    let auth = format!(
        "auth = {{ mode = \"signature\", scheme = \"designer-cloud\", keys = [{{ secret = \"{SECRET}\" }}] }}"
    );
    let flow = |id: &str, rest: &str| format!("[[flows]]\nid = \"{id}\"\n{rest}\n");
    let with_secret = |secret: &str| {
        flow(
            "orders",
            &format!(
                "auth = {{ mode = \"signature\", scheme = \"designer-cloud\", keys = [{{ secret = {secret} }}] }}"
            ),
        )
    };
    vec![
        Bad {
            what: "an unknown key in a table",
            text: "[ingress]\nlisten = \"127.0.0.1:0\"\nlissten = \"x\"\n".to_owned(),
            line: 3,
            says: &["lissten"],
        },
        Bad {
            what: "an unknown key in a flow",
            text: flow("orders", &format!("{auth}\nstep = []")),
            line: 4,
            says: &["step"],
        },
        Bad {
            what: "an unknown table",
            text: "[ingres]\n".to_owned(),
            line: 1,
            says: &["ingres"],
        },
        Bad {
            what: "not TOML",
            text: "[ingress]\nlisten = \n".to_owned(),
            line: 2,
            says: &[],
        },
        Bad {
            what: "an empty secret",
            text: with_secret("\"\""),
            line: 3,
            says: &["orders", "empty"],
        },
        Bad {
            what: "a short secret",
            text: with_secret("\"sh0rt-one\""),
            line: 3,
            says: &["orders", "16", "allow_weak_secret"],
        },
        Bad {
            what: "a secret from a variable that is not set",
            text: with_secret("{ env = \"COUNTERSIGN_TEST_NOT_SET\" }"),
            line: 3,
            says: &["orders", "COUNTERSIGN_TEST_NOT_SET"],
        },
        Bad {
            what: "a secret from a file that is not there",
            text: with_secret("{ file = \"/nowhere/at/all\" }"),
            line: 3,
            says: &["orders", "/nowhere/at/all"],
        },
        Bad {
            what: "no auth",
            text: flow("orders", "steps = []"),
            line: 2,
            says: &["orders", "auth"],
        },
        Bad {
            what: "no keys",
            text: flow(
                "orders",
                "auth = { mode = \"signature\", scheme = \"github\", keys = [] }",
            ),
            line: 3,
            says: &["orders", "key"],
        },
        Bad {
            what: "an unknown scheme",
            text: flow("orders", &auth.replace("designer-cloud", "designer-clowd")),
            line: 3,
            says: &["orders", "designer-clowd", "designer-cloud"],
        },
        Bad {
            what: "an unknown mode",
            text: flow("orders", "auth = { mode = \"sig\" }"),
            line: 3,
            says: &["orders", "signature", "basic", "api_key", "none"],
        },
        Bad {
            what: "two flows with one id",
            text: format!("{}{}", flow("orders", &auth), flow("orders", &auth)),
            line: 5,
            says: &["orders"],
        },
        Bad {
            what: "both steps and forward",
            text: flow(
                "orders",
                &format!(
                    "{auth}\nforward = \"http://127.0.0.1:1\"\nsteps = [{{ name = \"a\", url = \"http://127.0.0.1:1\" }}]"
                ),
            ),
            line: 4,
            says: &["orders", "steps", "forward"],
        },
        Bad {
            what: "two steps with one name",
            text: flow(
                "orders",
                &format!(
                    "{auth}\nsteps = [\n{{ name = \"a\", url = \"http://127.0.0.1:1\" }},\n{{ name = \"a\", url = \"http://127.0.0.1:2\" }},\n]"
                ),
            ),
            line: 6,
            says: &["orders", "a"],
        },
        Bad {
            what: "an id that no URL should have",
            text: flow("or/ders", &auth),
            line: 2,
            says: &["or/ders"],
        },
        Bad {
            what: "a URL with credentials",
            text: flow(
                "orders",
                &format!(
                    "{auth}\nsteps = [{{ name = \"a\", url = \"http://user:pass@127.0.0.1/\" }}]"
                ),
            ),
            line: 4,
            says: &["orders"],
        },
        Bad {
            what: "a URL that is none",
            text: flow(
                "orders",
                &format!("{auth}\nsteps = [{{ name = \"a\", url = \"ftp://127.0.0.1/\" }}]"),
            ),
            line: 4,
            says: &["orders", "http"],
        },
        Bad {
            what: "a GET flow without a public URL",
            text: flow("orders", &format!("{auth}\nmethods = [\"GET\"]")),
            line: 4,
            says: &["orders", "public_url"],
        },
        Bad {
            what: "a window on a scheme without a time",
            text: flow(
                "orders",
                &format!(
                    "{}\nwindow = \"5m\"",
                    auth.replace("designer-cloud", "github")
                ),
            ),
            line: 4,
            says: &["orders", "window"],
        },
        Bad {
            what: "a duration without a unit",
            text: flow("orders", &format!("{auth}\nwindow = \"300\"")),
            line: 4,
            says: &["orders", "window"],
        },
        Bad {
            what: "an answer that is not a 2xx",
            text: flow("orders", &format!("{auth}\nresponse = {{ status = 404 }}")),
            line: 4,
            says: &["orders", "404"],
        },
        Bad {
            what: "one delay and several",
            text: "[delivery]\nretry_delay = \"1s\"\nretry_delays = [\"1s\", \"2s\"]\n".to_owned(),
            line: 2,
            says: &["retry_delay", "retry_delays"],
        },
    ]
}

#[test]
fn a_bad_configuration_is_refused_with_its_line_its_flow_and_what_to_do() {
    let mut wrong = Vec::new();
    for Bad {
        what,
        text,
        line,
        says,
    } in bad()
    {
        let (_folder, path) = written(&text);
        for command in [&["serve", "--config"][..], &["config", "check"]] {
            let words: Vec<&str> = command
                .iter()
                .copied()
                .chain([path.to_str().unwrap()])
                .collect();
            let output = countersign(&words);
            let said = format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            let place = format!("{}:{line}", path.display());
            let mut missing: Vec<&str> = says
                .iter()
                .copied()
                .filter(|word| !said.contains(word))
                .collect();
            if !said.contains(&place) {
                missing.push(&place);
            }
            if !said.contains("help") {
                missing.push("help");
            }
            if output.status.code() != Some(2) || !missing.is_empty() || said.contains(SECRET) {
                wrong.push(format!(
                    "{what}: {:?}, missing {missing:?}, secret printed: {}\n{said}",
                    output.status,
                    said.contains(SECRET)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n---\n"));
}

#[test]
fn a_secret_on_a_bad_line_is_not_printed() {
    for text in [
        format!(
            "[[flows]]\nid = \"orders\"\nauth = {{ mode = \"signature\", scheme = \"github\", keys = [{{ secret = \"{SECRET}\", colour = 1 }}] }}\n"
        ),
        format!(
            "[[flows]]\nid = \"orders\"\nauth = {{ mode = \"signature\", scheme = \"github\", keys = [{{ secret = \"{SECRET}\" }}\n"
        ),
        format!(
            "[[flows]]\nid = \"orders\"\nauth = {{ mode = \"signature\", scheme = \"github\", secret = \"{SECRET}\" }}\n"
        ),
        format!("[[flows]]\nid = \"orders\"\nauth = \"{SECRET}\"\n"),
        format!("[admin]\ntokens = [{{ name = \"ops\", token = \"{SECRET}\", colour = 1 }}]\n"),
        format!(
            "[[flows]]\nid = \"orders\"\nauth = {{ mode = \"basic\", users = [{{ name = \"a\", password = \"{SECRET}\" }}], colour = 1 }}\n"
        ),
    ] {
        let (_folder, path) = written(&text);

        let output = countersign(&["config", "check", path.to_str().unwrap()]);

        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(output.status.code(), Some(2), "{text}\n{said}");
        assert!(!said.contains(SECRET), "{said}");
    }
}

#[test]
fn a_missing_file_is_named() {
    for command in [
        &["serve", "--config", "/nowhere/countersign.toml"][..],
        &["config", "check", "/nowhere/countersign.toml"],
    ] {
        let output = countersign(command);

        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("/nowhere/countersign.toml"), "{said}");
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let (_folder, path) = written(
        "[[flows]]\nid = \"one\"\n\n[[flows]]\nid = \"two\"\nauth = { mode = \"signature\", scheme = \"github\", keys = [{ secret = \"\" }] }\n",
    );

    let output = countersign(&["config", "check", path.to_str().unwrap()]);

    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("flow `one`") && said.contains("flow `two`"),
        "{said}"
    );
}

#[test]
fn the_reference_configuration_is_one_that_loads() {
    let reference = countersign(&["config", "default"]);
    assert!(reference.status.success());
    let (_folder, path) = written(&String::from_utf8(reference.stdout).unwrap());

    let output = countersign(&["config", "check", path.to_str().unwrap()]);

    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_flow_without_auth_says_so_in_words() {
    let (_folder, path) = written("[[flows]]\nid = \"open\"\nauth = { mode = \"none\" }\n");

    let output = countersign(&["config", "check", path.to_str().unwrap()]);

    assert!(
        output.status.success(),
        "written out, it is allowed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn written(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("countersign.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}
