//! Feeds every committed corpus file to its target: what was found once stays found.

use std::fs;
use std::path::{Path, PathBuf};

use countersign_fuzz::{TARGETS, has_key, is_genuine, lets_in, shaken, step, token_accepted};

#[test]
fn every_corpus_file_is_survived() {
    let mut files = 0;
    for (name, target) in TARGETS {
        let corpus = listed(&corpora().join(name));
        assert!(!corpus.is_empty(), "fuzz/corpus/{name} has no file");
        for path in corpus {
            println!("{}", path.display());
            target(&fs::read(path).expect("a corpus file can be read"));
            files += 1;
        }
    }
    eprintln!("{files} files replayed");
}

#[test]
fn genuine_seeds_are_accepted_and_no_others() {
    let accepted = |corpus: &str, accepts: fn(&[u8]) -> bool| -> Vec<String> {
        listed(&corpora().join(corpus))
            .into_iter()
            .filter(|path| accepts(&fs::read(path).expect("a corpus file can be read")))
            .map(|path| {
                let name = path.file_name().and_then(|name| name.to_str());
                name.expect("a name").to_owned()
            })
            .collect()
    };

    assert_eq!(
        accepted("signature_headers", is_genuine),
        [
            "github_genuine",
            "native_genuine",
            "native_get",
            "native_spaces_and_unknown_pairs",
            "slack_genuine",
            "standard_webhooks_genuine",
            "standard_webhooks_rotation",
            "stripe_genuine",
            "svix_genuine",
            "workflow_genuine",
        ]
    );
    assert_eq!(
        accepted("key_documents", has_key),
        ["certificate", "one_json_web_key", "public_key", "set"]
    );
    assert_eq!(
        accepted("handshakes", |bytes| shaken(bytes).is_some()),
        [
            "asana_secret",
            "cloudevents_origin",
            "meta_subscription",
            "okta_verification",
            "slack_verification",
            "trello_probe",
            "x_challenge",
            "xero_intent",
        ]
    );
    assert_eq!(
        accepted("basic_credentials", lets_in),
        ["genuine", "lower_case"]
    );
    assert_eq!(
        accepted("json_web_token", |bytes| token_accepted(bytes).is_some()),
        ["es256_genuine", "rs512_detached_genuine"]
    );
    assert_eq!(
        accepted("step_url", |bytes| std::str::from_utf8(bytes)
            .ok()
            .and_then(step)
            .is_some()),
        ["address", "genuine"]
    );
}

#[test]
fn every_corpus_and_every_fuzz_target_belongs_to_a_function() {
    let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));

    for path in listed(&corpora())
        .into_iter()
        .chain(listed(&folder.join("fuzz_targets")))
    {
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name");
        assert!(known.contains(&name), "{} is no target", path.display());
    }
    for name in known {
        assert!(
            folder.join(format!("fuzz_targets/{name}.rs")).is_file(),
            "{name} cannot be fuzzed"
        );
    }
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}
