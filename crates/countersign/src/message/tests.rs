use super::*;

fn filled(template: &str) -> Result<String, Reason> {
    let mut headers = HeaderMap::new();
    headers.insert("x-kind", "ping".parse().unwrap());
    headers.append("x-twice", "a".parse().unwrap());
    headers.append("x-twice", "b".parse().unwrap());
    let words = Words {
        timestamp: b"17",
        id: b"msg_1",
        method: &Method::PUT,
        url: PublicUrl::new("https://a.example", "/in?x=%20"),
        headers: &headers,
        body: b"{}",
        derived: &[],
    };
    let template: Template = template.parse().unwrap();
    let message = template.fill(&words)?;
    Ok(String::from_utf8(message.pieces().flatten().copied().collect()).unwrap())
}

#[test]
fn every_word_stands_for_the_bytes_received() {
    for (template, message) in [
        ("{timestamp}.{body}", "17.{}"),
        ("v0:{timestamp}:{body}", "v0:17:{}"),
        ("{id}.{timestamp}.{body}", "msg_1.17.{}"),
        ("{timestamp}{url}", "17https://a.example/in?x=%20"),
        (
            "{method}\n{target}\n{header:X-Kind}",
            "PUT\n/in?x=%20\nping",
        ),
        ("{{{body}}}", "{{}}"),
        ("}}{{{body}", "}{{}"),
    ] {
        assert_eq!(filled(template).unwrap(), message, "{template}");
    }
}

#[test]
fn a_signed_header_is_there_exactly_once() {
    assert_eq!(filled("{header:x-none}{body}"), Err(Reason::MissingHeader));
    assert_eq!(
        filled("{header:x-twice}{body}"),
        Err(Reason::DuplicateHeader)
    );
}

#[test]
fn a_template_that_says_nothing_clear_is_refused() {
    for (template, error) in [
        ("{boddy}", SchemeError::UnknownWord("boddy".into())),
        ("{}", SchemeError::UnknownWord(String::new())),
        ("{Body}", SchemeError::UnknownWord("Body".into())),
        ("{body", SchemeError::OpenBrace("{body".into())),
        ("body}", SchemeError::OpenBrace("body}".into())),
        ("{header:a b}{body}", SchemeError::HeaderName("a b".into())),
        (&"{url}".repeat(33), SchemeError::LongMessage),
    ] {
        assert_eq!(template.parse::<Template>(), Err(error), "{template}");
    }
}

#[test]
fn a_template_prints_as_it_is_written() {
    for text in [
        "v0:{timestamp}:{body}",
        "{{{header:x-a}}}{body}",
        "{method}{url}{target}{id}",
        "{target}{url}{url}",
        "{body:crc32}{body:base64url}{form:a}{form-sorted}{json:/a}{json?:/a/b}{json-raw:/0}",
        "{line:A}{line?:B}{listed:x-a}{parameter:p}{secret}{target:escaped}",
        "{token:head}.{token:claims}{url:port}{url:no-port}",
    ] {
        assert_eq!(text.parse::<Template>().unwrap().to_string(), text);
    }
}
