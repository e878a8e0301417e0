use http::HeaderValue;

use super::*;

const HEX: &str = "ae9c9f18381e423059604b64469099165a343deef595013525703e50e84d19f9";
const BASE64: &str = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn layout(grammar: Grammar, timestamp: TimestampAt, label: &str) -> Layout {
    Layout {
        encoding: if grammar == Grammar::Labels {
            Encoding::Base64
        } else {
            Encoding::Hex
        },
        grammar,
        repeated: false,
        timestamp,
        labels: vec![Label {
            name: label.into(),
            length: Some(32),
        }],
    }
}

fn pairs() -> Layout {
    layout(Grammar::Pairs(','), TimestampAt::Pair("t".into()), "sha256")
}

/// The timestamp and the number of signatures in the header `x`.
fn read(layout: &Layout, lines: &[&str]) -> Result<(Option<String>, usize), Reason> {
    let name = HeaderName::from_static("x");
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(&name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    let mut found = Found::default();
    layout.read(&headers, &name, &mut found)?;
    layout.check(&found)?;
    let signatures = found.candidates().filter_map(|sent| layout.decode(sent));
    let signatures = signatures.count();
    let timestamp = found
        .timestamp
        .map(|text| String::from_utf8(text.to_vec()).unwrap());
    Ok((timestamp, signatures))
}

fn one_line(layout: &Layout, line: &str) -> Result<(Option<String>, usize), Reason> {
    read(layout, &[line])
}

#[test]
fn pairs_come_in_any_order_with_blanks_around_them() {
    for line in [
        format!("t=17,sha256={HEX}"),
        format!("sha256={HEX},t=17"),
        format!("  t=17 ,\t sha256={HEX} "),
        format!("v9=x=y,t=17,sha256={HEX},sha1=00"),
        format!("t=17,sha256={}", HEX.to_uppercase()),
        format!("t=17,sha256=zz,sha256={HEX}"),
    ] {
        assert_eq!(
            one_line(&pairs(), &line),
            Ok((Some("17".into()), 1)),
            "{line}"
        );
    }
}

#[test]
fn several_signatures_of_one_label_are_all_candidates() {
    let line = format!("t=17,sha256={HEX},sha256={HEX}");

    assert_eq!(one_line(&pairs(), &line), Ok((Some("17".into()), 2)));
}

#[test]
fn what_is_not_a_list_of_pairs_is_refused() {
    for (line, reason) in [
        (String::new(), Reason::MalformedHeader),
        ("t".into(), Reason::MalformedHeader),
        (HEX.into(), Reason::MalformedHeader),
        (format!("t=17,sha256={HEX},"), Reason::MalformedHeader),
        (format!(",t=17,sha256={HEX}"), Reason::MalformedHeader),
        (format!("t=17,,sha256={HEX}"), Reason::MalformedHeader),
        (format!("t =17,sha256={HEX}"), Reason::MalformedHeader),
        (format!("=17,sha256={HEX}"), Reason::MalformedHeader),
        (
            format!("t=17,t=17,sha256={HEX}"),
            Reason::DuplicateTimestamp,
        ),
        (
            format!("t=17,sha256={HEX},t=18"),
            Reason::DuplicateTimestamp,
        ),
        ("t=17".into(), Reason::MissingSignature),
        (format!("t=17,sha1={HEX}"), Reason::MissingSignature),
        (format!("t=17,SHA256={HEX}"), Reason::MissingSignature),
        ("t=17,sha256=".into(), Reason::MalformedSignature),
        (
            format!("t=17,sha256={}", &HEX[2..]),
            Reason::MalformedSignature,
        ),
        (format!("t=17,sha256={HEX}00"), Reason::MalformedSignature),
        (
            format!("t=17,sha256=0x{}", &HEX[2..]),
            Reason::MalformedSignature,
        ),
        (format!("t=17,sha256= {HEX}"), Reason::MalformedSignature),
    ] {
        assert_eq!(one_line(&pairs(), &line), Err(reason), "{line}");
    }
}

#[test]
fn more_signatures_than_are_tried_are_refused() {
    let some = |count| format!("t=17{}", format!(",sha256={HEX}").repeat(count));

    assert_eq!(
        one_line(&pairs(), &some(MAX_SIGNATURES)),
        Ok((Some("17".into()), MAX_SIGNATURES))
    );
    assert_eq!(
        one_line(&pairs(), &some(MAX_SIGNATURES + 1)),
        Err(Reason::TooManySignatures)
    );
    let undecodable = format!("t=17{}", ",sha256=zz".repeat(MAX_SIGNATURES + 1));
    assert_eq!(
        one_line(&pairs(), &undecodable),
        Err(Reason::TooManySignatures)
    );
}

#[test]
fn labels_are_separated_by_blanks_and_unknown_ones_ignored() {
    let labels = layout(Grammar::Labels, TimestampAt::Elsewhere, "v1");
    for (line, result) in [
        (format!("v1,{BASE64}"), Ok(1)),
        (format!("v1a,{BASE64} v1,{BASE64} v2,x"), Ok(1)),
        (format!("v1,{BASE64}  v1,{BASE64}\tv1,x"), Ok(2)),
        (BASE64.into(), Err(Reason::MalformedHeader)),
        (format!("v1,{BASE64},x"), Err(Reason::MalformedSignature)),
        (format!("v1a,{BASE64}"), Err(Reason::MissingSignature)),
        ("v1,".into(), Err(Reason::MalformedSignature)),
        (String::new(), Err(Reason::MissingSignature)),
    ] {
        assert_eq!(
            one_line(&labels, &line).map(|(_, count)| count),
            result,
            "{line}"
        );
    }
}

#[test]
fn a_prefix_is_required_unless_it_is_optional() {
    let prefixed = layout(
        Grammar::Prefix("sha256=".into()),
        TimestampAt::Elsewhere,
        "",
    );
    let optional = layout(
        Grammar::OptionalPrefix("sha256=".into()),
        TimestampAt::Elsewhere,
        "",
    );
    let bare = layout(Grammar::Bare, TimestampAt::Elsewhere, "");
    let with = format!("sha256={HEX}");

    assert_eq!(one_line(&prefixed, &with), Ok((None, 1)));
    assert_eq!(one_line(&prefixed, HEX), Err(Reason::MalformedHeader));
    assert_eq!(
        one_line(&prefixed, &format!("SHA256={HEX}")),
        Err(Reason::MalformedHeader)
    );
    assert_eq!(one_line(&optional, &with), Ok((None, 1)));
    assert_eq!(one_line(&optional, HEX), Ok((None, 1)));
    assert_eq!(one_line(&bare, HEX), Ok((None, 1)));
    assert_eq!(one_line(&bare, &with), Err(Reason::MalformedSignature));
}

#[test]
fn a_positional_list_has_its_timestamp_first() {
    let list = layout(Grammar::Positions(','), TimestampAt::First, "");

    assert_eq!(
        one_line(&list, &format!("17,{HEX}, {HEX}")),
        Ok((Some("17".into()), 2))
    );
    assert_eq!(one_line(&list, "17"), Err(Reason::MissingSignature));
    assert_eq!(one_line(&list, HEX), Err(Reason::MissingSignature));
}

#[test]
fn a_header_in_two_lines_is_refused_unless_the_scheme_repeats_it() {
    let line = format!("sha256={HEX}");
    let mut prefixed = layout(
        Grammar::Prefix("sha256=".into()),
        TimestampAt::Elsewhere,
        "",
    );
    assert_eq!(
        read(&prefixed, &[&line, &line]),
        Err(Reason::DuplicateHeader)
    );
    assert_eq!(read(&prefixed, &[]), Err(Reason::MissingHeader));

    prefixed.repeated = true;
    assert_eq!(read(&prefixed, &[&line, &line]), Ok((None, 2)));
    assert_eq!(read(&prefixed, &[&line, "x"]), Err(Reason::MalformedHeader));
    assert_eq!(read(&prefixed, &[]), Err(Reason::MissingHeader));
    let lines = [line.as_str(); MAX_SIGNATURES + 1];
    assert_eq!(read(&prefixed, &lines), Err(Reason::TooManySignatures));
}

#[test]
fn a_header_of_more_than_four_kilobytes_is_not_looked_at() {
    let short = format!("t=17,sha256={HEX},x=");
    let longest = format!("{short}{}", "x".repeat(crate::MAX_HEADER - short.len()));
    assert_eq!(longest.len(), crate::MAX_HEADER);

    assert_eq!(one_line(&pairs(), &longest), Ok((Some("17".into()), 1)));
    assert_eq!(
        one_line(&pairs(), &format!("{longest}x")),
        Err(Reason::HeaderTooLong)
    );
}
