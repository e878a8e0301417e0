//! What is refused about files of users and lists of addresses.

use super::*;

const KEY: &str = "keys = [{ secret = { env = \"LONG\" } }]";

#[test]
fn a_file_of_users_that_cannot_be_used_is_refused_with_its_line_and_without_its_text() {
    let htpasswd =
        |file: &str| with_auth(&format!("mode = \"basic\", htpasswd = \"secrets/{file}\""));
    refused(&[
        (
            &htpasswd("nowhere"),
            3,
            "`htpasswd` refers to the file `/etc/cs/secrets/nowhere`, which cannot be read",
        ),
        (&htpasswd("locked"), 3, "permission denied"),
        (&htpasswd("latin1"), 3, "which is not UTF-8"),
        (&htpasswd("empty"), 3, "has no users"),
        (
            &htpasswd("plain"),
            3,
            "`/etc/cs/secrets/plain`, which on line 2 has a crypt hash, or the password itself",
        ),
        (
            &with_auth(
                "mode = \"basic\", htpasswd = \"secrets/htpasswd\", users = [{ name = \"eve\", password = { env = \"LONG\" } }]",
            ),
            3,
            "is in the file of `htpasswd`, too",
        ),
        (
            &with_auth("mode = \"basic\", htpasswd = \"secrets/htpasswd\", users = []"),
            3,
            "no `users`",
        ),
        (
            &with_auth(&format!("scheme = \"github\", {KEY}, htpasswd = \"users\"")),
            3,
            "`htpasswd` has no meaning",
        ),
    ]);
    let shown = problem(&htpasswd("plain"));
    assert!(!shown.render(false).contains(MARKER));
    assert!(shown.help().contains("htpasswd -B"));
}

#[test]
fn a_list_of_addresses_that_lets_nobody_in_or_is_none_is_refused() {
    let from = |list: &str| with_auth(&format!("scheme = \"github\", {KEY}, allow_from = {list}"));
    refused(&[
        (&from("[]"), 3, "`allow_from` is empty"),
        (
            &from("[\"192.0.2.7/24\"]"),
            3,
            "an address inside a network",
        ),
        (
            &from("[\"example.com\"]"),
            3,
            "`allow_from` is not a network",
        ),
        (&from("[\"::ffff:0:0/95\"]"), 3, "`allow_from`"),
        (
            &from("\"192.0.2.0/24\""),
            3,
            "expected a list, found a text",
        ),
    ]);
}

#[test]
fn an_auth_by_address_alone_is_told_of() {
    let config = parse(&with_auth("mode = \"none\", allow_from = [\"10.0.0.0/8\"]")).unwrap();

    let messages: Vec<_> = config.warnings.iter().map(Problem::message).collect();
    assert!(
        messages
            .iter()
            .any(|message| message.contains("who sends from these addresses")),
        "{messages:?}"
    );
}
