//! What is refused about steps.

use super::*;

#[test]
fn steps_have_names_and_places() {
    let step = |keys: &str| signed(&format!("steps = [{{ {keys} }}]"));
    refused(&[
        (&step("url = \"http://a/\""), 4, "no `name`"),
        (&step("name = \"a\""), 4, "no `url`"),
        (
            &step("name = \"a b\", url = \"http://a/\""),
            4,
            "`name` is not a name",
        ),
        (
            &step("name = \"a\", url = \"ftp://a/\""),
            4,
            "`url` is neither http nor https",
        ),
        (
            &step("name = \"a\", url = \"/in\""),
            4,
            "`url` is not a URL",
        ),
        (
            &step("name = \"a\", url = \"http://u:p@a/\""),
            4,
            "`url` holds credentials",
        ),
        (
            &step("name = \"a\", url = \"http://@a/\""),
            4,
            "`url` holds credentials",
        ),
        (
            &step("name = \"a\", url = \"http://a/#x\""),
            4,
            "`url` has a fragment",
        ),
        (
            &step("name = \"a\", url = \"http://bücher.example/\""),
            4,
            "`url` is not in plain ASCII",
        ),
        (
            &step("name = \"a\", url = \"http://0x7f.1/\""),
            4,
            "`url` names its host in an unusual way",
        ),
        (
            &step("name = \"a\", url = \"http://2130706433/\""),
            4,
            "`url` names its host in an unusual way",
        ),
        (
            &step("name = \"a\", url = \"http://a:0/\""),
            4,
            "`url` has port 0",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", secret = \"short\""),
            4,
            "`secret` does not fit",
        ),
        (
            &step(
                "name = \"a\", url = \"http://a/\", scheme = \"linear\", secret = { env = \"LONG\" }",
            ),
            4,
            "signs inside the body",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", scheme = \"svix\""),
            4,
            "`scheme` needs a secret",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", secret = { env = \"LONG\" }, keys = []"),
            4,
            "both `secret` and `keys`",
        ),
        (
            &step(
                "name = \"a\", url = \"http://a/\", retry_delay = \"1s\", retry_delays = [\"1s\"]",
            ),
            4,
            "`retry_delay` and `retry_delays`",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", retry_delays = []"),
            4,
            "`retry_delays` is empty",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", max_retries = -1"),
            4,
            "`max_retries` is out of range",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", timeout = \"0s\""),
            4,
            "`timeout` is zero",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", headers = { Host = \"x\" }"),
            4,
            "`headers` has `host`",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", headers = { Countersign-Event = \"x\" }"),
            4,
            "the gateway sets itself",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", headers = { countersign_event = \"x\" }"),
            4,
            "the gateway sets itself",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", headers = { Transfer_Encoding = \"x\" }"),
            4,
            "the gateway sets itself",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", headers = { \"Proxy.X\" = \"x\" }"),
            4,
            "the gateway sets itself",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", headers = { X-A = \"a\", X_A = \"b\" }"),
            4,
            "one header twice",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", headers = { X = \"a\\nb\" }"),
            4,
            "control characters",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", headers = { X = \"a\", x = \"b\" }"),
            4,
            "one header twice",
        ),
        (
            &step("name = \"a\", url = \"http://a/\" }, { name = \"a\", url = \"http://b/\""),
            4,
            "two steps are named `a`",
        ),
    ]);
}
