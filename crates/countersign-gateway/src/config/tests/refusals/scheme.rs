//! Schemes that do not hold.

use super::*;

/// A scheme whose one vector says what is not so: the signature is of another body.
const BROKEN: &str = "\
[[schemes]]
name = \"acme\"
sign = \"{body}\"
signature = { from = \"header:acme\", encoding = \"hex\" }
rules = [{ digest = \"hmac-sha256\" }]
[[schemes.vectors]]
name = \"the-first-one\"
genuine = true
secret = \"hunter2-hunter2-hunter2\"
headers = { acme = \"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843\" }
body = \"another\"
now = 1700000000
";

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
fn every_built_in_scheme_that_a_flow_may_name_holds() {
    for name in countersign::Scheme::preset_names() {
        let error = parse(&with_auth(&format!("scheme = \"{name}\", keys = []")))
            .err()
            .unwrap();

        assert!(!error.to_string().contains("does not hold"), "{error}");
    }
}
