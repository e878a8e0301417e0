//! Each refusal has one answer.

use super::*;

#[test]
fn each_refusal_has_its_status_and_a_document_that_says_the_same() {
    for (refusal, status) in [
        (Refusal::BodyFailed, 400),
        (Refusal::BodyTimedOut, 408),
        (Refusal::BodyTooLarge, 413),
        (Refusal::InFlight, 409),
        (Refusal::MethodNotAllowed, 405),
        (
            Refusal::Rejected(countersign::Reason::BadSignature.into()),
            401,
        ),
        (Refusal::Repeated, 409),
        (Refusal::Unavailable, 503),
        (Refusal::UnknownFlow, 404),
    ] {
        let response = Problem.respond(&refusal, None);

        assert_eq!(response.status().as_u16(), status, "{refusal}");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let body = std::str::from_utf8(response.body()).unwrap();
        assert!(body.ends_with(&format!(r#""status":{status}}}"#)), "{body}");
        assert!(
            body.starts_with(r#"{"type":"about:blank","title":""#),
            "{body}"
        );
    }
}

#[test]
fn an_acknowledged_repeat_is_a_success() {
    let response = Problem.respond(&Refusal::Acknowledged, None);

    assert!(response.status().is_success());
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
}
