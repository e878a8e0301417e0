//! Schemes that do not hold.

use super::*;

/// A scheme whose one vector says what is not so: the signature is of another body.
const BROKEN: &str = "\
[schemes.acme]
sign = \"{body}\"
signature = { from = \"header:acme\", encoding = \"hex\" }
rules = [{ digest = \"hmac-sha256\" }]
[[schemes.acme.vectors]]
name = \"the-first-one\"
genuine = true
secret = \"hunter2-hunter2-hunter2\"
headers = { acme = \"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843\" }
body = \"another\"
now = 1700000000
";

#[test]
fn what_a_scheme_does_not_protect_against_is_told_where_it_is_used() {
    let keys = "keys = [{ secret = { env = \"LONG\" } }]";
    for (scheme, words) in [
        ("cloudinary", Some("a plain hash with the secret in it")),
        ("cloudinary", Some("has `cloudinary-sha256` as well")),
        ("github-sha1", Some("has `github` as well")),
        ("gitlab", Some("has `gitlab-signing` as well")),
        ("hubspot", Some("a plain hash with the secret in it")),
        ("hubspot", Some("has `hubspot-v3` as well")),
        ("gitlab", Some("`gitlab` is weak")),
        ("github", None),
        ("vercel", None),
        ("hubspot-v3", None),
    ] {
        let url = "public_url = \"https://hooks.example.com\"";
        let text = format!(
            "{}{url}\n",
            with_auth(&format!("scheme = \"{scheme}\", {keys}"))
        );
        let warnings = parse(&text).unwrap().warnings;
        let told: Vec<_> = warnings
            .iter()
            .map(|warning| warning.message())
            .filter(|message| message.contains("is weak"))
            .collect();
        match words {
            Some(words) => assert!(told.iter().any(|told| told.contains(words)), "{told:?}"),
            None => assert!(told.is_empty(), "{scheme}: {told:?}"),
        }
    }
}

#[test]
fn a_scheme_that_its_sender_has_outdone_is_told_of_with_the_better_one() {
    let text = with_auth("scheme = \"github-sha1\", keys = [{ secret = { env = \"LONG\" } }]");
    let warnings = parse(&text).unwrap().warnings;
    let told = warnings
        .iter()
        .find(|one| one.message().contains("is weak"));

    assert_eq!(
        told.unwrap().message(),
        "`github-sha1` is weak: the sender has `github` as well, which is better"
    );
    assert!(told.unwrap().help().contains("write `scheme = \"github\"`"));
}

#[test]
fn a_scheme_of_the_file_prefers_one_that_there_is() {
    let (bare, _) = BROKEN.split_once("[[").unwrap();
    let newer = bare.replace("acme", "acme-2");
    for name in ["acme-2", "github"] {
        parse(&format!("{bare}prefer = \"{name}\"\n{newer}")).unwrap();
    }

    let problem = problem(&format!("{bare}prefer = \"acme-3\"\n{newer}"));
    assert_eq!(problem.line(), Some(1));
    assert!(
        problem.message().contains("`prefer` names no scheme"),
        "{}",
        problem.message()
    );
    assert!(problem.help().contains("`acme-2`"));
}

#[test]
fn a_scheme_that_does_not_hold_is_named_with_its_vector_whether_it_is_used_or_not() {
    let used = with_auth("scheme = \"acme\", keys = [{ secret = { env = \"LONG\" } }]");
    for rest in ["", &used] {
        let problem = problem(&format!("{BROKEN}{rest}"));

        assert_eq!(problem.line(), Some(1));
        assert_eq!(
            problem.message(),
            "scheme `acme` does not hold: its vector `the-first-one` is refused: no configured key makes this signature",
        );
        assert!(problem.help().contains("countersign schemes test"));
        assert!(!problem.render(false).contains(MARKER));
    }
}

#[test]
fn a_scheme_that_carries_no_vectors_is_told_of() {
    let (bare, _) = BROKEN.split_once("[[").unwrap();
    let told = |scheme: &str| parse(scheme).unwrap().warnings.into_iter();
    let mut told = told(bare).filter(|warning| warning.line() == Some(1));

    assert_eq!(
        told.next().unwrap().message(),
        "scheme `acme` carries no vectors, so nothing proves it"
    );
    let proven = BROKEN.replace("genuine = true", "genuine = false");
    assert!(
        parse(&proven)
            .unwrap()
            .warnings
            .iter()
            .all(|warning| warning.line() != Some(1))
    );
}

#[test]
fn every_built_in_scheme_that_a_flow_may_name_holds() {
    for name in Scheme::preset_names() {
        let error = parse(&with_auth(&format!("scheme = \"{name}\", keys = []")))
            .err()
            .unwrap();

        assert!(!error.to_string().contains("does not hold"), "{error}");
    }
}

#[test]
fn a_scheme_stands_in_a_table_under_its_name_and_has_none_in_it() {
    let rules = "sign = \"{body}\"\nsignature = { from = \"header:acme\", encoding = \"hex\" }\nrules = [{ digest = \"hmac-sha256\" }]\n";
    refused(&[
        (
            &format!("[schemes.acme]\nname = \"other\"\n{rules}"),
            1,
            "unknown key `name`",
        ),
        (
            &format!("[[schemes]]\nname = \"acme\"\n{rules}"),
            1,
            "expected a table for each scheme",
        ),
        (
            &format!("[schemes.acme]\nsgn = \"{{body}}\"\n{rules}"),
            2,
            "unknown key `sgn`",
        ),
        (
            &format!("[schemes.acme]\n{}", rules.replace("hex", "hexagonal")),
            3,
            "unknown",
        ),
        ("schemes = { acme = \"stripe\" }", 1, "expected"),
    ]);
}

#[test]
fn of_a_scheme_only_what_is_harmless_is_shown() {
    let text = BROKEN.replace("now = 1700000000", "nwo = 1700000000");
    let problem = problem(&text);

    assert_eq!(problem.line(), Some(11));
    assert!(
        !problem.render(false).contains(MARKER),
        "{}",
        problem.render(false)
    );
}

#[test]
fn what_is_wrong_with_a_scheme_is_not_laid_to_the_flow_before_it() {
    let flow = "[[flows]]\nid = \"orders\"\nauth = { mode = \"none\" }\n";
    for (sign, words) in [
        ("sign = \"{body}\"\n", "`signature`"),
        ("sgn = 1\n", "unknown key `sgn`"),
    ] {
        let problem = problem(&format!("{flow}[schemes.acme]\n{sign}"));

        assert_eq!(problem.flow(), None);
        assert!(problem.message().contains(words), "{}", problem.message());
    }
}
