//! Descriptions: what they may say, what is refused, that they print as they are read.

use countersign::{Keyring, Scheme, Secret, Verifier, Weakness};

use crate::support::SECRET;

const MINIMAL: &str = r#"
name = "acme"
sign = "{timestamp}.{body}"
signature = { from = "header:X-Acme-Signature", grammar = { pairs = "," }, encoding = "hex" }
timestamp = { from = "pair:t", unit = "seconds" }
rules = [{ label = "v1", digest = "hmac-sha256" }]
"#;

#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads the files")]
fn every_preset_is_a_file_in_the_language_of_users() {
    let names: Vec<_> = Scheme::preset_names().collect();
    assert!(names.len() >= 88 && names.is_sorted(), "{names:?}");
    for name in names {
        let path = format!("{}/schemes/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let scheme: Scheme =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(scheme.name(), name);
        assert_eq!(Scheme::preset(name), Some(scheme));
    }
    assert_eq!(Scheme::preset("acme"), None);
    assert_eq!(Scheme::presets().count(), Scheme::preset_names().count());
}

#[test]
fn every_preset_prints_as_it_is_read() {
    for scheme in Scheme::presets() {
        let text = toml::to_string(&scheme).unwrap();
        assert_eq!(toml::from_str::<Scheme>(&text).unwrap(), scheme, "{text}");
        let text = serde_json::to_string(&scheme).unwrap();
        assert_eq!(
            serde_json::from_str::<Scheme>(&text).unwrap(),
            scheme,
            "{text}"
        );
    }
}

#[test]
fn a_preset_that_is_outdone_leads_to_one_that_is_there_and_is_not() {
    let better = |scheme: &Scheme| {
        let weaknesses = scheme.weaknesses().into_iter();
        let names = weaknesses.filter_map(|weakness| match weakness {
            Weakness::Outdone(name) => Some(name),
            _ => None,
        });
        names.collect::<Vec<_>>()
    };
    let mut outdone = Vec::new();
    for scheme in Scheme::presets() {
        for name in better(&scheme) {
            let other = Scheme::preset(&name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(better(&other), Vec::<String>::new(), "{name}");
            outdone.push(scheme.name().to_owned());
        }
    }
    assert_eq!(outdone, ["cloudinary", "github-sha1", "gitlab", "hubspot"]);
}

#[test]
fn each_weakness_is_told_once_and_as_far_as_it_goes() {
    let told = |name: &str| Scheme::preset(name).unwrap().weaknesses();

    assert_eq!(told("github"), [Weakness::NoTime]);
    assert_eq!(told("vercel"), [Weakness::Sha1, Weakness::NoTime]);
    assert_eq!(told("okta"), [Weakness::Token]);
    assert_eq!(told("stripe"), []);
    let hubspot = told("hubspot");
    assert!(hubspot.contains(&Weakness::TimeInSome) && !hubspot.contains(&Weakness::NoTime));
    for scheme in Scheme::presets() {
        let words: Vec<_> = scheme
            .weaknesses()
            .iter()
            .map(ToString::to_string)
            .collect();
        for (place, one) in words.iter().enumerate() {
            assert!(!words[..place].contains(one), "{} {one}", scheme.name());
            let note = scheme.note().unwrap_or_default().to_lowercase();
            assert!(
                !note.contains(&one.to_lowercase()),
                "{} {one}",
                scheme.name()
            );
        }
    }
}

#[test]
fn what_is_preferred_is_the_name_of_another_scheme() {
    for (name, fits) in [
        ("acme-2", true),
        ("", false),
        (" ", false),
        ("Acme 2", false),
        ("acme", false),
    ] {
        let read = toml::from_str::<Scheme>(&format!("prefer = \"{name}\"\n{MINIMAL}"));
        match read {
            Ok(scheme) => {
                assert!(fits, "{name}");
                let told = scheme.weaknesses()[0].to_string();
                assert_eq!(
                    told,
                    format!("the sender has `{name}` as well, which is better")
                );
            }
            Err(error) => {
                assert!(!fits, "{name}");
                assert!(
                    error.message().contains("`prefer` is the name of another"),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn a_window_is_one_number_or_two() {
    let seconds = |text: &str| {
        let scheme: Scheme = toml::from_str(&format!("{text}\n{MINIMAL}")).unwrap();
        let window = scheme.default_window().unwrap();
        (window.past().as_secs(), window.future().as_secs())
    };

    assert_eq!(seconds(""), (300, 300));
    assert_eq!(seconds("window = 60"), (60, 60));
    assert_eq!(seconds("window = { past = 600, future = 0 }"), (600, 0));
}

/// Each replaces a piece of a good description and is refused with a message that has these words.
const REFUSED: &[(&str, &str, &str)] = &[
    ("name =", "nmae =", "unknown field `nmae`"),
    ("\"acme\"", "\"Acme!\"", "`Acme!` is not a name"),
    ("{body}", "{boddy}", "`{boddy}` is not a word"),
    ("{body}", "{body", "brace"),
    ("{timestamp}.{body}", "{timestamp}.", "covers neither"),
    (
        "{timestamp}.{body}",
        "{body}",
        "the timestamp is read but is not part",
    ),
    (
        "{timestamp}.{body}",
        "{id}.{timestamp}.{body}",
        "no `id` says where",
    ),
    (
        "timestamp = { from = \"pair:t\", unit = \"seconds\" }",
        "",
        "no `timestamp` says where",
    ),
    (
        "sign = \"{timestamp}.{body}\"\n",
        "sign = []\n",
        "there is no message",
    ),
    (
        "sign = \"{timestamp}.{body}\"\n",
        "sign = [{ methods = [], message = \"{timestamp}{body}\" }]\n",
        "there is no method",
    ),
    (
        "sign = \"{timestamp}.{body}\"\n",
        "sign = [{ methods = [\"POST\", \"POST\"], message = \"{timestamp}{body}\" }]\n",
        "method POST has two messages",
    ),
    (
        "sign = \"{timestamp}.{body}\"\n",
        "sign = [{ methods = [\"post\"], message = \"{timestamp}{body}\" }]\n",
        "`post` is not a method",
    ),
    (
        "sign = \"{timestamp}.{body}\"\n",
        "sign = [{ methods = [\"POST\"], message = \"{timestamp}{body}\" }, { methods = [\"GET\"], message = \"{url}\" }]\n",
        "the timestamp is read but is not part",
    ),
    (
        "header:X-Acme-Signature",
        "header:X Acme",
        "`X Acme` is not a header name",
    ),
    (
        "header:X-Acme-Signature",
        "X-Acme-Signature",
        "is not a place",
    ),
    (
        "\"header:X-Acme-Signature\"",
        "\"pair:v1\"",
        "nothing can stand at `pair:v1`",
    ),
    (
        "\"header:X-Acme-Signature\"",
        "[]",
        "an empty list says nothing",
    ),
    (
        "{ pairs = \",\" }",
        "{ pairs = \"=\" }",
        "`=` cannot separate",
    ),
    (
        "{ pairs = \",\" }",
        "{ prefix = \"\" }",
        "cannot stand before a signature",
    ),
    (
        "{ pairs = \",\" }",
        "\"bare\"",
        "nothing can stand at `pair:t`",
    ),
    ("{ pairs = \",\" }", "\"jws\"", "unknown variant `jws`"),
    ("\"hex\"", "\"base32\"", "unknown variant `base32`"),
    ("\"pair:t\"", "\"first\"", "nothing can stand at `first`"),
    (
        "\"pair:t\"",
        "[\"header:a\", \"header:b\"]",
        "different length",
    ),
    (
        "\"pair:t\"",
        "\"header:x-acme-signature\"",
        "carries two elements",
    ),
    ("\"pair:t\"", "\"pair:v1\"", "label `v1` has two meanings"),
    ("\"pair:t\"", "\"pair:\"", "is not a label"),
    ("\"seconds\"", "\"minutes\"", "unknown variant `minutes`"),
    (
        "\"seconds\"",
        "\"seconds\", digits = 13",
        "`digits` is 10 for",
    ),
    (
        "\"seconds\"",
        "\"rfc3339\", digits = 20",
        "no timestamp has 20 digits",
    ),
    ("label = \"v1\", ", "", "a rule has no `label`"),
    ("label = \"v1\"", "label = \"v 1\"", "`v 1` is not a label"),
    (
        "rules = [{ label = \"v1\", digest = \"hmac-sha256\" }]",
        "rules = []",
        "there is no rule",
    ),
    (
        "rules = [{",
        "rules = [{ label = \"v1\", digest = \"hmac-sha512\" }, {",
        "label `v1` has two meanings",
    ),
    ("hmac-sha256", "md5", "unknown variant `md5`"),
    (
        "\"hmac-sha256\"",
        "\"hmac-sha256\", key = { prefix = \"\" }",
        "cannot stand before",
    ),
    (
        "\"hmac-sha256\"",
        "\"hmac-sha256\", key = { padding = 1 }",
        "unknown field `padding`",
    ),
];

#[test]
fn a_description_that_cannot_be_meant_is_refused_with_its_reason() {
    toml::from_str::<Scheme>(MINIMAL).unwrap();
    for (from, to, words) in REFUSED {
        assert!(MINIMAL.contains(from), "{from}");
        let text = MINIMAL.replacen(from, to, 1);
        let error = toml::from_str::<Scheme>(&text).unwrap_err();
        assert!(
            error.message().contains(words),
            "{from} -> {to}: {}",
            error.message()
        );
    }
}

#[test]
fn signatures_without_labels_are_of_one_digest() {
    let text = r#"
        name = "acme"
        sign = "{body}"
        signature = { from = "header:X-Acme", encoding = "hex" }
        rules = [{ digest = "hmac-sha256" }, { digest = "hmac-sha1", key = { prefix = "old_" } }]
    "#;
    let error = toml::from_str::<Scheme>(text).unwrap_err();
    assert!(error.message().contains("several digests"), "{error}");

    let labelled = text.replacen("digest", "label = \"v1\", digest", 1);
    let error = toml::from_str::<Scheme>(&labelled).unwrap_err();
    assert!(error.message().contains("the label `v1`"), "{error}");

    let timed = format!(
        "window = 300\n{}",
        text.replace(
            ", { digest = \"hmac-sha1\", key = { prefix = \"old_\" } }",
            ""
        )
    );
    let error = toml::from_str::<Scheme>(&timed).unwrap_err();
    assert!(error.message().contains("cannot have a window"), "{error}");
}

#[test]
fn a_key_of_no_form_that_the_scheme_knows_is_refused() {
    let text = MINIMAL.replace(
        "\"hmac-sha256\"",
        "\"hmac-sha256\", key = { prefix = \"sk_\" }",
    );
    let scheme: Scheme = toml::from_str(&text).unwrap();

    let error = Verifier::new(&scheme, &Keyring::single(Secret::new(SECRET))).unwrap_err();

    assert!(error.to_string().contains("does not begin like"), "{error}");
}

#[cfg(not(feature = "ed25519"))]
#[test]
fn a_kind_of_key_that_is_not_built_in_is_named() {
    let key = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
    let scheme = Scheme::preset("standard-webhooks").unwrap();

    let error = Verifier::new(&scheme, &Keyring::single(Secret::new(key))).unwrap_err();

    assert!(
        error.to_string().contains("cargo feature `ed25519`"),
        "{error}"
    );
}
