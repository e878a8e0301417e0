//! Times that stand beside a body with nothing between: no digit goes from one to the other.

use countersign::{Reason, Scheme, Signer, Verifier};
use http::Method;

use crate::support::{SECRET, Sent, ring};

#[test]
fn a_digit_does_not_move_between_time_and_body() {
    let scheme = |sign: &str| -> Scheme {
        let text = format!(
            r#"
            name = "acme"
            sign = "{sign}"
            ambiguous = "The sender puts nothing between."
            signature = {{ from = "header:X-Acme", encoding = "hex" }}
            timestamp = {{ from = "header:X-Time", unit = "seconds" }}
            rules = [{{ digest = "hmac-sha256" }}]
            "#
        );
        toml::from_str(&text).unwrap()
    };
    for (sign, body, time, moved_body, moved_time) in [
        ("{timestamp}{body}", "{}", "1700000000", "0{}", "170000000"),
        ("{timestamp}{body}", "{}", "1700000000", "00{}", "17000000"),
        (
            "{timestamp}{body}",
            "1{}",
            "1700000000",
            "01{}",
            "170000000",
        ),
        ("{body}{timestamp}", "{}", "1700000000", "{}1", "700000000"),
        ("{timestamp}{target}", "", "1700000000", "", "170000000"),
    ] {
        let scheme = scheme(sign);
        let signer = Signer::new(&scheme, &ring(&[SECRET])).unwrap();
        let timeless = Verifier::new(&scheme, &ring(&[SECRET]))
            .and_then(|verifier| verifier.with_window(None))
            .unwrap();
        let mut sent = Sent::bare(Method::POST, "/in", body.as_bytes());
        sent.sign(&signer);
        assert_eq!(sent.text("x-time"), time);
        assert_eq!(sent.reason(&timeless), None, "{sign}");

        sent.set("x-time", moved_time);
        sent.body = moved_body.into();
        if body.is_empty() {
            sent.target = "0/in".into();
        }
        assert_eq!(
            sent.reason(&timeless),
            Some(Reason::AmbiguousTimestamp),
            "{sign}"
        );
    }
}

#[test]
fn a_time_of_counted_digits_takes_none_from_its_neighbour_and_needs_no_excuse() {
    let scheme = |sign: &str, unit: &str| {
        let text = format!(
            r#"
            name = "acme"
            sign = "{sign}"
            signature = {{ from = "header:X-Acme", encoding = "hex" }}
            timestamp = {{ from = "header:X-Time", {unit} }}
            rules = [{{ digest = "hmac-sha256" }}]
            "#
        );
        toml::from_str::<Scheme>(&text)
    };
    const SECONDS: &str = "unit = \"seconds\", digits = 10";
    const MILLIS: &str = "unit = \"milliseconds\", digits = 13";
    for (sign, unit, body, moved_body, moved_time) in [
        ("{timestamp}{body}", SECONDS, "5{}", "{}", "17000000005"),
        ("{body}{timestamp}", SECONDS, "{}5", "{}", "51700000000"),
        ("{body}{timestamp}", MILLIS, "{}5", "{}", "51700000000000"),
        ("{timestamp}{body}", SECONDS, "{}", "0{}", "170000000"),
    ] {
        let scheme = scheme(sign, unit).unwrap();
        let signer = Signer::new(&scheme, &ring(&[SECRET])).unwrap();
        let verifier = Verifier::new(&scheme, &ring(&[SECRET])).unwrap();
        let timeless = verifier.with_window(None).unwrap();
        let mut sent = Sent::bare(Method::POST, "/in", body.as_bytes());
        sent.sign(&signer);
        assert_eq!(sent.reason(&timeless), None, "{sign}");

        sent.set("x-time", moved_time);
        sent.body = moved_body.into();
        assert_eq!(
            sent.reason(&timeless),
            Some(Reason::MalformedTimestamp),
            "{sign} {moved_time}"
        );
    }
    // Its other neighbour still could give and take.
    for (sign, unit) in [
        ("{timestamp}{body}", "unit = \"seconds\""),
        ("{method}{timestamp}{body}", SECONDS),
        ("{method}{body}{timestamp}", SECONDS),
    ] {
        let error = scheme(sign, unit).unwrap_err();
        assert!(error.message().contains("side by side"), "{sign}: {error}");
    }
}
