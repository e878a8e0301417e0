//! What is told of flows whose senders all seem to come from one proxy.

use super::*;

#[test]
fn passwords_behind_a_proxy_that_is_not_trusted_are_warned_of_where_only_a_proxy_can_be_in_front() {
    let one_address = |listen: &str, more: &str, auth: &str| {
        let text = format!(
            "[ingress]\nlisten = \"{listen}:8080\"\n{more}\n[[flows]]\nid = \"a\"\nauth = {{ mode = \"basic\", {auth} }}\n"
        );
        let warnings = parse(&text).unwrap().warnings;
        let said = warnings
            .iter()
            .find(|warning| warning.message().contains("are one address"))?;
        Some((said.line(), said.help().to_owned()))
    };
    let file = "htpasswd = \"secrets/htpasswd\"";
    let inline = "users = [{ name = \"eve\", password = \"a password of some length\" }]";
    let trusted = "trusted_proxies = [\"127.0.0.1\"]";

    let (line, help) = one_address("127.0.0.1", "", file).unwrap();
    assert_eq!(line, Some(6));
    assert!(help.contains("trusted_proxies"), "{help}");
    for (listen, more, auth) in [
        ("127.0.0.1", trusted, file),
        ("0.0.0.0", "", file),
        ("127.0.0.1", "", inline),
    ] {
        assert_eq!(
            one_address(listen, more, auth),
            None,
            "{listen} {more} {auth}"
        );
    }
}
