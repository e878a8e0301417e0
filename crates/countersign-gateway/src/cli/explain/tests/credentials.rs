//! Hints about passwords and API keys that are not the flow's, alone and beside other ways.

use super::flows::{SECOND, judged, together};
use super::*;

/// Of the least cost.
const USERS: &str = "shop:$2y$04$abcdefghijklmnopqrstuuaxSCn9f1oQabaM6bv7D1taiDa1tu1Ae\n";

#[test]
fn credentials_that_are_not_the_flows_are_told_as_that_and_not_as_signatures() {
    let basic =
        "mode = \"basic\", users = [{ name = \"shop\", password = \"a password of some length\" }]";
    let keyed = "mode = \"api_key\", keys = [{ secret = \"0123456789abcdef\" }]";
    let token = "scheme = \"gitlab\", keys = [{ secret = \"0123456789abcdef\" }]";
    for (auth, header, hint) in [
        (
            basic,
            "Authorization: Basic c2hvcDp3cm9uZw==",
            "hint: no user of the flow has the name and the password",
        ),
        (
            basic,
            "Authorization: Basic !",
            "hint: the credentials are not in their form",
        ),
        (
            keyed,
            "X-API-Key: 0123456789abcdeF",
            "hint: the API key that was sent is not one of the flow's",
        ),
        (
            keyed,
            "X-API-Key: 1\nX-API-Key: 2",
            "hint: a header that is read is there more than once",
        ),
        (
            token,
            "X-Gitlab-Token: wrong",
            "hint: the shared secret that was sent is not one of the keys",
        ),
        (
            basic,
            "Host: h.example",
            "`authorization`, and the request does not have it",
        ),
    ] {
        let config = format!("[[flows]]\nid = \"one\"\nauth = {{ {auth} }}\n");
        let request = format!("POST / HTTP/1.1\n{header}\n\n{{}}");

        let said = judged(&config, &request, &[]);

        assert!(said.contains(hint), "{hint}: {said}");
        assert_eq!(said.matches("hint: ").count(), 1, "{said}");
        for not in ["URL", "changes the body", "wrong", "0123"] {
            assert!(!said.contains(not), "{not}: {said}");
        }
    }
}

#[test]
fn credentials_of_another_flow_are_told_as_those() {
    let flow = |id: &str, key: &str| {
        format!(
            "[[flows]]\nid = \"{id}\"\nauth = {{ mode = \"api_key\", keys = [{{ secret = \"{key}\" }}] }}\n"
        )
    };
    let config = flow("one", "0123456789abcdef") + &flow("two", "fedcba9876543210");

    let said = judged(
        &config,
        "POST / HTTP/1.1\nX-API-Key: fedcba9876543210\n\n{}",
        &[],
    );

    assert!(said.contains("hint: genuine for the flow `two`"), "{said}");
    assert_eq!(said.matches("hint: ").count(), 1, "{said}");
}

#[test]
fn a_password_that_only_a_file_of_users_can_judge_is_told_where_nothing_else_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    std::fs::write(&users, USERS).unwrap();
    let basic = format!("mode = \"basic\"\nhtpasswd = \"{}\"\n", users.display());
    let one = format!("[[flows]]\nid = \"one\"\nreplay = \"off\"\n[flows.auth]\n{basic}");
    let all = format!(
        "[[flows]]\nid = \"one\"\nreplay = \"off\"\n[[flows.auth.all]]\n{basic}[[flows.auth.all]]\n\
         scheme = \"github\"\nkeys = [{{ id = \"second\", secret = \"another secret of some length\" }}]\n"
    );
    let wrong = "POST / HTTP/1.1\nAuthorization: Basic c2hvcDp3cm9uZw==\n\n".to_owned();
    let signed = together(&[wrong.clone(), post("github", SECOND, "a")]) + "a";
    for (config, request, hint) in [
        (&one, &wrong, "hint: no user of the flow has"),
        (
            &all,
            &signed,
            "hint: member 1 of `all` (`basic`): no user of the flow has",
        ),
    ] {
        let said = judged(config, request, &[]);

        assert!(said.contains(hint), "{said}");
        assert_eq!(said.matches("hint: ").count(), 1, "{said}");
        assert!(!said.contains("note: "), "{said}");
    }
}

#[test]
fn of_any_a_password_that_only_a_file_of_users_can_judge_is_told_before_what_the_others_say() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    std::fs::write(&users, USERS).unwrap();
    let member = |text: &str| format!("[[flows.auth.any]]\n{text}\n");
    let basic = member(&format!(
        "mode = \"basic\"\nhtpasswd = \"{}\"",
        users.display()
    ));
    let github = member(
        "scheme = \"github\"\nkeys = [{ id = \"second\", secret = \"another secret of some length\" }]",
    );
    let flow = "[[flows]]\nid = \"one\"\nreplay = \"off\"\n";
    let wrong = "POST / HTTP/1.1\nAuthorization: Basic c2hvcDp3cm9uZw==\n\n".to_owned();
    let forged = together(&[wrong.clone(), post("github", SECRET.as_bytes(), "a")]) + "a";
    let altered = together(&[wrong.clone(), post("github", SECOND, "a")]) + "a\n";
    let first = [&github, &basic].map(String::as_str).concat();
    let last = [&basic, &github].map(String::as_str).concat();
    let held = last.replacen("mode", "allow_from = [\"192.0.2.0/24\"]\nmode", 1);
    for (members, basic, github) in [(first, 2, 1), (last, 1, 2), (held, 1, 2)] {
        let password = format!("member {basic} of `any` (`basic`): no user of the flow has");
        for (request, other) in [
            (&wrong, "`github` reads `x-hub-signature-256`, and"),
            (&forged, "no configured key makes this signature"),
            (&altered, "genuine without the LF that ends the body"),
        ] {
            let said = judged(
                &format!("{flow}{members}"),
                request,
                &["--client", "192.0.2.1"],
            );

            let other = format!("member {github} of `any` (`github`): {other}");
            let hints: Vec<_> = said
                .lines()
                .filter(|line| line.contains("hint: "))
                .collect();
            assert_eq!(hints.len(), 2, "{said}");
            assert!(hints[0].contains(&password), "{said}");
            assert!(hints[1].contains(&other), "{said}");
        }
    }
}
