//! Keys that are fetched, and parameters that bind requests to their receiver.

use super::*;

fn refusal(auth: &str) -> String {
    parse(&with_auth(auth)).unwrap_err().to_string()
}

#[test]
fn a_key_is_fetched_where_the_scheme_says_where_it_is() {
    for auth in [
        "scheme = \"sns\", keys = [{ fetch = true }]",
        "scheme = \"paypal\", parameters = { webhook_id = \"7\" }, keys = [{ id = \"cert\", fetch = true }]",
        "scheme = \"fireblocks\", keys = [{ fetch = true }]",
        "scheme = \"fireblocks\", keys = [{ fetch = \"https://eu-keys.fireblocks.io/.well-known/jwks.json\" }]",
    ] {
        let config = parse(&with_auth(auth)).unwrap_or_else(|error| panic!("{error}"));
        assert!(config.flows[0].policy.auth().fetches_key(), "{auth}");
    }
}

#[test]
fn a_key_that_cannot_be_fetched_is_refused_with_the_reason() {
    const LONG: &str = "secret = { env = \"LONG\" }";
    for (auth, reason) in [
        (
            "scheme = \"github\", keys = [{ fetch = true }]",
            "does not say where keys are",
        ),
        (
            "scheme = \"sns\", keys = [{ fetch = \"https://sns.eu-west-1.amazonaws.com/a.pem\" }]",
            "each request says",
        ),
        (
            "scheme = \"fireblocks\", keys = [{ fetch = \"https://keys.example.com/jwks.json\" }]",
            "is not one that the scheme allows",
        ),
        (
            "scheme = \"sns\", keys = [{ fetch = false }]",
            "neither `true` nor a URL",
        ),
        (
            "scheme = \"sns\", keys = [{ fetch = 1 }]",
            "neither `true` nor a URL",
        ),
        (
            "mode = \"api_key\", keys = [{ fetch = true }]",
            "cannot be fetched",
        ),
    ] {
        let told = refusal(auth);
        assert!(told.contains(reason), "{told}");
    }
    let two = refusal(
        "scheme = \"sns\", keys = [{ id = \"a\", fetch = true }, { id = \"b\", fetch = true }]",
    );
    assert!(two.contains("has to be the only key"), "{two}");
    let both = refusal(&format!(
        "scheme = \"sns\", keys = [{{ fetch = true, {LONG} }}]"
    ));
    assert!(
        both.contains("more than one of `secret`, `sha256` and `fetch`"),
        "{both}"
    );
}

#[test]
fn whoever_shares_a_key_is_warned_until_a_parameter_tells_them_apart() {
    let told = |parameters: &str| {
        let auth = format!("scheme = \"sns\", {parameters} keys = [{{ fetch = true }}]");
        let warnings = parse(&with_auth(&auth)).unwrap().warnings;
        let shared = |warning: &String| warning.contains("AWS signs for all its customers");
        warnings.iter().map(ToString::to_string).find(shared)
    };

    let warning = told("").unwrap();
    assert!(warning.contains("parameters = { topic ="), "{warning}");
    assert_eq!(told("parameters = { topic = \"arn:a\" },"), None);
    assert_eq!(
        told("parameters = { topic = [\"arn:a\", \"arn:b\"] },"),
        None
    );
}

#[test]
fn a_list_is_for_parameters_and_has_texts() {
    let list = refusal("scheme = \"sns\", parameters = { topic = [1] }, keys = [{ fetch = true }]");
    assert!(list.contains("`topic` has what is not a text"), "{list}");
    let other =
        refusal("scheme = \"sns\", parameters = { topics = [\"a\"] }, keys = [{ fetch = true }]");
    assert!(other.contains("`topics`"), "{other}");
    let secret =
        refusal("scheme = \"github\", keys = [{ secret = [\"a secret of some length\"] }]");
    assert!(secret.contains("`secret` is not a text"), "{secret}");
}
