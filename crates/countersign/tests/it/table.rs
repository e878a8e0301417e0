//! `docs/schemes.md`: the table of the presets, made from their data.

use std::fmt::Write as _;
use std::{env, fs};

use countersign::Scheme;
use serde_json::Value;

const HEAD: &str = "\
# Schemes

Every scheme that Countersign knows by name. `countersign` reads them from the files in
`crates/countersign/schemes/`, which are in the language that a configuration uses too; the README of
the crate `countersign` shows how to write one. This table is made from those files by a test.

Where a scheme has several lines, the first that applies to a request is the one that counts. A window
is in seconds around now; a scheme without one checks no time. A handshake is how the sender makes sure of
its receiver; the gateway answers it, and the Layer where it is asked to. The last column ends with what the scheme
does not protect against, which `countersign schemes show` tells as well.

| scheme | signature | message | digest | window | handshake | what to know |
| --- | --- | --- | --- | --- | --- | --- |
";

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test reads and writes the page"
)]
fn the_page_of_schemes_is_made_from_the_presets() {
    let mut page = HEAD.to_owned();
    for scheme in Scheme::presets() {
        writeln!(page, "{}", row(&scheme)).unwrap();
    }

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schemes.md");
    if env::var_os("COUNTERSIGN_WRITE_DOCS").is_some() {
        fs::write(path, &page).unwrap();
    }
    let written = fs::read_to_string(path).unwrap_or_default();

    assert!(
        written == page,
        "docs/schemes.md is out of date; run this test with COUNTERSIGN_WRITE_DOCS=1"
    );
}

fn row(scheme: &Scheme) -> String {
    let data = serde_json::to_value(scheme).unwrap();
    let forms = data["variants"].as_array().cloned();
    let forms = forms.unwrap_or_else(|| vec![data.clone()]);
    let each = |cell: fn(&Value) -> String| {
        let mut cells: Vec<_> = forms.iter().map(cell).collect();
        cells.dedup();
        cells.join("<br>")
    };
    let window = scheme.default_window().map_or_else(String::new, |window| {
        let (past, future) = (window.past().as_secs(), window.future().as_secs());
        match past == future {
            true => past.to_string(),
            false => format!("{past} past, {future} future"),
        }
    });
    let cells = [
        format!("`{}`", scheme.name()),
        each(signature),
        each(message),
        each(digests),
        window,
        handshakes(&data),
        known(scheme),
    ];
    format!("| {} |", cells.join(" | "))
}

/// The note, and what the scheme says of itself that it does not protect against.
fn known(scheme: &Scheme) -> String {
    let mut sentences: Vec<_> = scheme.note().map(str::to_owned).into_iter().collect();
    for weakness in scheme.weaknesses() {
        let words = weakness.to_string();
        let (first, rest) = words.split_at(1);
        sentences.push(format!("{}{rest}.", first.to_uppercase()));
    }
    sentences.join(" ").replace('|', "\\|")
}

fn signature(form: &Value) -> String {
    let signature = &form["signature"];
    let slots = signature["slots"].as_array().into_iter().flatten();
    let slots: Vec<_> = slots.map(|slot| texts(&slot["from"]).join(", ")).collect();
    let places = [texts(&signature["from"]), slots].concat();
    let places: Vec<_> = places
        .iter()
        .map(|place| code(place.strip_prefix("header:").unwrap_or(place)))
        .collect();
    places.join(", ")
}

fn message(form: &Value) -> String {
    let parts = match &form["sign"] {
        Value::Array(forms) => forms
            .iter()
            .map(|form| {
                format!(
                    "{} {}",
                    texts(&form["methods"]).join(", "),
                    code(text(&form["message"]))
                )
            })
            .collect(),
        message => vec![code(text(message))],
    };
    parts.join("<br>")
}

fn digests(form: &Value) -> String {
    let rules = form["rules"].as_array().into_iter().flatten();
    let mut digests: Vec<_> = rules
        .map(|rule| {
            let encoding = text(&form["signature"]["encoding"]);
            format!("{} {encoding}", text(&rule["digest"]))
        })
        .collect();
    digests.dedup();
    digests.join(", ")
}

fn handshakes(scheme: &Value) -> String {
    let handshakes = match &scheme["handshake"] {
        Value::Array(many) => many.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    let told = handshakes.iter().map(|handshake| {
        let when = &handshake["when"];
        let first = when.get(0).unwrap_or(when);
        let mut told = texts(&first["methods"]).join(", ");
        for (key, what) in [
            ("signed", ", signed"),
            ("token", ", with a token"),
            ("mac", ", a MAC is answered"),
            ("takes", ", brings the key"),
            ("visit", ", a URL is visited"),
        ] {
            if !handshake[key].is_null() {
                told.push_str(what);
            }
        }
        told
    });
    told.collect::<Vec<_>>().join("<br>")
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(texts) => texts.iter().map(|one| text(one).to_owned()).collect(),
        Value::String(text) => vec![text.clone()],
        _ => Vec::new(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn code(text: &str) -> String {
    match text {
        "" => "nothing".to_owned(),
        text => format!("`{}`", text.replace('\n', "\\n").replace('|', "\\|")),
    }
}
