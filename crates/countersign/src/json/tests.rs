use super::*;

fn found(text: &str, pointer: &str) -> Result<Option<String>, Malformed> {
    let value = Document::read(text.as_bytes())?.find(&pointer.parse().unwrap())?;
    Ok(value.map(|value| {
        let text = value.text().unwrap_or(Cow::Borrowed(b"nested"));
        String::from_utf8(text.into_owned()).unwrap()
    }))
}

#[test]
fn a_pointer_leads_to_a_value() {
    let text = r#" { "a" : {"b\u002f": "x\n\ud83d\ude00"}, "n": [10, -1.5e3, true, null, {}] } "#;
    for (pointer, value) in [
        ("/a/b~1", Some("x\n😀")),
        ("/n/0", Some("10")),
        ("/n/1", Some("-1.5e3")),
        ("/n/2", Some("true")),
        ("/n/3", Some("")),
        ("/n/4", Some("nested")),
        ("/n/5", None),
        ("/n/00", None),
        ("/a/c", None),
        ("/a/b~1/c", None),
        ("/a/0", None),
        ("", Some("nested")),
    ] {
        assert_eq!(
            found(text, pointer),
            Ok(value.map(str::to_owned)),
            "{pointer}"
        );
    }
}

#[test]
fn a_name_on_the_way_is_there_once_however_it_is_spelled() {
    assert_eq!(found(r#"{"a":1,"a":1}"#, "/a"), Err(Malformed));
    assert_eq!(found(r#"{"a":1,"\u0061":2}"#, "/a"), Err(Malformed));
    assert_eq!(found(r#"{"a":{"b":1},"a":{}}"#, "/a/b"), Err(Malformed));
    assert_eq!(found(r#"{"a":1,"b":1,"b":2}"#, "/a"), Ok(Some("1".into())));
}

#[test]
fn only_json_is_read() {
    for text in [
        "",
        " ",
        "{",
        "}",
        "{}}",
        "{} {}",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{'a':1}",
        "[01]",
        "[-]",
        "[+1]",
        "[1.]",
        "[.5]",
        "[1e]",
        "[0x1]",
        "[NaN]",
        "nul",
        "truee",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u+123\"",
        "\"a\nb\"",
        "\"",
        "\"\\",
        "\u{feff}{}",
        "[1 2]",
        "/**/1",
    ] {
        assert!(Document::read(text.as_bytes()).is_err(), "{text}");
    }
    assert!(Document::read(b"\"\xff\"").is_err());
    for text in [
        "{}",
        "[]",
        "0",
        "-0",
        "\"\"",
        " [ ] ",
        "{\"\":[{},\"a\",1E+9]}",
        "null",
    ] {
        assert!(Document::read(text.as_bytes()).is_ok(), "{text}");
    }
}

#[test]
fn half_a_character_is_read_by_nobody_and_in_nobodys_way() {
    for half in [r"\ud83d", r"a\ud83db", r"\ude00", r"\ud83d\u0041"] {
        let text = format!(r#"{{"a":"{half}","b":1,"c":["{half}"]}}"#);
        assert_eq!(found(&text, "/b"), Ok(Some("1".into())), "{half}");
        let value = Document::read(text.as_bytes()).unwrap();
        let value = value.find(&Pointer::of("a")).unwrap().unwrap();
        assert_eq!(value.text(), None, "{half}");
        let name = format!(r#"{{"{half}":1,"b":1}}"#);
        assert_eq!(found(&name, "/b"), Err(Malformed), "{half}");
    }
}

#[test]
fn a_tower_of_brackets_ends_and_does_not_overflow() {
    let tower = |floors: usize| format!("{}{}", "[".repeat(floors), "]".repeat(floors));

    assert!(Document::read(tower(64).as_bytes()).is_ok());
    assert!(Document::read(tower(65).as_bytes()).is_err());
    assert!(Document::read("[".repeat(1_000_000).as_bytes()).is_err());
}

#[test]
fn elements_are_slices_of_the_text() {
    let document = Document::read(br#"{"items":[ {"a": 1} ,2]}"#).unwrap();
    let elements = document.elements(&Pointer::of("items")).unwrap();

    assert_eq!(elements, [br#"{"a": 1}"#.as_slice(), b"2"]);
    assert!(document.elements(&Pointer::of("none")).is_err());
}

#[test]
fn a_pointer_prints_as_it_is_written() {
    for text in ["", "/a", "/a~1b/~0/0", "/"] {
        assert_eq!(text.parse::<Pointer>().unwrap().to_string(), text);
    }
    for text in ["a", "/~2", "/~"] {
        assert!(text.parse::<Pointer>().is_err(), "{text}");
    }
}

#[test]
fn a_number_is_an_index_and_never_a_name() {
    assert_eq!(found(r#"["x"]"#, "/0"), Ok(Some("x".into())));
    assert_eq!(found(r#"{"0":"x"}"#, "/0"), Ok(None));
    assert_eq!(found(r#"{"00":"x"}"#, "/00"), Ok(Some("x".into())));
}

#[test]
fn an_array_of_too_many_elements_is_not_taken_apart() {
    let array = |length: usize| format!("[{}]", vec!["1"; length].join(","));
    let elements = |text: &str| {
        Document::read(text.as_bytes())?
            .elements(&"".parse().unwrap())
            .map(|all| all.len())
    };

    assert_eq!(elements(&array(256)), Ok(256));
    assert_eq!(elements(&array(257)), Err(Malformed));
}

#[test]
fn several_places_are_found_in_one_pass() {
    let text = br#"{"a":{"b":1,"c":[2,{"d":"3"}],"b":4},"e":null,"a2":{}}"#;
    let places =
        ["/a/b", "/a/c/1/d", "/a/c", "/e", "/x", "", "/a/c/0"].map(|text| text.parse().unwrap());
    let reading = Reading::default();
    let json = Json::new(&places, &reading);
    let found = |place: &str| json.find(text, &place.parse().unwrap());

    assert_eq!(found("/a/b"), Err(Malformed));
    assert_eq!(found("/a/c/1/d"), Ok(Some(Value::Text(b"3"))));
    assert_eq!(found("/a/c"), Ok(Some(Value::Nested(br#"[2,{"d":"3"}]"#))));
    assert_eq!(found("/a/c/0"), Ok(Some(Value::Plain(b"2"))));
    assert_eq!(found("/e"), Ok(Some(Value::Null)));
    assert_eq!(found("/x"), Ok(None));
    assert_eq!(found(""), Ok(Some(Value::Nested(text))));
    // One that was not announced is found by itself.
    assert_eq!(found("/a2"), Ok(Some(Value::Nested(b"{}"))));
}

proptest::proptest! {
    #[test]
    fn a_place_is_the_same_however_many_are_looked_for(
        text in r#"[\[\]{}":,ab01\\u ]{0,40}"#,
        places in proptest::collection::vec("(/[ab01]){0,3}", 0..80),
    ) {
        let places: Vec<Pointer> = places.iter().map(|place| place.parse().unwrap()).collect();
        let reading = Reading::default();
        let json = Json::new(&places, &reading);
        for place in &places {
            let alone = Json::default().find(text.as_bytes(), place);
            proptest::prop_assert_eq!(json.find(text.as_bytes(), place), alone);
        }
    }

    #[test]
    fn escapes_are_judged_as_they_are_read(text in r#"[\\"/bfnrtu0dDcC8a]{0,14}"#) {
        let quoted = format!("\"{text}\"");
        let elsewhere = serde_json::from_str::<String>(&quoted).ok().map(String::into_bytes);
        let own = Document::read(quoted.as_bytes()).ok().and_then(|_| unescape(text.as_bytes()));
        proptest::prop_assert_eq!(own.as_deref(), elsewhere.as_deref());
        proptest::prop_assert!(are_escapes(text.as_bytes()) || unescape(text.as_bytes()).is_none());
    }

    /// What another reader reads, this one does: the same texts at the same places.
    #[test]
    fn every_place_of_a_document_reads_as_elsewhere(document in document(), pretty: bool) {
        let text = match pretty {
            true => serde_json::to_string_pretty(&document).unwrap(),
            false => document.to_string(),
        };
        for (place, value) in places(&document) {
            let place: Pointer = place.parse().unwrap();
            let read = Document::read(text.as_bytes()).unwrap().find(&place).unwrap().unwrap();
            let expected = match &value {
                serde_json::Value::Null => Some(String::new()),
                serde_json::Value::String(text) => Some(text.clone()),
                serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
                plain => Some(plain.to_string()),
            };
            let read = read.text().map(|text| String::from_utf8(text.into_owned()).unwrap());
            proptest::prop_assert_eq!(read, expected, "{}", place);
        }
    }

    /// What another reader refuses, this one does, and the other way round, but for halves of characters.
    #[test]
    fn what_is_a_document_elsewhere_is_one_here(text in r#"[\[\]{}":,\-+.eE01\\untrfalse \t\n\x01é]{0,24}"#) {
        let elsewhere = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        // Names are read here, and only stepped over there.
        let here = Document::read(text.as_bytes()).is_ok();
        proptest::prop_assert_eq!(here, elsewhere, "{}", text);
    }
}

/// Documents with all kinds of values, names and texts.
fn document() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
    use proptest::prelude::*;

    let text = r#"[a-c0-2"\\/ \n\t\x00-\x1fé😀~]{0,6}"#;
    let scalar = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        text.prop_map(Into::into),
    ];
    scalar.prop_recursive(5, 40, 6, move |inside| {
        prop_oneof![
            proptest::collection::vec(inside.clone(), 0..6).prop_map(Into::into),
            proptest::collection::btree_map(text, inside, 0..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Every place of a document that a pointer leads to: a number is the name of no member.
fn places(document: &serde_json::Value) -> Vec<(String, serde_json::Value)> {
    let mut found = vec![(String::new(), document.clone())];
    let inside: Vec<_> = match document {
        serde_json::Value::Array(all) => all
            .iter()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value))
            .collect(),
        serde_json::Value::Object(members) => members
            .iter()
            .filter(|(name, _)| name.parse::<usize>().is_err())
            .map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value))
            .collect(),
        _ => Vec::new(),
    };
    for (step, value) in inside {
        let deeper = places(value).into_iter();
        found.extend(deeper.map(|(place, value)| (format!("/{step}{place}"), value)));
    }
    found
}
