//! Handshakes are answered unless they are turned off; what they need is said, and not shown.

use super::*;

const META: &str = "scheme = \"meta\", keys = [{ secret = { env = \"LONG\" } }]";

fn with_handshake(auth: &str, handshake: &str) -> String {
    format!("{}handshake = {handshake}\n", with_auth(auth))
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn the_handshake_of_the_scheme_is_answered_unless_it_is_turned_off() {
    let slack = "scheme = \"slack\", keys = [{ secret = { env = \"LONG\" } }]";
    let answers = |text: &str| !flow(text).policy.handshakes().is_empty();

    assert!(answers(&with_auth(slack)));
    assert!(answers(&with_handshake(slack, "true")));
    assert!(!answers(&with_handshake(slack, "false")));
    assert!(!answers(&signed("")));
    assert!(answers(&signed("handshake = \"cloudevents\"")));
    assert!(answers(&with_handshake(
        "mode = \"none\"",
        "\"cloudevents\""
    )));
}

#[test]
fn the_token_of_a_handshake_is_a_secret_like_any_other() {
    for token in [
        "\"meatyhamhock\"",
        "{ env = \"SHORT\" }",
        "{ file = \"secrets/github\" }",
    ] {
        let auth = format!("{META}, parameters = {{ verify_token = {token} }}");
        let config = parse(&with_auth(&auth)).unwrap();
        assert_eq!(config.flows[0].policy.handshakes().missing().count(), 0);
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        assert!(!format!("{config:?}").contains("meatyhamhock"));
    }

    let auth = format!("{META}, parameters = {{ verify_token = {{ env = \"NOWHERE\" }} }}");
    assert!(refusal(&with_auth(&auth)).contains("`verify_token` refers to the environment"));
    let auth = format!("{META}, parameters = {{ verify_token = {{ env = \"EMPTY\" }} }}");
    assert!(refusal(&with_auth(&auth)).contains("`verify_token` is empty"));
}

#[test]
fn a_flow_without_the_token_of_its_handshake_loads_with_a_warning() {
    let config = parse(&with_auth(META)).unwrap();

    let [warning] = &config.warnings[..] else {
        panic!("{:?}", config.warnings);
    };
    assert!(warning.message().contains("`verify_token`"));
    assert!(warning.help().contains("handshake = false"));
    assert!(
        parse(&with_handshake(META, "false"))
            .unwrap()
            .warnings
            .is_empty()
    );
}

#[test]
fn a_handshake_that_there_is_not_is_refused_with_those_there_are() {
    let github = "scheme = \"github\", keys = [{ secret = { env = \"LONG\" } }]";
    for (text, reason) in [
        (with_handshake(META, "\"cloudevent\""), "names no handshake"),
        (
            with_handshake(META, "7"),
            "neither a truth value nor a name",
        ),
        (with_handshake(github, "true"), "this flow's has none"),
        (
            with_handshake("mode = \"none\"", "true"),
            "this flow's has none",
        ),
        (
            with_auth(&format!(
                "{github}, parameters = {{ verify_token = \"a\" }}"
            )),
            "no parameter `verify_token`",
        ),
    ] {
        let refused = refusal(&text);
        assert!(refused.contains(reason), "{text}: {refused}");
    }
    assert!(refusal(&with_handshake(META, "\"cloudevent\"")).contains("\"cloudevents\""));
}

#[test]
fn a_flow_whose_sender_brings_the_key_needs_none_unless_that_is_turned_off() {
    let asana = "scheme = \"asana\"";
    let flow = flow(&with_auth(asana));
    assert!(flow.policy.auth().keys().is_empty());
    assert!(flow.registration.is_some());

    let refused = refusal(&with_handshake(asana, "false"));
    assert!(refused.contains("has no `keys`"), "{refused}");
    assert!(refusal(&with_auth("scheme = \"github\"")).contains("has no `keys`"));
    let two = format!("any = [{{ {asana} }}, {{ {asana} }}]");
    let refused = refusal(&with_auth(&two));
    assert!(refused.contains("goes to the first"), "{refused}");
}

#[test]
fn what_anybody_can_have_signed_is_signed_with_a_secret_of_its_own() {
    let flow = |id: &str, scheme: &str, more: &str| {
        format!(
            "[[flows]]\nid = \"{id}\"\nreplay = \"off\"\n{more}auth = {{ scheme = \"{scheme}\", keys = [{{ secret = {{ env = \"LONG\" }} }}] }}\n"
        )
    };
    for (one, two) in [
        ("x", "github"),
        ("slack", "x"),
        ("github", "braintree"),
        ("linkedin", "github"),
    ] {
        let both = format!("{}{}", flow("a", one, ""), flow("b", two, ""));
        let refused = refusal(&both);
        assert!(
            refused.contains("signs with it what anybody asks for"),
            "{refused}"
        );
        assert!(refused.contains("flow `a`"), "{refused}");
    }
    let members = "any = [{ scheme = \"x\", keys = [{ id = \"a\", secret = { env = \"LONG\" } }] }, { scheme = \"github\", keys = [{ id = \"b\", secret = { env = \"LONG\" } }] }]";
    let refused = refusal(&format!("{}replay = \"off\"\n", with_auth(members)));
    assert!(refused.contains("another key of this flow"), "{refused}");

    let silent = flow("a", "x", "handshake = false\n");
    let three = format!("{silent}{}{}", flow("b", "x", ""), flow("c", "github", ""));
    assert!(refusal(&three).contains("flow `b`"));

    // A flow of the same scheme refuses challenges, and one that answers none signs none.
    for (one, two) in [
        (flow("a", "x", ""), flow("b", "x", "")),
        (
            flow("a", "x", "handshake = false\n"),
            flow("b", "github", ""),
        ),
        (flow("a", "zoom", ""), flow("b", "github", "")),
    ] {
        let config = parse(&format!("{one}{two}")).unwrap();
        assert!(
            config
                .warnings
                .iter()
                .any(|warning| warning.message().contains("has the same secret"))
        );
    }
}
