//! What is refused about flows and their places.

use super::*;

#[test]
fn a_flow_that_is_not_one_is_refused() {
    refused(&[
        ("[[flows]]\nauth = { mode = \"none\" }", 1, "no `id`"),
        (
            "[[flows]]\nid = \"a b\"\nauth = { mode = \"none\" }",
            2,
            "`id` is not a name",
        ),
        ("[[flows]]\nid = \"orders\"", 2, "no `auth`"),
        (
            "[[flows]]\nid = \"x\"\nauth = { mode = \"none\" }\n[[flows]]\nid = \"x\"\nauth = { mode = \"none\" }",
            5,
            "on line 2",
        ),
        (
            &signed("steps = []\nforward = \"http://a:1\""),
            5,
            "both `steps` and `forward`",
        ),
        (
            &signed("observe = true"),
            4,
            "`observe` is for flows with `forward`",
        ),
        (
            &signed("forward = \"http://a:1\"\nresponse = { status = 200 }"),
            5,
            "`response` has no meaning with `forward`",
        ),
        (
            &signed("organization = \"a/b\""),
            4,
            "`organization` is not a name",
        ),
        (&signed("body_limit = 1000"), 4, "`body_limit` has no unit"),
        (
            &signed("body_limit = \"10GiB\""),
            4,
            "`body_limit` is too large",
        ),
    ]);
}

#[test]
fn methods_are_few() {
    refused(&[
        (&signed("methods = []"), 4, "`methods` is empty"),
        (&signed("methods = [\"post\"]"), 4, "`methods` has `post`"),
        (&signed("methods = [\"TRACE\"]"), 4, "`methods` has `TRACE`"),
    ]);
}

#[test]
fn a_response_is_a_success() {
    refused(&[
        (
            &signed("response = { status = 302 }"),
            4,
            "`status` is not a success",
        ),
        (
            &signed("response = { status = 99999 }"),
            4,
            "`status` is not a success",
        ),
        (
            &signed("response = { content_type = \"text/plain\" }"),
            4,
            "`content_type` needs a `body`",
        ),
        (
            &signed("response = { body = \"x\", content_type = \"text\" }"),
            4,
            "`content_type` is not a media type",
        ),
        (
            &signed("response = { status = 204, body = \"x\" }"),
            4,
            "`body` has no meaning with status 204",
        ),
    ]);
}

#[test]
fn places_do_not_collide() {
    let open = |id: &str, path: &str| {
        format!("[[flows]]\nid = \"{id}\"\nauth = {{ mode = \"none\" }}\npath = \"{path}\"\n")
    };
    refused(&[
        (&open("a", "/hooks/x"), 4, "`path` lies in `/hooks/`"),
        (&open("a", "x"), 4, "`path` does not begin with a slash"),
        (
            &format!("{}{}", open("a", "/x"), open("b", "/x")),
            8,
            "another flow has this `path`, on line 4",
        ),
        (
            &format!("{SMALLEST}{}", open("a", "/{*rest}")),
            7,
            "`path` takes everything from `/hooks/`",
        ),
    ]);
    parse(&open("a", "/{*rest}")).unwrap();
    parse(&format!("{}{}", open("a", "/x"), open("b", "/x/{*rest}"))).unwrap();
}

#[test]
fn listeners_and_stores_that_cannot_be_are_refused() {
    refused(&[
        (
            "[ingress]\nlisten = \"localhost:80\"",
            2,
            "`listen` is not an address",
        ),
        (
            "[ingress]\nprefix = \"/hooks/\"",
            2,
            "`prefix` has an empty part",
        ),
        (
            "[ingress]\npublic_url = \"hooks.example.com\"",
            2,
            "`public_url` is not a URL",
        ),
        (
            "[ingress]\npublic_url = \"https://hooks.example.com//\"",
            2,
            "more than one slash",
        ),
        (
            "[ingress]\npublic_url = \"https://hooks.example.com/?a\"",
            2,
            "`public_url` has a query",
        ),
        (
            "[ingress]\nmax_connections = 0",
            2,
            "`max_connections` is out of range",
        ),
        ("[ingress]\ngrace = 30", 2, "`grace` has no unit"),
        (
            "[ingress]\ntrusted_proxies = [\"10.1.1.1/8\"]",
            2,
            "`trusted_proxies` names an address inside",
        ),
        (
            "[ingress]\nlisten = \"0.0.0.0:8081\"",
            2,
            "`admin.listen` is also where",
        ),
        (
            "[admin]\nlisten = \"127.0.0.1:8080\"",
            2,
            "`admin.listen` is also where",
        ),
        (
            "[admin]\ntokens = [{ name = \"a\" }]",
            2,
            "neither `sha256` nor `token`",
        ),
        (
            "[admin]\ntokens = [{ token = { env = \"LONG\" } }]",
            2,
            "no `name`",
        ),
        (
            "[admin]\ntokens = [{ name = \"a\", token = \"short\" }]",
            2,
            "`token` has less than 16 bytes",
        ),
        (
            "[admin]\ntokens = [{ name = \"a\", sha256 = \"xyz\" }]",
            2,
            "`sha256` is not a SHA-256",
        ),
        (
            "[admin]\ntokens = [{ name = \"a\", token = { env = \"LONG\" } }, { name = \"b\", token = { env = \"LONG\" } }]",
            2,
            "are equal",
        ),
        (
            "[store]\nurl = \"postgres://db\"",
            2,
            "a store that this version does not have: `postgres`",
        ),
        (
            "[store]\nurl = \"countersign.db\"",
            2,
            "`url` names no kind of store",
        ),
        (
            "[store]\nurl = \"sqlite::memory:\"",
            2,
            "would lose every event",
        ),
        (
            "[queue]\nurl = \"nats://n\"",
            2,
            "a queue that this version does not have",
        ),
        (
            "[delivery]\ndenied_addresses = [\"private\"]",
            2,
            "`denied_addresses` is not a network",
        ),
        (
            "[delivery]\nretry_delay = \"1s\"\nretry_delays = [\"1s\"]",
            2,
            "`retry_delay` and `retry_delays`",
        ),
        (
            "[log]\nfilter = \"info,[\"",
            2,
            "`filter` is not a log filter",
        ),
        ("[log]\nformat = \"xml\"", 2, "`format` is not a log format"),
        (
            "[schemes.github]\nsign = \"{body}\"\nsignature = { from = \"header:x\", encoding = \"hex\" }\nrules = [{ digest = \"hmac-sha256\" }]",
            1,
            "a built-in scheme named `github`",
        ),
    ]);
}
